"""The fleet in a chat: how many nodes stand where, what is open, who changes something, what waits."""

from collections.abc import Mapping, Sequence
from typing import Any

from noc.agent.words.incident import incident_line
from noc.agent.words.message import Message
from noc.agent.words.neutral import neutral, stripped
from noc.agent.words.plan import SHOWN, table

Document = Mapping[str, Any]
_WORDS = 160


def counts(nodes: Sequence[Document]) -> str:
    """How many nodes are in which state: `19 up, 1 late, 1 down`."""
    states = [str(node["state"]) for node in nodes]
    order = ("down", "unheard", "late", "up", "pending")
    return ", ".join(f"{states.count(state)} {state}" for state in order if state in states)


def status_message(
    nodes: Sequence[Document], incidents: Sequence[Document], now: str, more: Sequence[str] = ()
) -> Message:
    """The fleet at a glance.

    Args:
        nodes: as the watch describes them.
        incidents: those that are open.
        now: the watch's time.
        more: lines about runs, requests and whoever could not be asked.
    """
    lines = [incident_line(each, now) for each in incidents[:SHOWN]]
    bad = [node for node in nodes if node["state"] in ("down", "unheard", "late")]
    title = counts(nodes) + (f"; {len(incidents)} open" if incidents else "; nothing is open")
    return Message(title, (*lines, *more), table([(node["name"], node["state"]) for node in bad]) if bad else "")


def health_message(answer: Document) -> Message:
    """What HQ found of nodes when it looked; `answer` is the runner's to `health`."""
    rows = answer["nodes"]
    well = sum(bool(row["healthy"]) for row in rows)
    lines = []
    for row in rows:
        bad = [f"{check['name']}: {check['words']}" for check in row["checks"] if check["state"] != "ok"]
        lines += [f"{row['node']}: {neutral('; '.join(bad), _WORDS)}"] if bad else []
    pending = [f"pending: {', '.join(answer['pending'])}"] if answer["pending"] else []
    return Message(f"{well} of {len(rows)} nodes healthy", (*lines[:SHOWN], *pending), _checks(rows))


def _checks(rows: Sequence[Document]) -> str:
    """All checks, where one node was looked at."""
    if len(rows) != 1:
        return ""
    return table([(check["name"], check["state"], stripped(check["words"], _WORDS)) for check in rows[0]["checks"]])
