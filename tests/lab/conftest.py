"""Labs for all tests that need real hosts, booted once a session: HQ, virginia (warm) and frankfurt (bare) as they come
from their images; and a small fleet that HQ has provisioned."""

import os
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fleet_kit import NODES, Fleet, small_fleet
from noc.errors import NocError
from noc.lab.lab import Lab
from noc.lab.places import Places

LEFT_OUT = "needs root on Linux: boots real hosts"
LAST_WORDS = """
journalctl -u 'noc-*' -n 40 -o short-precise --no-pager
journalctl _PID=1 -p warning -n 10 -o short-precise --no-pager
timeout 5 systemctl show noc-runner -p ActiveState,SubState,Result,NRestarts,MainPID
timeout 5 systemctl list-jobs --no-legend
timeout 5 systemctl --failed --no-legend
timeout 20 noc runs 2>&1
"""
Until = Callable[..., None]

ORDER = {"test_fleet_faults.py": 0, "test_clock_faults.py": 2}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this directory is a lab test; without root it is left out, and says so.

    Those that meet the shared fleet as it comes from provisioning run before those that change it; those that set
    clocks wrong come last, since the logs of their nodes keep records from the future.
    """
    here = Path(__file__).parent
    items.sort(key=lambda item: (here in item.path.parents, ORDER.get(item.path.name, 1)))
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.timeout(600))
            if os.geteuid() != 0:
                item.add_marker(pytest.mark.skip(reason=LEFT_OUT))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure on a fleet comes what its HQ said last."""
    report = yield
    used = getattr(item, "funcargs", {}).values()
    found = [getattr(value, "fleet", value) for value in used]
    if report.failed and (fleets := [value for value in found if isinstance(value, Fleet)]):
        with suppress(NocError, subprocess.TimeoutExpired):
            said = fleets[0].lab.exec("zurich", "sh", "-c", LAST_WORDS).stdout.decode(errors="replace")
            report.sections.append(("what HQ said last", said[-6_000:]))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was left out."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if LEFT_OUT in str(report.longrepr)]
    if skipped:
        terminalreporter.section(f"LEFT OUT: {len(skipped)} lab tests, because this is not root", sep="!", red=True)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Directories of the tests' own lab, so that a lab that somebody uses is left alone."""
    return Places(state=tmp_path_factory.mktemp("lab") / "state", cache=Places.default().cache)


@pytest.fixture(scope="session")
def lab(places: Places) -> Iterator[Lab]:
    """A running lab; tests leave it as they found it: every machine on and plugged in."""
    lab = Lab(places)
    lab.up(["virginia", "frankfurt"], bare=["frankfurt"])
    yield lab
    lab.down()


@pytest.fixture(scope="session")
def half_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """HQ and four machines, of which virginia and frankfurt are live; tests leave every machine on and plugged in."""
    with small_fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def fleet(half_fleet: Fleet) -> Fleet:
    """The same, with all four live."""
    half_fleet.provision(*NODES)
    return half_fleet


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds; fail after a deadline."""

    def wait(condition: Callable[[], bool], deadline_s: float = 60) -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, f"not within {deadline_s} s"
            time.sleep(0.05)

    return wait
