"""Events in words, one short sentence each; the node's name stands before it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

Detail = Mapping[str, Any]


def _during(detail: Detail) -> str:
    return f" during run {detail['run']}" if detail.get("run") else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}es"


_SENTENCES: Final[dict[str, Callable[[Detail], str]]] = {
    "incident-opened": lambda detail: f"{detail['severity']} opened",
    "incident-escalated": lambda detail: f"escalated to {detail['severity']}",
    "incident-closed": lambda detail: f"{detail['severity']} closed, {detail['why']}",
    "death": lambda detail: detail["why"] + _during(detail),
    "missed": lambda detail: f"missed {_count(detail['pushes'], 'push')}{_during(detail)}",
    "boot": lambda detail: f"runs a new process, version {detail.get('version') or 'unknown'}",
    "gap": lambda detail: f"{_count(detail['missing'], 'push')} never arrived",
    "alert-sent": lambda detail: f"{detail['severity']} told to {detail['channel']}",
    "foreign-token": lambda detail: f"its push token was used by {detail['sender'] or detail['address']}",
}


def sentence(event: Mapping[str, Any]) -> str:
    """An event in words.

    Args:
        event: as `/api/v1/events` shows it: `kind` and `detail` are read.
    """
    return _SENTENCES[event["kind"]](event["detail"])
