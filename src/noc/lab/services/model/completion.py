"""Completions as the original writes them: whole, or in the pieces of a stream."""

import json
import secrets
import time
from collections.abc import Iterator

from noc.lab.services.refusals import Document

CHARS_A_TOKEN = 4
"""How tokens are counted here."""


def completion(model: str, answer: Document, asked_chars: int) -> Document:
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
    message: Document = {"role": "assistant", "content": said} | ({"tool_calls": calls} if calls else {})
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


def chunks(whole: Document, *, usage: bool) -> Iterator[Document]:
    """The same completion in pieces, as the original streams it: each text and each call's arguments in two halves."""
    head = {key: whole[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    choice = whole["choices"][0]
    message = choice["message"]

    def piece(delta: Document, finish: str | None = None) -> Document:
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
