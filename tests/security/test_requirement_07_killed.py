"""Requirement 7: killed at any step, a run leaves a state from which it goes on, and no node is activated twice."""

import os
import pickle
import signal
from pathlib import Path
from typing import Any

import pytest

from noc.fleet.model import Fleet
from noc.runs.paths import Paths
from noc.runs.record.events import Event
from noc.runs.record.journal import Journal, read
from runs_kit import NAMES, NEW
from unit.runs.test_resume import RULES, Headquarters


@pytest.fixture
def quick(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A fleet whose deadlines are short; without a history in git, which costs more than all the rest."""
    monkeypatch.setattr("noc.runs.site.book.commit", lambda *_: None)
    return fleet.model_copy(update={"policy": fleet.policy.model_copy(update={"health_deadline": 0.02})})


def deploy_until_killed(hq: Headquarters, at: int, *, written: bool, machines: Path) -> None:
    """In a process of its own, which SIGKILL ends when a record is on the disk, or right before it is written.

    What the nodes are by then is kept for the process that goes on: in the world they outlive HQ's.
    """
    append = Journal.append

    def killing(journal: Journal, *args: Any, **more: Any) -> Event:
        event = append(journal, *args, **more) if written or len(read(hq.paths.runs, hq.name)) + 1 < at else None
        if event is None or event.seq >= at:
            machines.write_bytes(pickle.dumps(hq.world))
            os.kill(os.getpid(), signal.SIGKILL)
        assert event is not None
        return event

    child = os.fork()
    if child == 0:
        Journal.append = killing  # type: ignore[method-assign, assignment]
        hq.carry_out()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, f"record {at} never came"


@pytest.mark.parametrize("written", [False, True], ids=["before a record", "after a record"])
def test_whenever_it_is_killed_it_converges_and_activates_no_node_twice(
    paths: Paths, quick: Fleet, tmp_path: Path, written: bool
) -> None:
    records = len(Headquarters(paths, quick, RULES, nodes=NAMES).carry_out())
    for at in range(2, records + 1):
        hq = Headquarters(paths, quick, RULES, nodes=NAMES)
        deploy_until_killed(hq, at, written=written, machines=tmp_path / "machines")
        hq.world = pickle.loads((tmp_path / "machines").read_bytes())
        assert [verdict.verdict for verdict in hq.go_on()] == ["confirmed"] * len(NAMES), at
        assert hq.runs_now() == dict.fromkeys(NAMES, NEW)
        assert hq.starts() == dict.fromkeys(NAMES, 1), f"record {at}: a node was activated twice"
