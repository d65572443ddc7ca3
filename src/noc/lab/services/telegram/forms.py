"""What a text, a keyboard and a list of commands have to be."""

import re
from collections.abc import Mapping
from typing import Any

from noc.lab.services.telegram.refusals import Refused

TEXT_CHARACTERS = 4096
DATA_BYTES = 64
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z-]*)(?P<rest>[^<>]*)(?P<close>>?)")
_TAGS = frozenset(("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote"))

Fields = Mapping[str, Any]


def read_text(given: Fields, too_long: str = "message is too long") -> str:
    """The text of a call, without its tags. Raises Refused, for one that is too long with these words."""
    text, mode = str(given.get("text", "")), str(given.get("parse_mode", ""))
    if mode not in ("", "HTML"):
        raise Refused.bad("unsupported parse_mode")
    text = check_html(text) if mode else text
    if not text.strip():
        raise Refused.bad("message text is empty")
    if len(text) > TEXT_CHARACTERS:
        raise Refused.bad(too_long)
    return text


def check_html(text: str) -> str:
    """A text without its tags. Raises Refused for what the API cannot parse."""
    opened: list[str] = []
    for tag in _TAG.finditer(text):
        at, name = len(text[: tag.start()].encode()), tag["name"].lower()
        if not tag["close"] and not (tag["rest"] and name not in _TAGS):
            raise Refused.bad(f"can't parse entities: Unclosed start tag at byte offset {at}")
        if not tag["end"]:
            if name not in _TAGS:
                raise Refused.bad(f'can\'t parse entities: Unsupported start tag "{name}" at byte offset {at}')
            opened.append(name)
        elif not opened:
            raise Refused.bad(f"can't parse entities: Unexpected end tag at byte offset {at}")
        elif (expected := opened.pop()) != name:
            words = f'Unmatched end tag at byte offset {at}, expected "</{expected}>", found "</{name}>"'
            raise Refused.bad(f"can't parse entities: {words}")
    if opened:
        raise Refused.bad(f"can't parse entities: Can't find end tag corresponding to start tag \"{opened[-1]}\"")
    return _TAG.sub("", text).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")


def read_keyboard(markup: Any) -> list[list[dict[str, str]]]:  # noqa: ANN401 - what a client sent
    """The rows of an inline keyboard. Raises Refused."""
    rows: list[list[dict[str, str]]] = (markup or {}).get("inline_keyboard", [])
    for button in (button for row in rows for button in row):
        if not button.get("text"):
            raise Refused.bad("text buttons are unallowed in the inline keyboard")
        if not 1 <= len(str(button.get("callback_data", "")).encode()) <= DATA_BYTES:
            raise Refused.bad("BUTTON_DATA_INVALID")
    return rows


def read_commands(given: Fields) -> list[dict[str, str]]:
    """The commands of a call. Raises Refused."""
    commands = list(given.get("commands", []))
    if len(commands) > 100 or not all(re.fullmatch(r"/?[a-z0-9_]{1,32}", each["command"]) for each in commands):
        raise Refused.bad("BOT_COMMAND_INVALID")
    return commands
