"""What HQ does by itself, as the fleet file says it: what is right, and each mistake at its line."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noc.fleet.cron import Cron
from noc.fleet.errors import FleetProblems
from noc.fleet.load import load
from noc.fleet.scheduling import next_time, skipped

END = 'subdomain = "frankfurt"\n'
SECOND = '[backup.second]\npath = "/mnt/second"\n'
WEEKLY = '[os_update]\nfrom = "Sun 03:00"\nuntil = "Sun 05:00"\nzone = "Europe/Zurich"\n'
ZURICH = "Europe/Zurich"

Written = Callable[..., Path]


def job(name: str, cron: str, more: str = "") -> str:
    return f'[[schedule]]\njob = "{name}"\ncron = "{cron}"\n{more}'


def test_a_job_is_read_with_the_fleets_clocks_and_sane_limits(fleet_file: Written) -> None:
    fleet = load(fleet_file((END, END + job("backup", "40 3 * * *"))))
    (schedule,) = fleet.schedule
    assert (schedule.missed, schedule.within) == ("catch-up", 60)
    assert schedule.times(fleet.timezone).zone.key == fleet.timezone


@pytest.mark.parametrize(
    "text",
    [
        job("hub-backup", "0 4 * * *") + SECOND,
        job("os-update", "10 3 * * sun") + WEEKLY,
        job("prices", "0 6 1 * *", 'zone = "UTC"\n'),
        job("certificates", "*/15 * * * *"),
        job("backup", "30 2 * * *", 'zone = "UTC"\n'),
    ],
)
def test_a_schedule_that_holds_together_is_taken(fleet_file: Written, text: str) -> None:
    assert len(load(fleet_file((END, END + text))).schedule) == 1


MISTAKES = [
    (job("backup", "40 3 * *"), "has not the five fields"),
    (job("backup", "61 3 * * *"), "is no minute"),
    (job("backup", "0 3 31 2 *"), "that day never comes"),
    (job("backup", "40 3 * * *", 'zone = "Europe/Atlantis"\n'), "timezone 'Europe/Atlantis' is not known"),
    (job("backup", "40 3 * * *") + job("backup", "40 15 * * *"), "job backup is scheduled already, on line"),
    (job("hub-backup", "0 4 * * *"), "hub-backup has no place to go to"),
    (job("os-update", "10 6 * * sun") + WEEKLY, "[os_update] lets nothing begin at Sun 06:10"),
    (job("backup", "30 2 * * *", f'zone = "{ZURICH}"\n'), "left out on 2027-03-28, when clocks in Europe/Zurich skip"),
    (job("backup", "40 3 * * *", "within = 0\n"), "is not allowed"),
    (job("tidy", "40 3 * * *"), "is not allowed"),
]


@pytest.mark.parametrize(("text", "what"), MISTAKES)
def test_a_mistake_is_told_once(fleet_file: Written, text: str, what: str) -> None:
    with pytest.raises(FleetProblems) as caught:
        load(fleet_file((END, END + text)))
    assert [what in problem.what for problem in caught.value.problems] == [True], caught.value


def test_a_mistake_names_its_line(fleet_file: Written) -> None:
    directory = fleet_file((END, END + job("backup", "61 3 * * *")))
    with pytest.raises(FleetProblems) as caught:
        load(directory)
    line = (directory / "fleet.toml").read_text().splitlines()[caught.value.problems[0].line - 1]
    assert line == 'cron = "61 3 * * *"'


def test_a_time_that_clocks_skip_is_left_out_on_that_day() -> None:
    now = datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert next_time(Cron.read("30 2 * * *", ZURICH), now) == datetime(2027, 3, 29, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "days"), [("30 2 * * *", 2), ("30 2,14 * * *", 0), ("30 * * * *", 0), ("0 3 * * *", 0)]
)
def test_days_without_a_run_are_found(cron: str, days: int) -> None:
    assert len(list(skipped(Cron.read(cron, ZURICH), 2027))) == days
