"""One entry of a node's journal, as `journalctl -o json` writes it (systemd.journal-fields(7)); pure.

Whatever a node says is hostile: texts are tamed, and what can only be a secret of ours is struck out.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from noc.runs.record.tame import tame

FIELDS = ("MESSAGE", "PRIORITY", "_SYSTEMD_UNIT", "UNIT", "SYSLOG_IDENTIFIER")
HIDDEN = "[hidden]"
HUGE = "[a message of more than 4 KiB]"
"""journalctl shows no field that is larger unless it is told to."""

_SECRETS = (
    re.compile(r"(/api/push/)[^\s/?#\"'<>&]+"),
    re.compile(r"(?i)(\bbearer\s+)[^\s\"',;]+"),
    re.compile(r"(?i)(\b(?:password|api_token|authtoken|secretkey|private_?key)\s*[=:]\s*)[^\s\"',;&]+"),
)
_INFO = 6


@dataclass(frozen=True)
class Entry:
    """What a unit said.

    Attributes:
        at_us: when, by the node's own clock, in microseconds since 1970.
        node: its name.
        unit: the unit that it is of, else the program that said it.
        priority: as syslog counts it: 0 the worst, 7 the least.
        message: one line of bounded length.
        cursor: where the journal goes on behind it.
    """

    at_us: int
    node: str
    unit: str
    priority: int
    message: str
    cursor: str

    def as_dict(self) -> dict[str, Any]:
        """As the door sends it: without what only the runner needs."""
        return {
            "at_us": self.at_us,
            "node": self.node,
            "unit": self.unit,
            "priority": self.priority,
            "message": self.message,
        }


def entry_of(node: str, line: bytes) -> Entry | None:
    """Read one line. None for what is no entry; a node cannot stop the others by talking nonsense.

    Args:
        node: whose journal it is.
        line: a JSON object, as journalctl writes it.
    """
    try:
        found = json.loads(line)
        at_us, priority = int(found["__REALTIME_TIMESTAMP"]), int(_text(found.get("PRIORITY")) or _INFO)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    unit = _text(found.get("UNIT")) or _text(found.get("_SYSTEMD_UNIT")) or _text(found.get("SYSLOG_IDENTIFIER"))
    return Entry(
        at_us=max(0, min(at_us, 1 << 62)),
        node=node,
        unit=tame(unit)[:100],
        priority=min(max(priority, 0), 7),
        message=tame(hide(_text(found.get("MESSAGE", "")))) if found.get("MESSAGE", "") is not None else HUGE,
        cursor=str(found.get("__CURSOR", ""))[:1000],
    )


def hide(text: str) -> str:
    """A text without what follows the words that tokens, passwords and keys follow."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{HIDDEN}", text)
    return text


def _text(value: object) -> str:
    """A field: a text, a list of bytes where it is no UTF-8, a list of fields where it is there twice, None if huge."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(each, int) and 0 <= each < 256 for each in value):
        return bytes(value).decode(errors="replace")
    if isinstance(value, list) and value:
        return _text(value[0]) if isinstance(value[0], str | list) else ""
    return ""
