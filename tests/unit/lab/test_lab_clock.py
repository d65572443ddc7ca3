"""A lab machine's wrong clock: how far it is off, as people say it, and what is written for that."""

import subprocess

import pytest

from noc.errors import Usage
from noc.lab.clock import parse_offset, script


@pytest.mark.parametrize(
    ("text", "seconds"), [("+1h", 3600), ("-1h", -3600), ("-90m", -5400), ("+30s", 30), ("0", 0), ("+0s", 0)]
)
def test_an_offset_is_read(text: str, seconds: int) -> None:
    assert parse_offset(text) == seconds


@pytest.mark.parametrize("text", ["", "1h", "+1", "+1d", "1", "+1h30m", "+99999h", "$(reboot)"])
def test_what_is_no_offset_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        parse_offset(text)


@pytest.mark.parametrize("seconds", [3600, -5400, 0])
def test_what_is_run_is_shell(seconds: int) -> None:
    subprocess.run(["sh", "-n"], input=script(seconds).encode(), check=True)


def test_the_right_time_takes_away_all_that_a_wrong_one_wrote() -> None:
    written = {line.rpartition('>"')[2].rstrip('"') for line in script(60).splitlines() if '>"' in line}
    assert written
    assert set(script(0).split()[2:]) == written
