"""What HQ's own numbers are read from: /proc, time keepers, systemd, files, the database. Pure, or over real files."""

import asyncio
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.hosts.web import Health
from noc.watch.house import machine, timekeeping, timers
from noc.watch.house.certificates import good_for
from noc.watch.house.forecast import days_left
from noc.watch.house.programs import output
from noc.watch.house.stored import backup_age_s, disk_history, outbox_age_s
from noc.watch.store.database import Store
from noc.watch.store.records import Beat, MessageQueued

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NOW = 1_800_000_000_000
HOURS = [hour / 24 for hour in range(72)]


class TestMachine:
    """The kernel's own counters."""

    def test_this_machines_own_numbers_make_sense(self) -> None:
        before = machine.cpu_times(machine.read("/proc/stat"))
        ram, disk = machine.ram_pct(machine.read("/proc/meminfo")), machine.disk_pct([Path("/")])
        assert before is not None
        assert before.whole >= before.busy > 0
        assert ram is not None
        assert disk is not None
        assert 0 < ram < 100
        assert 0 < disk <= 100

    def test_half_of_the_ticks_between_two_readings_is_half_busy(self) -> None:
        before = machine.cpu_times("cpu  100 0 50 800 50 0 0 0 7 7\ncpu0 1 2\n")
        after = machine.cpu_times("cpu  120 10 60 830 60 5 5 0 9 9\ncpu0 1 2\n")
        assert machine.cpu_pct(before, after) == pytest.approx(100 * 50 / 90)

    def test_one_reading_says_nothing(self) -> None:
        assert machine.cpu_pct(None, machine.CpuTimes(1, 2)) is None
        assert machine.cpu_pct(machine.CpuTimes(1, 2), machine.CpuTimes(1, 2)) is None

    def test_memory_that_programs_could_have_counts_as_free(self) -> None:
        assert machine.ram_pct("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 250 kB\n") == 75

    @pytest.mark.parametrize("text", ["", "MemTotal: 1000 kB\n", "MemTotal: x\nMemAvailable: y\n"])
    def test_what_the_kernel_does_not_say_is_unknown(self, text: str) -> None:
        assert machine.ram_pct(text) is None
        assert machine.cpu_times(text) is None
        assert machine.uptime_s("") is None

    def test_a_path_that_is_missing_is_passed_over(self, tmp_path: Path) -> None:
        assert machine.disk_pct([tmp_path / "missing"]) is None
        assert machine.disk_pct([tmp_path / "missing", tmp_path]) == machine.disk_pct([tmp_path])


class TestForecast:
    """When the disk is full."""

    @given(st.floats(0.05, 5), st.floats(0, 50))
    def test_on_a_straight_line_it_is_exact(self, slope: float, start: float) -> None:
        points = [(day, start + slope * day) for day in HOURS]
        left = days_left(points)
        assert left is not None
        assert left == pytest.approx((100 - points[-1][1]) / slope)

    @given(st.lists(st.floats(0, 100), min_size=24, max_size=72))
    def test_whatever_the_levels_it_is_never_in_the_past(self, levels: list[float]) -> None:
        left = days_left(list(zip(HOURS, levels, strict=False)))
        assert left is None or left >= 0

    def test_a_disk_that_does_not_fill_has_no_end(self) -> None:
        assert days_left([(day, 40.0) for day in HOURS]) is None
        assert days_left([(day, 40 - day) for day in HOURS]) is None

    def test_noise_is_no_rise(self) -> None:
        assert days_left([(day, 40 + (hour * 7919 % 13) / 4) for hour, day in enumerate(HOURS)]) is None

    def test_too_little_is_known_within_the_first_day(self) -> None:
        assert days_left([(day, 40 + day) for day in HOURS[:23]]) is None
        assert days_left([(day / 100, 40 + day) for day in HOURS]) is None

    def test_a_full_disk_has_no_days_left(self) -> None:
        assert days_left([(day, 97 + day) for day in [hour / 24 for hour in range(80)]]) == 0


class TestClock:
    """How far HQ's clock is off."""

    CHRONY = "C0A80101,192.0.2.1,3,1700000000.1,{offset},0.1,0.1,1.0,0.0,0.1,0.01,0.01,64.2,{leap}\n"

    def test_chrony_says_what_the_clock_is_behind_by(self) -> None:
        assert timekeeping.chrony_offset(self.CHRONY.format(offset="-0.25", leap="Normal")) == 0.25

    @pytest.mark.parametrize("text", [CHRONY.format(offset="0.1", leap="Not synchronised"), "", "506 Cannot talk\n"])
    def test_a_clock_that_nobody_keeps_is_unknown(self, text: str) -> None:
        assert timekeeping.chrony_offset(text) is None

    @given(st.floats(-100, 100), st.floats(0, 0.5))
    def test_timesyncs_four_times_give_the_offset_whatever_the_way_takes(self, ahead: float, way: float) -> None:
        true = NOW / 1000 - ahead
        stamps = [true + ahead, true + way, true + way + 0.001, true + 2 * way + 0.001 + ahead]
        data = [0, 4, 4, 2, -25, 1, 1, [], *(round(at * 1e6) for at in stamps), False, 5, 1]
        offset = timekeeping.timesync_offset(json.dumps({"type": "(…)", "data": data}), NOW)
        assert offset == pytest.approx(ahead, abs=1e-5)

    @pytest.mark.parametrize("age_s", [-4 * 3_600, 4 * 3_600])
    def test_an_old_exchange_says_nothing(self, age_s: int) -> None:
        at = NOW * 1000 - age_s * 1_000_000
        data = [0, 4, 4, 2, -25, 1, 1, [], at, at, at, at, False, 5, 1]
        assert timekeeping.timesync_offset(json.dumps({"data": data}), NOW) is None

    @pytest.mark.parametrize("text", ["", "null", "{}", '{"data": [0]}', '{"data": {"a": 1}}', '{"data": [0,0,0,0]}'])
    def test_what_timesync_does_not_say_is_unknown(self, text: str) -> None:
        assert timekeeping.timesync_offset(text, NOW) is None

    def test_the_nodes_median_bears_one_wrong_clock_and_two_nodes_prove_nothing(self) -> None:
        assert timekeeping.nodes_offset([0.1, 0.2, 3_600.0]) == 0.2
        assert timekeeping.nodes_offset([3.0, 3.0]) is None


class TestTimers:
    """Timers that failed or did not run."""

    WELL = (
        "Id=noc-a.timer\nActiveState=active\nResult=success\nUnit=noc-a.service\nNextElapseUSecRealtime=@1800000900\n"
    )
    DONE = "Id=noc-a.service\nActiveState=inactive\nResult=success\n"

    def judged(self, timer: str, service: str = DONE) -> list[str]:
        return timers.unwell(timers.units(timer), timers.units(service), NOW / 1000)

    def test_a_timer_that_waits_for_its_time_is_well(self) -> None:
        assert self.judged(self.WELL) == []

    @pytest.mark.parametrize(
        ("old", "new"),
        [("active", "failed"), ("active", "inactive"), ("success", "resources"), ("@1800000900", "@1799999000")],
    )
    def test_a_timer_that_failed_or_is_late_is_named(self, old: str, new: str) -> None:
        assert self.judged(self.WELL.replace(old, new, 1)) == ["noc-a.timer"]

    def test_a_timer_whose_service_failed_is_named(self) -> None:
        assert self.judged(self.WELL, self.DONE.replace("success", "exit-code")) == ["noc-a.timer"]

    def test_several_units_are_told_apart(self) -> None:
        late = self.WELL.replace("noc-a", "noc-b").replace("@1800000900", "@1")
        assert self.judged(f"{self.WELL}\n{late}") == ["noc-b.timer"]

    def test_a_timer_without_a_next_time_is_not_late(self) -> None:
        assert self.judged(self.WELL.replace("@1800000900", "")) == []

    def test_no_timers_are_no_failure(self) -> None:
        assert self.judged("\n") == []


class TestPrograms:
    """Programs that are asked something."""

    async def test_what_a_program_writes_is_read(self) -> None:
        assert await output("printf", "a b") == "a b"

    @pytest.mark.parametrize("argv", [("false",), ("/nowhere/at/all",)])
    async def test_one_that_fails_or_is_missing_says_nothing(self, argv: tuple[str, ...]) -> None:
        assert await output(*argv) is None

    async def test_all_of_it_is_read_and_not_only_what_came_first(self) -> None:
        assert await output("sh", "-c", "echo one; sleep 0.1; echo two") == "one\ntwo\n"

    async def test_one_that_writes_without_end_is_ended(self) -> None:
        async with asyncio.timeout(4):
            assert await output("yes") is None

    async def test_one_that_does_not_end_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("noc.watch.house.programs.WITHIN_S", 0.1)
        assert await output("sleep", "60") is None


class TestStored:
    """What is read from the disk and from the database."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        made = Store(tmp_path / "watch.db")
        yield made
        made.close()

    def queued(self, name: str, created: int, expires: int = NOW + DAY_MS) -> MessageQueued:
        return MessageQueued(name, "ntfy", "test", {"title": "", "text": "", "level": "SEV2"}, created, expires)

    def test_an_empty_outbox_has_waited_for_nothing(self, store: Store) -> None:
        assert outbox_age_s(store.engine, NOW) == 0

    def test_the_oldest_message_counts_and_one_that_is_of_no_use_any_more_does_not(self, store: Store) -> None:
        store.write([self.queued("a", NOW - 90_000), self.queued("b", NOW - 20_000)])
        store.write([self.queued("c", NOW - 900_000, expires=NOW - 1)])
        assert outbox_age_s(store.engine, NOW) == 90

    def test_the_disks_past_is_read_back_by_the_hour(self, store: Store) -> None:
        begin = NOW - NOW % HOUR_MS - 2 * DAY_MS
        store.write([Beat("zurich", begin + n * HOUR_MS, telemetry={"disk_pct": 40 + n}) for n in range(48)])
        history = disk_history(store.engine, "zurich", NOW)
        assert [level for _, level in history] == [40 + n for n in range(48)]
        assert days_left(history) == pytest.approx((100 - 87) / 24)

    def test_without_a_directory_no_backups_are_made(self, tmp_path: Path) -> None:
        assert backup_age_s(tmp_path / "backups", NOW) is None

    def test_the_newest_file_in_any_directory_is_the_last_backup(self, tmp_path: Path) -> None:
        for name, age in (("virginia/old.age", 9_000), ("frankfurt/new.age", 60)):
            path = tmp_path / name
            path.parent.mkdir()
            path.touch()
            os.utime(path, (NOW / 1000 - age, NOW / 1000 - age))
        assert backup_age_s(tmp_path, NOW) == 60

    def test_a_directory_without_a_backup_grows_old_itself(self, tmp_path: Path) -> None:
        os.utime(tmp_path, (NOW / 1000 - 500, NOW / 1000 - 500))
        assert backup_age_s(tmp_path, NOW) == 500


@pytest.mark.parametrize(
    ("health", "days"),
    [
        (Health(status=403, certificate_ends=datetime.fromtimestamp(NOW / 1000 + 86_400, UTC)), 1),
        (Health(stage="certificate", trouble="certificate has expired"), 0),
        (Health(stage="connect", trouble="Connection refused"), None),
    ],
)
def test_a_certificate_that_does_not_hold_is_good_for_no_day(health: Health, days: float | None) -> None:
    assert good_for(health, NOW) == days
