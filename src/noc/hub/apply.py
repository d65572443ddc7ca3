"""Bringing HQ to its fleet file and its noc as they are now: all of the installation that follows from them."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from noc.fleet.inventory import load_inventory
from noc.fleet.load import load
from noc.fleet.render import render, write
from noc.fleet.repository import commit
from noc.hub.asuser import run_as
from noc.hub.errors import NotInstalled, RunUnderWay
from noc.hub.fleetdir import GROUP, USER
from noc.hub.install import Installation
from noc.hub.places import FLEET, STATE, UNITS
from noc.hub.steps import Done, Step, run_steps
from noc.runs.admission.grant import Standing, read_lease
from noc.watch.server.client import ask

LEFT_OUT: Final = frozenset({"packages", "fleet"})
"""The step of the installation that neither fleet file nor another noc asks for, and the one that is another here."""


class Application:
    """One application of the fleet file.

    Raises:
        NotInstalled: this machine is no HQ.
        FleetProblems: the fleet file has mistakes; nothing was changed.
        RunUnderWay: a run acts, and the runner may have to start anew.
    """

    def __init__(self) -> None:
        if not (UNITS / "noc-watch.service").exists() or not (FLEET / "fleet.toml").is_file():
            raise NotInstalled("this machine is no HQ yet", fix="noc hub install")
        self._installation = Installation(None, None)
        check_idle()

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is to be made so, in the installation's order; the watch then reads the file, too."""
        made = [step for step in self._installation.steps if step.name not in LEFT_OUT]
        first = next(index for index, step in enumerate(made) if step.name == "tunnel")
        return (*made[:first], Step("fleet", _rendered), *made[first:], Step("reload", _reload))

    def run(self, tell: Callable[[Done], None]) -> list[Done]:
        """Run all steps; see `run_steps`."""
        return run_steps(self.steps, tell)


def check_idle() -> None:
    """Go on only while no run acts on the fleet. Raises RunUnderWay."""
    held = read_lease(STATE / "lease.json")
    if held is not None and held.standing is Standing.HELD:
        raise RunUnderWay(
            f"{held.holder.user}'s run {held.run} acts on the fleet ({held.what})",
            why="the runner would have to start anew under it",
            fix="wait for its end: noc run show last --follow",
        )


def _rendered() -> list[str]:
    return run_as(USER, GROUP, _render, FLEET)


def _render(directory: Path) -> list[str]:
    """What is derived from the fleet file, written and committed; as the runner's user."""
    changed = write(directory, render(load(directory), load_inventory(directory)))
    if revision := commit(directory, "The fleet file was applied to HQ"):
        changed.append(f"commit {revision[:12]}")
    return changed


def _reload() -> list[str]:
    """The watch takes the fleet file as it is; that it knew it already is nothing that anybody sees."""
    ask("/api/v1/reload", method="POST")
    return []
