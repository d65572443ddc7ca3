"""`[judging]`, `[[rule]]` and `[[maintenance]]`: mistakes are named with their line and what mends them."""

from pathlib import Path

import pytest

from noc.fleet.errors import FleetProblems
from noc.fleet.load import load
from watch_kit import write_fleet

RULE = '[[rule]]\nname = "heat"\nfield = "heat_c"\nwords = "{value} degrees"\n'
WINDOW = '[[maintenance]]\nnodes = ["all"]\nzone = "UTC"\nreason = "work"\n'


def written(directory: Path, text: str) -> Path:
    fleet = write_fleet(directory / "fleet")
    file = fleet / "fleet.toml"
    file.write_text(file.read_text() + text)
    return fleet


@pytest.mark.parametrize(
    "text",
    [
        RULE + "above = 80\nclear = 70\n",
        RULE + 'above = 80\nnodes = ["frankfurt"]\n',
        WINDOW + 'from = "Sun 02:00"\nuntil = "Sun 01:00"\n',
        WINDOW + 'from = "2026-12-20 00:00"\nminutes = 30\n',
        WINDOW + 'cron = "0 2 * * sun"\nminutes = 30\n',
        WINDOW.replace("all", "zurich") + 'from = "Sun 02:00"\nminutes = 10\n',
        "[judging]\nlost_share = 0.8\n",
    ],
)
def test_what_holds_together_is_read(tmp_path: Path, text: str) -> None:
    assert load(written(tmp_path, text)).name == "clavitor"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RULE, "has no limits"),
        (RULE + "above = 1\nbelow = 0\n", "has 2 limits"),
        (RULE + "above = 80\nclear = 90\n", "wrong side"),
        (RULE + "below = 80\nclear = 70\n", "wrong side"),
        (RULE + 'other_than = "ok"\nclear = 1\n', "nothing lies between"),
        (RULE + "above = 1\n" + RULE + "above = 2\n", "another rule has it"),
        (RULE.replace("heat", "liveness", 1) + "above = 1\n", "pushes are judged"),
        (RULE + 'above = 1\nnodes = ["atlantis"]\n', "called atlantis"),
        (RULE + "above = nan\n", "above"),
        (WINDOW, "no time"),
        (WINDOW + 'from = "Sun 02:00"\n', "alone"),
        (WINDOW + 'from = "Sun 02:00"\nuntil = "Sun 02:00"\n', "empty"),
        (WINDOW + 'from = "Sunday"\nminutes = 5\n', "no time of a week"),
        (WINDOW + 'cron = "0 25 * * *"\nminutes = 5\n', "between 0 and 23"),
        (WINDOW.replace("UTC", "Mars/Olympus") + 'from = "Sun 02:00"\nminutes = 5\n', "not known here"),
        (WINDOW.replace("all", "batch-9") + 'from = "Sun 02:00"\nminutes = 5\n', "called batch-9"),
        ("[judging]\nlost_share = 0.4\n", "larger than"),
        ('[judging]\nregions = ["atlantis"]\n', "tag atlantis"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FleetProblems) as refused:
        load(written(tmp_path, text))
    assert words in str(refused.value)
