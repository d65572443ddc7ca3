"""The schedule as systemd has it: its times are cron's, by systemd's own reckoning; its units are hardened."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noc.fleet.backing import Second
from noc.fleet.cron import Cron
from noc.fleet.scheduling import Job, Schedule, next_time
from noc.hub.timers import on_calendar, service, superfluous, timer, unit_files
from unit.hub.hub_kit import example_fleet, program

ZONES = ("UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
JOBS: tuple[Job, ...] = ("backup", "hub-backup", "certificates", "prices", "os-update")
ELAPSE = re.compile(r"(?:Next elapse|Iter. #\d+|\(in UTC\)): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


def field(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    listed = st.lists(number, min_size=1, max_size=3, unique=True).map(lambda found: ",".join(map(str, found)))
    ranged = st.tuples(number, number).map(lambda found: f"{min(found)}-{max(found)}")
    return st.one_of(st.just("*"), listed, ranged, st.integers(2, 12).map(lambda step: f"*/{step}"))


CRONS = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7)).map(" ".join)


def by_systemd(times: Cron, after: datetime, count: int) -> list[datetime]:
    """When a timer with these lines elapses, as systemd reckons."""
    lines = on_calendar(times)
    argv = ["systemd-analyze", "calendar", f"--iterations={count}", f"--base-time={after:%Y-%m-%d %H:%M:%S} UTC"]
    environment = {"TZ": "UTC", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run([*argv, *lines], capture_output=True, text=True, timeout=60, check=True, env=environment)
    found = {datetime.fromisoformat(text).replace(tzinfo=UTC) for text in ELAPSE.findall(done.stdout)}
    return sorted(found)[:count]


def by_cron(times: Cron, after: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    at: datetime | None = after
    while at is not None and len(found) < count:
        if (at := next_time(times, at)) is not None:
            found.append(at)
    return found


@settings(max_examples=60, deadline=None)
@given(text=CRONS, zone=st.sampled_from(ZONES), days=st.integers(0, 730), minutes=st.integers(0, 1439))
def test_systemd_elapses_when_cron_fires(text: str, zone: str, days: int, minutes: int) -> None:
    program("systemd-analyze")
    times, start = Cron.read(text, zone), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days, minutes=minutes)
    mine = by_cron(times, start, 3)
    assert by_systemd(times, start, 3)[: len(mine)] == mine


@pytest.mark.parametrize("text", ["30 2 * * *", "30 * * * *", "0 2,3 * * *", "*/20 1-3 * * *"])
@pytest.mark.parametrize("after", ["2027-03-27 12:00", "2027-03-28 00:40", "2027-10-30 23:00", "2027-10-31 00:45"])
def test_they_agree_on_the_days_on_which_clocks_change(text: str, after: str) -> None:
    program("systemd-analyze")
    times, start = Cron.read(text, "Europe/Zurich"), datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert by_systemd(times, start, 6) == by_cron(times, start, 6)


def test_either_day_of_cron_becomes_two_lines() -> None:
    assert on_calendar(Cron.read("0 2 13 * fri", "Europe/Zurich")) == (
        "*-*-13 02:00:00 Europe/Zurich",
        "Fri *-*-* 02:00:00 Europe/Zurich",
    )


@pytest.mark.parametrize(("missed", "persistent"), [("catch-up", "yes"), ("skip", "no")])
def test_a_missed_time_is_caught_up_where_the_file_says_so(missed: str, persistent: str) -> None:
    schedule = Schedule.model_validate({"job": "backup", "cron": "40 3 * * *", "missed": missed})
    assert f"\nPersistent={persistent}\n" in timer(schedule, "UTC")


def test_a_job_has_its_own_clocks_or_the_fleets() -> None:
    own = Schedule(job="backup", cron="40 3 * * *", zone="Asia/Tokyo")
    assert "03:40:00 Asia/Tokyo" in timer(own, "Europe/Zurich")
    assert "03:40:00 Europe/Zurich" in timer(own.model_copy(update={"zone": None}), "Europe/Zurich")
    assert ZoneInfo(own.times("Europe/Zurich").zone.key).key == "Asia/Tokyo"


@pytest.mark.parametrize("job", JOBS)
def test_only_hqs_own_backup_runs_as_root(job: Job) -> None:
    text = service(Schedule(job=job, cron="40 3 * * *"), None)
    assert ("\nUser=noc-runner\n" in text) is (job != "hub-backup")
    assert ("\nReadWritePaths=" in text) is (job == "hub-backup")
    assert "\nProtectSystem=strict\n" in text


def test_a_second_place_on_hq_itself_can_be_written_and_nothing_beside_it() -> None:
    text = service(Schedule(job="hub-backup", cron="40 3 * * *"), Second(path="/mnt/second"))
    [line] = [line for line in text.splitlines() if line.startswith("ReadWritePaths=")]
    assert line == "ReadWritePaths=/var/lib/noc -/var/lib/noc-outgoing -/var/lib/noc-watch -/mnt/second"


def test_what_takes_too_long_is_ended_by_systemd_once_the_job_itself_should_have() -> None:
    assert "\nTimeoutStartSec=690\n" in service(Schedule(job="backup", cron="40 3 * * *", within=10), None)


def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    schedule = tuple(Schedule(job=job, cron="40 3 * * *") for job in JOBS)
    for name, text in unit_files(example_fleet().model_copy(update={"schedule": schedule})).items():
        (tmp_path / name).write_text(re.sub(r"(?<==)/usr/(local/)?s?bin/\w+", "/bin/true", text))
    argv = [analyze, "verify", "--man=no", *(str(path) for path in tmp_path.iterdir())]
    environment = {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert [line for line in done.stderr.splitlines() if "noc-" in line] == []


def test_a_job_that_left_the_schedule_leaves_units_that_are_named() -> None:
    fleet = example_fleet().model_copy(update={"schedule": (Schedule(job="backup", cron="40 3 * * *"),)})
    there = ["noc-job-backup.timer", "noc-job-prices.timer", "noc-job-prices.service", "noc-watch.service"]
    assert superfluous(there, fleet) == ["noc-job-prices.service", "noc-job-prices.timer"]
