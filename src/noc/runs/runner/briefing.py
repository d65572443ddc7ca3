"""What people are told once a run has ended: what changed, how it went, by whom."""

from typing import Final

from noc.runs.plan.plan import Action
from noc.runs.record.tame import tame
from noc.runs.runner.view import View, closing, counted

BRIEFED: Final[frozenset[Action]] = frozenset(
    {"deploy", "rollback", "os-update", "provision", "replace", "restore", "remove", "terminate"}
)
"""Runs after which what serves is another than before; of the others the journal tells."""
MOST_NAMED: Final = 6
_LINE: Final = 300


def briefing(view: View, action: Action, approved_by: str = "") -> tuple[str, list[str]] | None:
    """Title and lines of the message about a run, each of one line and at most 300 characters.

    Args:
        view: the run, which has ended.
        action: what it did.
        approved_by: who agreed to it, "" where nobody had to.

    Returns:
        None for a run of which nobody needs to hear.
    """
    if action not in BRIEFED or view.exit_code is None:
        return None
    bad = [verdict for verdict in view.verdicts if not verdict.good]
    by = f"by {view.by}" + (f", approved by {approved_by}" if approved_by else "")
    lines = [f"{counted(view)} · {closing(view)}", by]
    lines += [f"! {each.node} {each.verdict}: {each.why or 'see the run'}" for each in bad[:MOST_NAMED]]
    if len(bad) > MOST_NAMED:
        lines.append(f"! and {len(bad) - MOST_NAMED} more: noc run show {view.run[-4:]}")
    if view.error:
        lines.append(f"! {view.error['what']}")
    title = f"{view.what}: {'done' if view.exit_code == 0 else 'not as planned'}"
    return _line(title), [_line(line) for line in lines]


def _line(text: str) -> str:
    told = str(tame(text))
    return told if len(told) <= _LINE else f"{told[: _LINE - 1]}…"
