"""What stands on buttons, and what comes back from them: a word and digits of a plan's digest, no secret.

Whoever presses sends whatever they like. So a button decides nothing: the runner asks who presses, and knows what it
has planned and what waits.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from noc.agent.bot.transport import Button, Style

What = Literal["begin", "cancel", "approve", "deny", "plan"]
DIGITS = 16
"""Hex digits of a digest that stand in a button."""
_DATA = re.compile(rf"({'|'.join(get_args(What))}):([0-9a-f]{{{DIGITS}}})")


@dataclass(frozen=True)
class Pressed:
    """A button of ours that was pressed: what for, and for which plan."""

    what: What
    digits: str


def read_button(data: str) -> Pressed | None:
    """What a button's data mean; None where they are none of ours."""
    found = _DATA.fullmatch(data)
    return Pressed(cast("What", found[1]), found[2]) if found else None


def plan_buttons(digest: str) -> tuple[Button, ...]:
    """Under a plan that could begin, for whoever asked for it."""
    return _button("Begin", "begin", digest, "good"), _button("Cancel", "cancel", digest)


def request_buttons(request: Mapping[str, Any]) -> tuple[Button, ...]:
    """Under a request, for whoever may decide; one that takes a signature is approved on HQ.

    One that is approved and has not begun, as in a halt or beside another run, is begun by approving it again.

    Args:
        request: as the runner's `pending` describes it.
    """
    digest = str(request["digest"])
    if request["state"] == "approved":
        return (_button("Begin", "approve", digest, "good"),)
    if request["state"] != "pending":
        return ()
    approve = () if request["signed"] else (_button("Approve", "approve", digest, "good"),)
    return *approve, _button("Deny", "deny", digest, "bad"), _button("Plan", "plan", digest)


def _button(label: str, what: What, digest: str, style: Style = "plain") -> Button:
    return Button(label, f"{what}:{digest[:DIGITS]}", style)
