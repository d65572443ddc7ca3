"""Windows of maintenance as people ask for them, and as they are shown."""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from noc.errors import NotFound
from noc.fleet.windows import known_zone
from noc.watch.clock import Moment
from noc.watch.errors import BadWindow, WindowFixed
from noc.watch.judge.judge import Judge
from noc.watch.judge.scene import WRITTEN_BY
from noc.watch.judge.windows import schedule
from noc.watch.store.records import Window, WindowKind

NAME: Final = re.compile(r"[a-z][a-z0-9.-]{0,63}", re.ASCII)
LONGEST_MINUTES: Final = 7 * 24 * 60
FORMS: Final[dict[WindowKind, str]] = {
    "single": 'write it as "2026-12-20 00:00"',
    "weekly": 'write it as "Sun 02:00", and shorter than a week',
    "cron": 'write five fields, such as "0 2 * * sun"',
    "silence": "a silence begins now",
}


@dataclass(frozen=True)
class WindowView:
    """A window as people see it. Times are ms UTC.

    Attributes:
        source: `fleet` file, a `person`, or a `run` that deploys.
        until: until when it holds; None while it does not.
        next: when it begins next; None where it never does again.
    """

    id: str
    source: Literal["fleet", "person", "run"]
    kind: str
    scope: tuple[str, ...]
    spec: str
    zone: str
    minutes: int
    reason: str
    who: str
    until: int | None
    next: int | None


def new_window(
    known: Container[str],
    name: str,
    kind: WindowKind,
    scope: Sequence[str],
    *,
    minutes: int,
    reason: str,
    who: str,
    moment: Moment,
    spec: str = "",
    zone: str = "UTC",
    starts: int | None = None,
) -> Window:
    """A window that holds together.

    Args:
        known: every word that a scope may hold.
        name: the window's own.
        scope: names of nodes, tags, `batch-N`, the hub, or `all`.
        spec: when it begins on clocks of `zone`; a silence begins at `moment`, a single one may name `starts` instead.

    Raises:
        BadWindow: it means nobody, or its time cannot be read.
    """
    if unknown := [word for word in scope if word not in known]:
        raise BadWindow(f"{unknown[0][:64]!r} is no node, tag or batch", fix="name one, or all")
    if not scope:
        raise BadWindow("the window is for nobody", fix="name nodes, tags or batches, or all")
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise BadWindow(f"{minutes} minutes are no window", fix=f"1 to {LONGEST_MINUTES} minutes, which is a week")
    if not known_zone(zone):
        raise BadWindow(f"no time zone is called {zone[:64]}", fix="write an IANA name, as Europe/Zurich")
    begins = moment.wall if kind == "silence" else starts
    words = tuple(dict.fromkeys(scope))
    window = Window(name, kind, words, spec, zone, minutes, begins, reason[:500], who, moment.wall)
    try:
        when = schedule(window)
    except (ValueError, KeyError, OSError) as error:
        raise BadWindow(f"{spec[:100]!r} in {zone[:64]!r} says no time", why=str(error), fix=FORMS[kind]) from None
    now = datetime.fromtimestamp(moment.wall / 1000, UTC)
    if when.holding(now) is None and when.following(now) is None:
        raise BadWindow("the window is over, or never begins", fix="name a time that is still to come")
    return window


def silence_name(scope: Iterable[str]) -> str:
    """What the silence of these nodes, tags or batches is called: there is one for each scope."""
    return f"silence-{'.'.join(scope)}"[:64]


def refuse_name(judge: Judge, name: str) -> None:
    """Refuse what is no name, or one that a person's window cannot have. Raises BadWindow, WindowFixed."""
    if NAME.fullmatch(name) is None:
        raise BadWindow(f"{name[:64]!r} names no window", fix="up to 64 lower-case letters, digits, dots and dashes")
    known = judge.maintenance.calendar.planned.get(name)
    if name.startswith(("fleet-", "run-")) or (known is not None and known.window.who == WRITTEN_BY):
        raise WindowFixed(f"window {name} is not a person's", fix="take a name that begins with another word")


def refuse_to_close(judge: Judge, name: str, moment: Moment) -> None:
    """Raises NotFound or WindowFixed for a window that nobody can close."""
    found = next((view for view in windows_of(judge, moment) if view.id == name), None)
    if found is None:
        raise NotFound(f"there is no window {name[:64]}", fix="noc maintenance list")
    if found.source != "person":
        fix = "change [[maintenance]] in fleet.toml" if found.source == "fleet" else "stop the run"
        raise WindowFixed(f"window {name} is not a person's", fix=fix)


def windows_of(judge: Judge, moment: Moment) -> list[WindowView]:
    """Every window that holds or is to come, those of deployments included; first those that hold."""
    now = datetime.fromtimestamp(moment.wall / 1000, UTC)
    found = []
    for planned in judge.maintenance.calendar.planned.values():
        window, following = planned.window, planned.when.following(now)
        source: Literal["fleet", "person"] = "fleet" if window.who == WRITTEN_BY else "person"
        begins = None if following is None else round(following.timestamp() * 1000)
        found.append(
            WindowView(
                window.id,
                source,
                window.kind,
                window.scope,
                window.spec,
                window.zone,
                window.minutes,
                window.reason,
                window.who,
                planned.until,
                begins,
            )
        )
    return sorted([*found, *_of_runs(judge)], key=lambda each: (each.until is None, each.until or each.next or 0))


def _of_runs(judge: Judge) -> Iterable[WindowView]:
    for name, standing in judge.nodes.items():
        if (run := standing.deployment) is not None:
            yield WindowView(
                f"run-{run.run}-{name}", "run", "deployment", (name,), "", "UTC", 0, run.run, "", run.until, None
            )
