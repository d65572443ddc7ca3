"""`noc schedule` and `noc job`: what they say without a watch and without a runner."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from noc.cli.job import app as job
from noc.cli.schedule import app as schedule
from noc.errors import NocError
from noc.runs.admission.errors import JobNotScheduled

EXAMPLE = (Path(__file__).parents[3] / "fleet" / "fleet.toml").read_text()
UNSCHEDULED = re.sub(r"^\[\[schedule\]\]\n(?:[a-z].*\n)*", "", EXAMPLE, flags=re.MULTILINE)
"""The example fleet without what it lets HQ do by itself."""
SCHEDULE = '\n[[schedule]]\njob = "prices"\ncron = "0 6 1 * *"\nzone = "Asia/Tokyo"\nmissed = "skip"\nwithin = 10\n'


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "fleet.toml").write_text(UNSCHEDULED + SCHEDULE)
    monkeypatch.setenv("NOC_FLEET", str(tmp_path))
    monkeypatch.setenv("NOC_WATCH_SOCKET", str(tmp_path / "watch.sock"))
    monkeypatch.setenv("NOC_RUNNER_SOCKET", str(tmp_path / "runner.sock"))
    return tmp_path


def test_next_times_are_told_on_the_fleets_clocks_and_in_utc_without_a_watch(fleet: Path) -> None:
    result = CliRunner().invoke(schedule, ["-C", str(fleet)])
    assert result.exit_code == 0
    [line] = [line for line in result.stdout.splitlines() if line.startswith("prices")]
    assert "(21:00:00 UTC" in line
    assert "not yet" in line
    assert "the watch does not answer" in result.stderr


def test_json_is_one_document_whatever_the_watch_says(fleet: Path) -> None:
    document = json.loads(CliRunner().invoke(schedule, ["-C", str(fleet), "--json"]).stdout)
    [found] = document["jobs"]
    assert (found["job"], found["zone"], found["missed"], found["state"]) == ("prices", "Asia/Tokyo", "skip", None)
    assert found["next"].endswith("21:00:00+00:00")


def test_without_a_job_that_is_said(fleet: Path) -> None:
    (fleet / "fleet.toml").write_text(UNSCHEDULED)
    assert "no job is scheduled" in CliRunner().invoke(schedule, ["-C", str(fleet)]).stdout


def test_a_job_that_no_table_names_is_not_done(fleet: Path) -> None:
    result = CliRunner().invoke(job, ["run", "backup"])
    assert isinstance(result.exception, NocError)
    assert result.exception.code == JobNotScheduled.code


def test_a_job_whose_runner_is_away_has_failed_and_says_so(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.cli.job.TELL_S", 0.0)
    result = CliRunner().invoke(job, ["run", "prices", "--json"])
    document = json.loads(result.stdout)
    assert (result.exit_code, document["state"], document["told"]) == (1, "failed", False)
    assert "the runner does not answer" in document["words"]
