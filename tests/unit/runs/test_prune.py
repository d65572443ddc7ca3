"""Old runs, releases and backups go by the runner's hand, under its audit, and never beside a run."""

import asyncio
import getpass
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from command_kit import environment
from noc.backup.epoch import STAMP
from noc.cli.main import run as noc_main
from noc.errors import NocError
from noc.release.manifest import MANIFEST, PAYLOAD
from noc.runs.backup.opening import open_repository
from noc.runs.paths import Paths
from noc.runs.plan.plan import Plan
from noc.runs.record.anchors import anchors_of, verify
from noc.runs.record.events import RUN, State
from noc.runs.record.journal import Journal, run_ids
from noc.runs.retention.errors import NotRemoved
from noc.runs.retention.removal import remove
from noc.runs.retention.stock import named, read_runs
from noc.runs.runner.pruning import Pruning
from noc.runs.runner.starts import Starts
from runner_house import House
from runs_kit import NAMES, NEW, OLD, manifest
from unit.backup.backup_kit import NOW, give_key, keep

Given = Callable[..., tuple[int, str]]
FORGOTTEN = "c" * 64
KEEP = "\n[keep]\nruns = 30\nruns_least = 20\nreleases = 30\nreleases_least = 1\n"
KEPT = "\n[backup]\nhourly = 1\ndaily = 0\nweekly = 0\n"


def old_run(
    paths: Paths, age_days: float, node: str = "virginia", release: str | None = None, *, ended: bool = True
) -> str:
    """A run of so many days ago, as its journal tells of it."""
    began = datetime.now(UTC) - timedelta(days=age_days)
    name = f"{began:%Y%m%dT%H%M%S}{began.microsecond // 1000:03d}-{os.urandom(2).hex()}"
    journal = Journal.create(paths.runs, name)
    plan = Plan(action="deploy", nodes=(node,), release=release, created=began)
    place = {"seq": 0, "hash": "0" * 64}
    journal.append(RUN, State.STARTED, detail={"plan": plan.model_dump(mode="json"), "by": "james", "audit": place})
    if ended:
        verdict = {"node": node, "before": "", "now": "", "verdict": "confirmed", "good": True}
        journal.append(RUN, State.OK, detail={"verdicts": [verdict], "exit": 0})
    journal.close()
    return name


def old_release(paths: Paths, sha: str, age_days: float, build: int) -> Path:
    """A release that came so many days ago."""
    home = paths.releases / sha
    home.mkdir()
    (home / PAYLOAD).write_bytes(b"x" * 1000)
    (home / MANIFEST).write_bytes(manifest(sha, f"1.{build}.0", build).to_bytes())
    then = (datetime.now(UTC) - timedelta(days=age_days)).timestamp()
    os.utime(home, (then, then))
    return home


@pytest.fixture
def old(house: House) -> House:
    """A house that keeps things for 30 days, with 25 old runs, three old releases and two old backups."""
    paths = house.paths
    file = paths.fleet / "fleet.toml"
    file.write_text(file.read_text() + KEEP + KEPT)
    for number in range(25):
        old_run(paths, 100 + number, NAMES[number % 3])
    for build, sha in enumerate((FORGOTTEN, OLD, NEW), 1):
        old_release(paths, sha, 90, build)
    give_key(paths)
    for age in (80, 50):
        keep(open_repository(paths).node("virginia"), at=NOW - timedelta(days=age))
    return house


def prune(house: House, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = house.client.ask("prune", **more)
    return found


def test_what_is_old_and_needed_by_nobody_goes(old: House) -> None:
    gone = prune(old)["goes"]
    assert [(each["kind"], each["name"]) for each in gone[-2:]] == [
        ("release", FORGOTTEN),
        ("backup", f"virginia/{NOW - timedelta(days=80):{STAMP}}"),
    ]
    assert [each.at for each in open_repository(old.paths).node("virginia").manifests()] == [NOW - timedelta(days=50)]
    assert len([each for each in gone if each["kind"] == "run"]) == 5
    assert len(run_ids(old.paths.runs)) == 20
    assert not (old.paths.releases / FORGOTTEN).exists()


def test_a_look_removes_nothing(old: House) -> None:
    assert len(prune(old, look=True)["goes"]) == 7
    assert len(run_ids(old.paths.runs)) == 25


def test_what_went_is_written_down_before_and_after(old: House) -> None:
    prune(old)
    intent, outcome = old.client.ask("audit")["entries"][-2:]
    assert (intent["kind"], intent["detail"]["runs"], intent["detail"]["releases"]) == ("intent", 5, 1)
    assert (outcome["kind"], outcome["result"]) == ("outcome", "ok")


def test_the_audit_still_holds_against_the_journals_that_stay(old: House) -> None:
    prune(old)
    anchors = anchors_of(old.paths.runs)
    assert len(anchors) == 20
    assert verify(old.paths.audit, anchors).problems == ()


def test_where_the_audit_cannot_be_written_nothing_goes(old: House) -> None:
    old.client.ask("audit")
    old.runner.audit.close()
    old.paths.audit.write_text("not a record\n")
    with pytest.raises(NocError, match="audit"):
        prune(old)
    assert len(run_ids(old.paths.runs)) == 25


def test_nothing_goes_beside_a_run(old: House) -> None:
    plan = old.client.ask("plan", action="keygen", nodes=["frankfurt"])["plan"]
    _, events = old.client.start(plan)
    next(events)
    with pytest.raises(NocError, match="nothing is removed now"):
        prune(old)
    events.close()
    assert (old.paths.releases / FORGOTTEN).exists()


def test_a_release_of_a_plan_that_may_still_begin_stays(old: House) -> None:
    old.client.ask("plan", action="deploy", nodes=["frankfurt"], release=FORGOTTEN)
    prune(old)
    assert (old.paths.releases / FORGOTTEN).exists()


def test_a_run_without_an_end_stays_as_evidence(old: House) -> None:
    name = old_run(old.paths, 400, ended=False)
    prune(old)
    assert name in run_ids(old.paths.runs)


def test_a_journal_that_somebody_touched_stays_as_evidence(old: House) -> None:
    name = old_run(old.paths, 400)
    file = old.paths.runs / name / "journal.jsonl"
    file.write_text(file.read_text().replace("james", "mallory"))
    prune(old)
    assert name in run_ids(old.paths.runs)


def test_a_release_that_the_newest_run_of_a_node_tells_of_stays(old: House) -> None:
    old_run(old.paths, 99, "virginia", FORGOTTEN)
    prune(old)
    assert (old.paths.releases / FORGOTTEN).exists()


def test_what_an_earlier_removal_left_goes_with_the_next(tmp_path: Path) -> None:
    (tmp_path / ".removing-x").mkdir()
    (tmp_path / ".removing-x" / "file").write_text("x")
    remove(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_is_named_and_keeps_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(NotRemoved, match="1 things"):
        remove(tmp_path, ["missing", "there"])
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_a_things_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "link").symlink_to(tmp_path / "precious")
    remove(tmp_path / "store", ["link"])
    assert (tmp_path / "precious").is_dir()
    assert list((tmp_path / "store").iterdir()) == []


def test_a_viewer_removes_nothing(old: House) -> None:
    file = old.paths.fleet / "fleet.toml"
    file.write_text(f'{file.read_text()}\n[[people]]\nname = "{getpass.getuser()}"\nrole = "viewer"\n')
    with pytest.raises(NocError, match="may look"):
        prune(old)
    assert len(run_ids(old.paths.runs)) == 25


def test_what_came_while_the_disk_was_read_keeps_everything(old: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def reading(directory: Path) -> Any:
        found = read_runs(directory)
        old_run(old.paths, 0)
        return found

    monkeypatch.setattr("noc.runs.runner.pruning.read_runs", reading)
    with pytest.raises(NocError, match="nothing is removed now"):
        prune(old)
    assert (old.paths.releases / FORGOTTEN).exists()


async def test_once_a_day_it_goes_by_itself(old: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.runs.runner.pruning.FIRST_S", 0.0)
    monkeypatch.setattr("noc.runs.runner.pruning.DAY_S", 0.0)
    done, pruning = asyncio.Event(), Pruning(old.runner, Starts(old.runner))
    prune_now = pruning.prune

    async def prune_and_tell(by: str) -> Any:
        fates = await prune_now(by)
        if not any(fate.goes for fate in fates):
            done.set()
        return fates

    monkeypatch.setattr(pruning, "prune", prune_and_tell)
    keeping = asyncio.create_task(pruning.keep())
    await asyncio.wait_for(done.wait(), 10)
    keeping.cancel()
    assert len(run_ids(old.paths.runs)) == 20
    assert old.client.ask("audit")["entries"][-1]["by"] == "runner (daily)"


@pytest.fixture
def noc(old: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Given:
    """Gives a command in this process; returns its exit code and stdout."""
    for name, value in environment(old).items():
        monkeypatch.setenv(name, value)

    def give(*args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["noc", *args])
        with pytest.raises(SystemExit) as ended:
            noc_main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return give


def test_the_command_shows_sizes_and_reasons_and_then_removes(noc: Given) -> None:
    status, out = noc("prune", "--plan")
    assert (status, " kB" in out, "among the newest 20 runs" in out) == (3, True, True)
    assert noc("prune")[0] == 0
    assert noc("prune", "--plan")[0] == 0


def test_the_document_has_what_went(noc: Given) -> None:
    found = json.loads(noc("prune", "--json")[1])
    assert (len(found["goes"]), found["stays"]["run"]["count"]) == (7, 20)


def test_sizes_and_releases_of_runs_are_read(old: House) -> None:
    name = old_run(old.paths, 1, "virginia", NEW)
    first = read_runs(old.paths.runs)[0]
    size = (old.paths.runs / name / "journal.jsonl").stat().st_size
    assert (first.name, first.bytes, first.releases, first.good) == (
        name,
        size,
        frozenset({NEW}),
        frozenset({"virginia"}),
    )


def test_plans_name_what_nodes_run_too() -> None:
    plan = Plan.model_validate(
        {
            "action": "deploy",
            "nodes": ["virginia"],
            "release": NEW,
            "created": datetime.now(UTC),
            "rows": [{"node": "virginia", "position": 1, "state": "change", "running": OLD, "target": NEW}],
        }
    )
    assert named([plan]) == {OLD, NEW}
