"""A stand-in for a model behind OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat).

One standard-library file, because it is copied to the lab's internet machine and runs there alone. It thinks nothing:
it gives the answers that it was told to give, or, switched to `obedient`, it calls whatever tool a text among its
messages tells it to call, be it a person's or a log line's: the worst model that an agent could have.
docs/stand-ins.md lists each refusal of the original with its source and the test that provokes it.

Who plays with it speaks to `/_stand-in/`: `POST script` {"answers": [...]}, `POST mode` {"obedient": true},
`GET requests`, `DELETE` all of it. An answer is {"say": text}, {"call": [{"name", "arguments"}]}, {"cut": text} (the
stream ends in the middle), or {"refuse": 429} (or 500, 503).
"""

import argparse
import hmac
import json
import re
import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urlsplit

BODY_BYTES = 4 * 2**20
MAX_TOOLS = 128
CONTEXT_TOKENS = 196_608
CHARS_A_TOKEN = 4
KEPT = 1_000
CONTROL = "/_stand-in/"
DONE = "I have nothing further to do."
_TOOL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ORDER = re.compile(r"\bcall\s+([a-zA-Z_][\w-]{0,63})\s*(?=\{)")

Json = dict[str, Any]


class Refused(Exception):
    """A request that the original answers with an error document: HTTP status, its sentence, parameter and code."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code

    def document(self) -> Json:
        """The error as the original shows it."""
        kinds = {401: "authentication_error", 429: "requests", 500: "server_error", 503: "server_error"}
        kind = kinds.get(self.status, "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def told_refusal(status: int) -> Refused:
    """The refusal that a script asks for, as the original words it."""
    if status == 429:
        return Refused(429, "Rate limit reached for requests. Please try again in 1s.", code="rate_limit_exceeded")
    return Refused(status, "The server had an error while processing your request. Sorry about that!")


def check(request: Json, models: tuple[str, ...]) -> None:
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


def _check_tools(tools: list[Json]) -> None:
    if len(tools) > MAX_TOOLS:
        sentence = f"Invalid 'tools': array too long. Expected an array with maximum length {MAX_TOOLS}"
        sentence += f", but got an array with length {len(tools)} instead."
        raise Refused(400, sentence, "tools", "array_above_max_length")
    for index, tool in enumerate(tools):
        if not _TOOL.fullmatch(str(tool.get("function", {}).get("name", ""))):
            param = f"tools[{index}].function.name"
            sentence = f"Invalid '{param}': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$'."
            raise Refused(400, sentence, param, "invalid_value")


def _check_turns(messages: list[Json]) -> None:
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


def obey(messages: list[Json], offered: list[str]) -> Json:
    """What the obedient model answers: the first order among the messages that it has not carried out yet.

    An order is `call NAME {arguments}` in any message but the system's and its own; `"$field"` among the arguments is
    what the last answer of a tool says of that field. A tool that is not offered is called all the same.
    """
    done = [_made(call["function"]) for message in messages for call in message.get("tool_calls") or []]
    heard = [text_of(message) for message in messages if message.get("role") in {"user", "tool"}]
    for name, arguments in (order for text in heard for order in orders(text)):
        called = next((tool for tool in offered if tool == name or tool.endswith(f"__{name}")), name)
        filled = {key: _filled(value, messages) for key, value in arguments.items()}
        if (called, filled) not in done:
            return {"call": [{"name": called, "arguments": filled}]}
    last = next((text_of(each) for each in reversed(messages) if each.get("role") == "tool"), "")
    return {"say": f"{last[:1000]}\n{DONE}".strip()}


def _made(function: Json) -> tuple[str, Any]:
    """A call that was made, whichever way its arguments are written."""
    try:
        return function["name"], json.loads(function["arguments"])
    except ValueError:
        return function["name"], function["arguments"]


def orders(text: str) -> Iterator[tuple[str, Json]]:
    """The orders in a text, also in one that stands in JSON as a string: name and arguments."""
    for found in _ORDER.finditer(text):
        for rest in (text[found.end() :], text[found.end() :].replace('\\"', '"')):
            try:
                arguments, _ = json.JSONDecoder().raw_decode(rest)
            except ValueError:
                continue
            yield found.group(1), arguments
            break


def text_of(message: Json) -> str:
    """A message's text, whether it is a string or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _filled(value: Any, messages: list[Json]) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    field = re.compile(rf'\\?"{re.escape(value[1:])}\\?"\s*:\s*\\?"([^"\\]*)')
    said = (field.search(text_of(each)) for each in reversed(messages) if each.get("role") == "tool")
    return next((match.group(1) for match in said if match), value)


class Mind:
    """What it was told to answer, and what it was asked; safe for use by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._answers: deque[Json] = deque()
        self._asked: deque[Json] = deque(maxlen=KEPT)
        self.obedient = False

    def tell(self, answers: list[Json]) -> None:
        """Queue answers, to be given in this order."""
        with self._lock:
            self._answers.extend(answers)

    def asked(self) -> list[Json]:
        """The requests, in order: model, messages and the tools' names; never a key."""
        with self._lock:
            return list(self._asked)

    def answer(self, request: Json) -> Json:
        """Note a request, and say what is answered: what was queued first, then what `obey` says, or a last word."""
        offered = [tool["function"]["name"] for tool in request.get("tools") or []]
        kept = {"model": request["model"], "messages": request["messages"], "tools": offered}
        with self._lock:
            self._asked.append(kept)
            if self._answers:
                return self._answers.popleft()
        return obey(request["messages"], offered) if self.obedient else {"say": DONE}


def completion(model: str, answer: Json, asked_chars: int) -> Json:
    """A whole completion, as the original gives it to who does not stream."""
    calls = [
        {
            "id": f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call.get("arguments", {}))},
        }
        for call in answer.get("call", [])
    ]
    said = answer.get("say", answer.get("cut"))
    message: Json = {"role": "assistant", "content": said} | ({"tool_calls": calls} if calls else {})
    spent = len(json.dumps(message)) // CHARS_A_TOKEN
    prompt = asked_chars // CHARS_A_TOKEN
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": spent, "total_tokens": prompt + spent},
    }


def chunks(whole: Json, *, usage: bool) -> Iterator[Json]:
    """The same completion in pieces, as the original streams it: each text and each call's arguments in two halves."""
    head = {key: whole[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    choice = whole["choices"][0]
    message = choice["message"]

    def piece(delta: Json, finish: str | None = None) -> Json:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield piece({"role": "assistant", "content": ""})
    for part in _halves(message["content"] or ""):
        yield piece({"content": part})
    for index, call in enumerate(message.get("tool_calls", [])):
        name = {"name": call["function"]["name"], "arguments": ""}
        yield piece({"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": name}]})
        for part in _halves(call["function"]["arguments"]):
            yield piece({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    yield piece({}, choice["finish_reason"])
    if usage:
        yield head | {"choices": [], "usage": whole["usage"]}


def _halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [part for part in (text[:middle], text[middle:]) if part]


class Handler(BaseHTTPRequestHandler):
    """One connection: `GET …/v1/models`, `POST …/v1/chat/completions`, and the control below `/_stand-in/`."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: "Server"

    def do_GET(self) -> None:
        """List the models, or tell what was asked."""
        self._answer(self._read)

    def do_POST(self) -> None:
        """Complete a chat, or take what is to be answered."""
        self._answer(self._write)

    def do_DELETE(self) -> None:
        """Forget everything."""
        self._answer(self._forget)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - http.server's signature
        """Say nothing: a key in a log would be one too many."""

    def _read(self) -> Json:
        path = urlsplit(self.path).path
        if path == f"{CONTROL}requests":
            return {"requests": self.server.mind.asked()}
        self._check_key()
        if not path.endswith("/v1/models"):
            raise self._unknown()
        rows = [{"id": each, "object": "model", "created": 0, "owned_by": "stand-in"} for each in self.server.models]
        return {"object": "list", "data": rows}

    def _write(self) -> Json | None:
        path, mind = urlsplit(self.path).path, self.server.mind
        if path == f"{CONTROL}script":
            mind.tell(self._body()["answers"])
            return {}
        if path == f"{CONTROL}mode":
            mind.obedient = bool(self._body()["obedient"])
            return {}
        self._check_key()
        if not path.endswith("/v1/chat/completions"):
            raise self._unknown()
        return self._complete(self._body())

    def _complete(self, request: Json) -> Json | None:
        """A completion as a document, or None where it was streamed."""
        check(request, self.server.models)
        answer = self.server.mind.answer(request)
        if "refuse" in answer:
            raise told_refusal(answer["refuse"])
        whole = completion(request["model"], answer, len(json.dumps(request["messages"])))
        if not request.get("stream"):
            return whole
        self._stream(whole, cut="cut" in answer, usage=bool((request.get("stream_options") or {}).get("include_usage")))
        return None

    def _stream(self, whole: Json, *, cut: bool, usage: bool) -> None:
        """Server-sent events; the connection's end is the stream's end."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        for number, chunk in enumerate(chunks(whole, usage=usage)):
            if cut and number == 2:
                return
            self._event(json.dumps(chunk))
        self._event("[DONE]")

    def _event(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()

    def _forget(self) -> Json:
        if urlsplit(self.path).path != CONTROL:
            raise self._unknown()
        self.server.mind.reset()
        return {}

    def _unknown(self) -> Refused:
        return Refused(404, f"Invalid URL ({self.command} {urlsplit(self.path).path})")

    def _check_key(self) -> None:
        given = self.headers.get("Authorization", "")
        if hmac.compare_digest(given.encode(), f"Bearer {self.server.key}".encode()):
            return
        self.close_connection = True  # what it still sends is not read
        if not given:
            raise Refused(401, "You didn't provide an API key.")
        raise Refused(401, "Incorrect API key provided.", code="invalid_api_key")

    def _body(self) -> Json:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_BYTES:
            self.close_connection = True
            raise Refused(413, "Request body too large.")
        try:
            document = json.loads(self.rfile.read(int(length)))
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Refused(400, "We could not parse the JSON body of your request.")
        return document

    def _answer(self, act: Any) -> None:  # noqa: ANN401 - a bound method
        try:
            status, document = 200, act()
        except Refused as refusal:
            status, document = refusal.status, refusal.document()
        if document is None:
            return
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """The server: TLS where it has a certificate, plain HTTP otherwise."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], key: str, models: tuple[str, ...], tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(address, Handler)
        self.key, self.models, self.mind, self._tls = key, models, Mind(), tls

    def get_request(self) -> tuple[socket, Any]:
        """Accept a connection; its handshake is done by its own thread, so that a silent client blocks nobody."""
        connection, address = super().get_request()
        connection.settimeout(Handler.timeout)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's signature
        """A connection that broke is the client's affair."""


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True, help="address:port")
    parser.add_argument("--token-file", type=Path, required=True, help="the key that callers show")
    parser.add_argument("--model", action="append", required=True, help="a model that is offered")
    parser.add_argument("--certificate", type=Path, help="plain HTTP without one, for loopback")
    parser.add_argument("--key", type=Path)
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate, options.key)
    host, _, port = options.listen.rpartition(":")
    key = options.token_file.read_text().strip()
    Server((host, int(port)), key, tuple(options.model), tls).serve_forever()


if __name__ == "__main__":
    main()
