"""The readings: real, in their units, and exactly those of the contract."""

from pathlib import Path

import pytest

from clavitor import telemetry
from clavitor.database import prepare
from clavitor.telemetry import Gauge, Service

FIELDS = [
    "ram_mb",
    "disk_pct",
    "cpu_pct",
    "db_size_mb",
    "db_integrity",
    "active_sessions",
    "req_1h",
    "err_1h",
    "cert_days_remaining",
    "nix_gen",
    "uptime_s",
]


@pytest.fixture
def reading(tmp_path: Path) -> dict[str, str | float | None]:
    database = tmp_path / "vault.db"
    prepare(database)
    service = Service(lambda: 7, lambda: 2, lambda: 3, lambda: "ok", lambda: None)
    return Gauge(database, service).read().as_dict()


def test_a_reading_has_exactly_the_contracts_fields(reading: dict[str, object]) -> None:
    assert list(reading) == FIELDS


def test_the_services_own_figures_are_passed_on(reading: dict[str, object]) -> None:
    mine = ("db_integrity", "active_sessions", "req_1h", "err_1h", "cert_days_remaining")
    assert [reading[name] for name in mine] == ["ok", 3, 7, 2, None]


def test_the_machines_figures_are_plausible(reading: dict[str, float]) -> None:
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert reading["ram_mb"] > 10
    assert 0 <= reading["disk_pct"] <= 100
    assert 0 <= reading["cpu_pct"] <= 100
    assert 0 < reading["db_size_mb"] < 1
    assert abs(reading["uptime_s"] - uptime) < 10


def test_busy_time_between_two_readings_is_what_cpu_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "meminfo").write_text("MemTotal: 512000 kB\nMemAvailable: 204800 kB\nHugePages_Total: 0\n")
    stat = proc / "stat"
    monkeypatch.setattr(telemetry, "PROC", proc)
    database = tmp_path / "vault.db"
    prepare(database)
    stat.write_text("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 …\n")
    gauge = Gauge(database, Service(lambda: 0, lambda: 0, lambda: 0, lambda: None, lambda: None))
    stat.write_text("cpu  120 0 110 760 110 0 0 0 0 0\ncpu0 …\n")
    reading = gauge.read()
    assert (reading.cpu_pct, reading.ram_mb) == (30.0, 300)


@pytest.mark.parametrize(("target", "generation"), [("system-42-link", 42), ("other", None), (None, None)])
def test_the_nix_generation_is_read_from_the_system_profile(
    tmp_path: Path, target: str | None, generation: int | None
) -> None:
    profile = tmp_path / "system"
    if target:
        profile.symlink_to(target)
    assert telemetry._nix_generation(profile) == generation
