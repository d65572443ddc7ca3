"""Events in words, one short sentence each; the node's name stands before it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from noc.watch.store.records import Event

Detail = Mapping[str, Any]


def _during(detail: Detail) -> str:
    return f" during run {detail['run']}" if detail.get("run") else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}es"


def _said(detail: Detail, word: str) -> str:
    return f": {detail[word]}" if detail.get(word) else ""


_JOB: Final = {"running": "under way", "ok": "done", "failed": "failed", "missed": "missed"}
_SENTENCES: Final[dict[str, Callable[[Detail], str]]] = {
    "incident-opened": lambda detail: f"{detail['severity']} opened",
    "incident-escalated": lambda detail: f"escalated to {detail['severity']}",
    "incident-closed": lambda detail: f"{detail['severity']} closed, {detail['why']}",
    "death": lambda detail: detail["why"] + _during(detail),
    "missed": lambda detail: f"missed {_count(detail['pushes'], 'push')}{_during(detail)}",
    "boot": lambda detail: f"runs a new process, version {detail.get('version') or 'unknown'}",
    "gap": lambda detail: f"{_count(detail['missing'], 'push')} never arrived",
    "alert-sent": lambda detail: f"{detail['severity']} told to {detail['channel']}",
    "alert-failed": lambda detail: f"could not be told to {detail['channel']}{_said(detail, 'error')}",
    "foreign-token": lambda detail: f"its push token was used by {detail['sender'] or detail['address']}",
    "acknowledged": lambda detail: f"taken over by {detail['who']}{_said(detail, 'note')}",
    "note": lambda detail: f"{detail['who']} wrote{_said(detail, 'text')}",
    "reminder": lambda _detail: "nobody has taken it over: people were reminded",
    "reboot": lambda _detail: "the machine was started anew",
    "version": lambda detail: f"is to run {detail['version'] or 'an unknown version'}",
    "public-failed": lambda detail: f"its public address does not serve ({detail['stage']}){_said(detail, 'detail')}",
    "public-restored": lambda _detail: "its public address serves again",
    "maintenance-began": lambda detail: f"maintenance began{_said(detail, 'reason')}",
    "maintenance-ended": lambda _detail: "maintenance is over",
    "restored": lambda detail: f"was restored from its backup of {detail['backup']}, {detail['age']} old by then",
    "job": lambda detail: f"{detail['job']}: {_JOB[detail['state']]}{_said(detail, 'words')}",
}


def sentence(event: Event) -> str:
    """An event in words; one that does not say what its kind should is told by its kind alone."""
    try:
        return _SENTENCES[event.kind](event.detail)
    except KeyError:
        return event.kind.replace("-", " ")
