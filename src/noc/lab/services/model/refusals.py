"""What the original refuses of a request for a completion."""

import json
import re

from noc.lab.services import refusals
from noc.lab.services.model.completion import CHARS_A_TOKEN
from noc.lab.services.refusals import Document

MAX_TOOLS = 128
CONTEXT_TOKENS = 196_608
_KINDS = {401: "authentication_error", 429: "requests", 500: "server_error", 503: "server_error"}
_TOOL = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Refused(refusals.Refused):
    """A request that the original answers with an error document: HTTP status, its sentence, parameter and code."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        kind = _KINDS.get(status, "invalid_request_error")
        error = {"message": message, "type": kind, "param": param, "code": code}
        super().__init__(status, {"error": error}, {"Retry-After": "1"} if status == 429 else None)


def told_refusal(status: int) -> Refused:
    """The refusal that a script asks for, as the original words it."""
    if status == 429:
        return Refused(429, "Rate limit reached for requests. Please try again in 1s.", code="rate_limit_exceeded")
    return Refused(status, "The server had an error while processing your request. Sorry about that!")


def check(request: Document, models: tuple[str, ...]) -> None:
    """Refuse what the original refuses of a request for a completion. Raises Refused."""
    model, messages = request.get("model"), request.get("messages")
    if not isinstance(model, str):
        raise Refused(400, "you must provide a model parameter", code="missing_required_parameter")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise Refused(400, "Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if model not in models:
        sentence = f"The model `{model}` does not exist or you do not have access to it."
        raise Refused(404, sentence, code="model_not_found")
    _check_tools(request.get("tools") or [])
    _check_turns(messages)
    if (tokens := len(json.dumps(messages)) // CHARS_A_TOKEN) > CONTEXT_TOKENS:
        sentence = (
            f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your messages resulted in "
            f"{tokens} tokens. Please reduce the length of the messages."
        )
        raise Refused(400, sentence, "messages", "context_length_exceeded")


def _check_tools(tools: list[Document]) -> None:
    if len(tools) > MAX_TOOLS:
        sentence = f"Invalid 'tools': array too long. Expected an array with maximum length {MAX_TOOLS}"
        sentence += f", but got an array with length {len(tools)} instead."
        raise Refused(400, sentence, "tools", "array_above_max_length")
    for index, tool in enumerate(tools):
        if not _TOOL.fullmatch(str(tool.get("function", {}).get("name", ""))):
            param = f"tools[{index}].function.name"
            sentence = f"Invalid '{param}': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$'."
            raise Refused(400, sentence, param, "invalid_value")


def _check_turns(messages: list[Document]) -> None:
    """Every call of a tool is answered right behind it, and nothing else is."""
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        where = f"messages.[{index}].role"
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in open_calls:
                sentence = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise Refused(400, f"Invalid parameter: {sentence}", where)
            open_calls.remove(message["tool_call_id"])
            continue
        _check_answered(open_calls, where)
        open_calls = {str(call.get("id")) for call in message.get("tool_calls") or []}
    _check_answered(open_calls, f"messages.[{len(messages) - 1}].role")


def _check_answered(open_calls: set[str], where: str) -> None:
    if open_calls:
        sentence = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}"
        )
        raise Refused(400, sentence, where)
