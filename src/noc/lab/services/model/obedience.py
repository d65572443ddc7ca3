"""A model that does whatever a text tells it."""

import json
import re
from collections.abc import Iterator
from typing import Any

from noc.lab.services.refusals import Document

DONE = "I have nothing further to do."
_ORDER = re.compile(r"\bcall\s+([a-zA-Z_][\w-]{0,63})\s*(?=\{)")


def obey(messages: list[Document], offered: list[str]) -> Document:
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


def _made(function: Document) -> tuple[str, Any]:
    """A call that was made, whichever way its arguments are written."""
    try:
        return function["name"], json.loads(function["arguments"])
    except ValueError:
        return function["name"], function["arguments"]


def orders(text: str) -> Iterator[tuple[str, Document]]:
    """The orders in a text, also in one that stands in JSON as a string: name and arguments."""
    for found in _ORDER.finditer(text):
        for rest in (text[found.end() :], text[found.end() :].replace('\\"', '"')):
            try:
                arguments, _ = json.JSONDecoder().raw_decode(rest)
            except ValueError:
                continue
            yield found.group(1), arguments
            break


def text_of(message: Document) -> str:
    """A message's text, whether it is a string or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _filled(value: Any, messages: list[Document]) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    field = re.compile(rf'\\?"{re.escape(value[1:])}\\?"\s*:\s*\\?"([^"\\]*)')
    said = (field.search(text_of(each)) for each in reversed(messages) if each.get("role") == "tool")
    return next((match.group(1) for match in said if match), value)
