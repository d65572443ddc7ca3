"""What a message and a command may hold."""

import re
from typing import Any

from noc.lab.services.discord.refusals import Refused, form
from noc.lab.services.refusals import Document

CONTENT_MAX = 2000
_NAME = re.compile(r"[-_'\w]{1,32}")


def _text(document: Document, name: str, path: str, shortest: int, longest: int) -> str:
    value = document.get(name)
    if value is None:
        raise form(path, "BASE_TYPE_REQUIRED", "This field is required")
    if not isinstance(value, str):
        raise form(path, "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    if not shortest <= len(value) <= longest:
        raise form(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length.")
    return value


def check_components(rows: Any) -> None:  # noqa: ANN401 - from the wire
    """At most five rows of one to five buttons, each with an id of its own. Raises Refused 50035."""
    if not isinstance(rows, list) or len(rows) > 5:
        raise form("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    seen: set[str] = set()
    for at, row in enumerate(rows):
        buttons = row.get("components") if isinstance(row, dict) and row.get("type") == 1 else None
        if not isinstance(buttons, list):
            raise form(f"components.{at}", "UNION_TYPE_CHOICES", "Value of field must be a row of components.")
        if not 1 <= len(buttons) <= 5:
            raise form(f"components.{at}.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
        for place, button in enumerate(buttons):
            _check_button(button, f"components.{at}.components.{place}", seen)


def _check_button(button: Any, path: str, seen: set[str]) -> None:  # noqa: ANN401 - from the wire
    if not isinstance(button, dict) or button.get("type") != 2 or button.get("style") not in {1, 2, 3, 4}:
        raise form(f"{path}.type", "UNION_TYPE_CHOICES", "The stand-in has buttons with an id, and nothing else.")
    _text(button, "label", f"{path}.label", 1, 80)
    custom = _text(button, "custom_id", f"{path}.custom_id", 1, 100)
    if custom in seen:
        sentence = "Component custom id cannot be duplicated"
        raise form(f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", sentence)
    seen.add(custom)


def check_message(body: Document, *, sends: bool) -> None:
    """What a message may hold; one that is sent is not empty. Raises Refused."""
    content = body.get("content") or ""
    if not isinstance(content, str):
        raise form("content", "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    if len(content) > CONTENT_MAX:
        raise form("content", "BASE_TYPE_MAX_LENGTH", f"Must be {CONTENT_MAX} or fewer in length.")
    if body.get("embeds") or body.get("attachments") or body.get("poll"):
        raise Refused(501, 0, "The stand-in has messages of text and buttons alone.")
    check_components(body.get("components") or [])
    if sends and not content.strip():
        raise Refused(400, 50006, "Cannot send an empty message")
    mentions = body.get("allowed_mentions") or {}
    if not isinstance(mentions, dict) or not set(mentions.get("parse") or ()) <= {"everyone", "roles", "users"}:
        raise form(
            "allowed_mentions.parse.0", "BASE_TYPE_CHOICES", "Value must be one of ('roles', 'users', 'everyone')."
        )


def check_commands(commands: Any) -> list[Document]:  # noqa: ANN401 - from the wire
    """A guild's commands as they may be registered. Raises Refused 50035, or 30032 for more than a hundred."""
    if not isinstance(commands, list) or not all(isinstance(command, dict) for command in commands):
        raise form("_root", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    if len(commands) > 100:
        raise Refused(400, 30032, "Maximum number of application commands reached (100).")
    names: set[str] = set()
    for at, command in enumerate(commands):
        _check_named(command, str(at))
        if command["name"] in names:
            sentence = "Application command names must be unique"
            raise form(str(at), "APPLICATION_COMMANDS_DUPLICATE_NAME", sentence)
        names.add(command["name"])
        _check_options(command.get("options") or [], f"{at}.options")
    return commands


def _check_named(document: Document, path: str) -> None:
    name = _text(document, "name", f"{path}.name", 1, 32)
    if not _NAME.fullmatch(name) or name != name.lower():
        raise form(f"{path}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    _text(document, "description", f"{path}.description", 1, 100)


def _check_options(options: list[Document], path: str) -> None:
    if len(options) > 25:
        raise form(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    optional = False
    for at, option in enumerate(options):
        _check_named(option, f"{path}.{at}")
        if option.get("type") != 3:
            raise Refused(501, 0, "The stand-in has options of text alone.")
        if optional and option.get("required"):
            sentence = "Required options must be placed before non-required options"
            raise form(f"{path}.{at}", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", sentence)
        optional = not option.get("required")
