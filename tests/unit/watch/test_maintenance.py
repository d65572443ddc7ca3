"""Windows of maintenance: when they hold, whom they silence, and what counts after them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_kit import EPOCH, RULES, Stage, alone
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.watch.judge.scene import Scene
from noc.watch.judge.windows import Calendar, schedule
from noc.watch.store.records import Window, WindowKind
from watch_kit import write_fleet

NODE = "frankfurt"
ZURICH = "Europe/Zurich"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ms(text: str) -> int:
    return round(at(text).timestamp() * 1000)


def window(kind: WindowKind, spec: str, minutes: int, zone: str = ZURICH, starts: int | None = None) -> Window:
    return Window("w1", kind, (NODE,), spec, zone, minutes, starts, "work", "johan", 0)


@pytest.mark.parametrize(
    ("kind", "spec", "minutes", "begins", "ends"),
    [
        ("single", "2026-12-20 01:00", 90, "2026-12-20 00:00", "2026-12-20 01:30"),
        ("weekly", "Sun 02:00", 120, "2026-06-07 00:00", "2026-06-07 02:00"),
        ("weekly", "Sun 02:00", 120, "2026-03-29 01:00", "2026-03-29 02:00"),
        ("weekly", "Sun 02:00", 120, "2026-10-25 00:00", "2026-10-25 03:00"),
        ("cron", "0 2 * * sun", 120, "2026-06-07 00:00", "2026-06-07 02:00"),
        ("cron", "30 2 * * sun", 60, "2026-03-29 01:00", "2026-03-29 02:00"),
        ("cron", "30 2 * * sun", 60, "2026-10-25 00:30", "2026-10-25 01:30"),
    ],
)
def test_when_a_window_holds_through_both_changes_of_the_year(
    kind: WindowKind, spec: str, minutes: int, begins: str, ends: str
) -> None:
    calendar = Calendar()
    calendar.add(window(kind, spec, minutes), frozenset({NODE}))
    told = []
    for each in (ms(begins) - 1, ms(begins), ms(ends) - 1, ms(ends)):
        calendar.look(each)
        told.append(bool(calendar.holding(NODE)))
    assert told == [False, True, True, False]


@given(st.sampled_from(["Sun 02:00", "Mon 00:00", "Wed 23:59"]), st.integers(1, 10_079), st.integers(0, 366 * 24 * 60))
def test_a_window_begins_when_it_said_that_it_would(spec: str, minutes: int, later: int) -> None:
    when = schedule(window("weekly", spec, minutes))
    now = datetime.fromtimestamp(ms("2026-01-01 00:00") / 1000 + later * 60, UTC)
    following = when.following(now)
    assert following is not None
    assert following > now
    end = when.holding(following)
    assert end is None or end > following  # none: a window that clocks skip as a whole


def test_nothing_is_announced_in_a_silence() -> None:
    stage = alone().push(NODE).silence(NODE, minutes=60).wait(3_000)
    assert stage.told() == []
    assert stage.state(NODE) == "late"


def test_what_is_still_wrong_after_a_silence_counts_one_grace_later() -> None:
    stage = alone().push(NODE).silence(NODE, minutes=10).wait(700)
    assert (stage.incident().started - EPOCH) / 1000 == 600.5


def test_what_has_mended_itself_in_a_silence_is_never_told() -> None:
    assert alone().push(NODE).silence(NODE, minutes=10).wait(500).push(NODE).beating(300, [NODE]).told() == []


def test_an_incident_from_before_does_not_grow_in_a_silence() -> None:
    stage = alone().push(NODE).wait(61).silence(NODE, minutes=10).wait(590)
    assert stage.told() == [("opened", NODE)]
    assert stage.wait(20).told() == [("opened", NODE), ("escalated", NODE)]


def test_nobody_is_reminded_in_a_silence() -> None:
    stage = alone().push(NODE).wait(400).silence(NODE, minutes=600).wait(35_000)
    assert stage.told() == [("opened", NODE), ("escalated", NODE)]


def test_the_recovery_of_what_was_announced_is_told_in_a_silence() -> None:
    stage = alone().push(NODE).wait(61).silence(NODE, minutes=10).wait(5).push(NODE)
    assert stage.told() == [("opened", NODE), ("closed", NODE)]


def test_a_death_in_a_silence_counts_after_it() -> None:
    stage = alone().push(NODE).silence(NODE, minutes=10).wait(5).die(NODE).wait(700)
    assert (stage.incident().started - EPOCH) / 1000 == 600.5


def test_two_windows_that_overlap_hold_until_the_later_one_ends() -> None:
    stage = alone().push(NODE).silence(NODE, minutes=10).silence(NODE, minutes=20, name="w2").wait(1_199)
    assert stage.told() == []
    assert stage.wait(10).told() == [("opened", NODE)]


def test_a_deployment_and_a_window_that_overlap_hold_until_the_later_one_ends() -> None:
    stage = alone().push(NODE).silence(NODE, minutes=10).deploy(NODE, 1_000).wait(999)
    assert stage.told() == []
    assert stage.wait(10).told() == [("opened", NODE)]


def test_a_window_that_is_closed_early_ends_then() -> None:
    stage = alone().push(NODE).silence(NODE, minutes=60).wait(300)
    stage.records += stage.judge.close_window("w1", stage.now) or []
    assert (stage.wait(10).incident().started - EPOCH) / 1000 == 300.5


def test_a_window_says_when_it_begins_and_when_it_ends() -> None:
    kinds = alone().silence(NODE, minutes=10).wait(700).kinds()
    assert [kind for kind in kinds if kind.startswith("maintenance")] == ["maintenance-began", "maintenance-ended"]


def test_a_window_that_has_passed_is_put_away() -> None:
    stage = alone().silence(NODE, minutes=10).wait(700)
    assert [record.ended for record in stage.records if isinstance(record, Window)][-1] == EPOCH + 600_000
    assert stage.judge.maintenance.calendar.planned == {}


def test_clocks_that_are_set_back_open_a_window_again() -> None:
    stage = alone(windows=(window("cron", "0 * * * *", 10, "UTC"),)).push(NODE)
    start = stage.epoch + 3_600_000 - stage.epoch % 3_600_000
    stage.wait((start - stage.epoch) / 1000 + 660)
    stage.epoch -= 300_000
    stage.wait(0.5)
    assert [kind for kind in stage.kinds() if kind.startswith("maintenance")][-1] == "maintenance-began"


def test_a_window_of_the_fleet_file_that_is_taken_away_ends() -> None:
    scene = Scene({NODE: True}, RULES, scopes={NODE: frozenset({NODE})}, windows=(window("cron", "* * * * *", 5),))
    stage = Stage(scene).push(NODE).wait(300)
    assert stage.told() == []
    stage.records += stage.judge.watch(replace(scene, windows=()), stage.now)
    assert stage.wait(10).told() == [("opened", NODE)]


@pytest.fixture
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory = write_fleet(tmp_path_factory.mktemp("fleet"))
    file = directory / "fleet.toml"
    file.write_text(
        file.read_text()
        + """
[[maintenance]]
nodes = ["frankfurt", "batch-0"]
from = "Sat 23:00"
until = "Sun 01:30"
zone = "Europe/Zurich"
reason = "backups of the provider"
[[maintenance]]
nodes = ["all"]
cron = "0 4 1 * *"
minutes = 30
zone = "UTC"
reason = "monthly"
"""
    )
    return load(directory)


def test_the_fleet_file_plans_windows(fleet: Fleet) -> None:
    scene = Scene.of(fleet, {})
    assert [(each.kind, each.spec, each.minutes) for each in scene.windows] == [
        ("weekly", "Sat 23:00", 150),
        ("cron", "0 4 1 * *", 30),
    ]


def test_a_reload_knows_a_window_again(fleet: Fleet) -> None:
    first, second = Scene.of(fleet, {}).windows, Scene.of(fleet, {}).windows
    assert [each.id for each in first] == [each.id for each in second]
    assert len({each.id for each in first}) == 2
