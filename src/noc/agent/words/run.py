"""A run in a chat: how far it is while it is under way, and what became of each node at its end."""

from datetime import datetime

from noc.agent.words.message import Message
from noc.agent.words.neutral import neutral, stripped
from noc.agent.words.plan import SHOWN, table
from noc.errors import NocError
from noc.runs.runner.view import Outcome, View, closing, counted, footer, in_view

_WORDS = 160
_ERROR = 400


def run_message(view: View, now: datetime) -> Message:
    """A run as it stands.

    Args:
        view: folded from its records.
        now: the time, UTC.
    """
    return _under_way(view, now) if view.exit_code is None else _ended(view)


def outcome(view: View) -> str:
    """What became of a run in a word: `under way`, `ok`, `in part`, `failed`."""
    return {None: "under way", 0: "ok", 3: "in part"}.get(view.exit_code, "failed")


def trouble(view: View) -> str:
    """What ended a run as a whole, in one line; "" where nothing did. It may hold a node's own words."""
    if not view.error:
        return ""
    error = NocError(view.error["what"], why=view.error.get("why", ""), fix=view.error.get("fix", ""))
    return str(error).replace("NOC-E000", view.error["code"])


def _under_way(view: View, now: datetime) -> Message:
    rows, left = in_view(view, SHOWN)
    lines = [f"run {view.run}, asked for by {view.by}", footer(view, now)]
    lines += [neutral(view.notice, _WORDS)] if view.notice else []
    lines += _failures(view)
    cells = [(name, row.step, stripped(row.verdict, _WORDS)) for name, row in rows]
    block = "\n".join(filter(None, (table(cells), f"and {left} more" if left else "")))
    return Message(f"{view.what}: {counted(view)}", tuple(lines), block)


def _failures(view: View) -> list[str]:
    failed = [(name, row) for name, row in view.rows.items() if row.outcome is Outcome.FAILED and row.words]
    return [f"{name}: {neutral(row.words, _WORDS)}" for name, row in failed[:SHOWN]]


def _ended(view: View) -> Message:
    good = sum(verdict.good for verdict in view.verdicts)
    lines = [f"run {view.run}, asked for by {view.by}", *filter(None, [closing(view)])]
    lines += [f"{each.node}: {neutral(each.why, _WORDS)}" for each in view.verdicts[:SHOWN] if each.why]
    lines += [neutral(trouble(view), _ERROR)] if view.error else []
    cells = [
        (each.node, stripped(f"{each.before or '-'} → {each.now or '-'}", _WORDS), stripped(each.verdict, _WORDS))
        for each in view.verdicts
    ]
    title = f"{view.what}: {outcome(view)}, {good} of {len(view.verdicts)} nodes good"
    return Message(title, tuple(lines), table(cells))
