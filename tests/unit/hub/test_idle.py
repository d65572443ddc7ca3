"""Whether HQ may be changed under its runner: not while a run acts, and whatever else the lease's file says."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from noc.hub import apply
from noc.hub.apply import check_idle
from noc.hub.errors import RunUnderWay
from noc.runs.admission.grant import Grant
from noc.runs.admission.holder import Holder, uptime

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(apply, "STATE", tmp_path)
    return tmp_path / "lease.json"


def grant(*, beat: float, holder: Holder | None = None) -> str:
    holder = holder or Holder.this_process("james")
    end = NOW + timedelta(seconds=30)
    given = {"what": "deploy 1.4.2 to 3 nodes", "run": "run-7", "fence": 3, "acquired": NOW, "heartbeat": NOW}
    return Grant(holder=holder, expires=end, beat=beat, ttl_s=30, **given).model_dump_json()  # type: ignore[arg-type]


def test_a_fleet_that_was_never_changed_is_idle(lease: Path) -> None:
    assert not lease.exists()
    check_idle()


def test_a_run_that_acts_is_named_with_who_began_it(lease: Path) -> None:
    lease.write_text(grant(beat=uptime()))
    with pytest.raises(RunUnderWay, match="james's run run-7") as caught:
        check_idle()
    assert caught.value.exit_code == 7


def test_a_run_whose_process_is_gone_or_silent_keeps_nobody_out(lease: Path) -> None:
    lease.write_text(grant(beat=uptime() - 31))
    check_idle()
    gone = Holder.this_process("james").model_copy(update={"started": 1})
    lease.write_text(grant(beat=uptime(), holder=gone))
    check_idle()
    assert json.loads(lease.read_text())["run"] == "run-7"
