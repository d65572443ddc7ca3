"""The live table fits the terminal, whatever that is and however large the fleet."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from noc.cli.live import table
from noc.runs.record.events import State
from noc.runs.runner.view import Outcome, Row, View

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SAYS = "no heartbeat of the new process, and [bold]nothing[/bold] else \x1b[31m either, for as long as one line may be"


def view(nodes: int) -> View:
    row = Row(wave=1, before="1.0.0 (1)", target="1.1.0 (2)", since=NOW, begun=NOW, words=SAYS)
    rows = {f"amsterdam-{number:03}": row for number in range(nodes)}
    rows["frankfurt"] = Row(
        wave=0, step="prove", state=State.PROGRESS, since=NOW, words=SAYS, outcome=Outcome.IN_HAND, verdict="in hand"
    )
    rows["tokyo"] = Row(step="stage", state=State.FAILED, since=NOW, outcome=Outcome.FAILED, verdict="refused")
    return View(run="20260301T120000000-00aa", what=f"deploy 1.1.0 (build 2) to {nodes} nodes", rows=rows, begun=NOW)


def drawn(shown: View, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, highlight=False, force_terminal=False)
    with console.capture() as capture:
        console.print(table(shown, NOW + timedelta(seconds=4), width, height))
    return capture.get().rstrip("\n").splitlines()


@settings(max_examples=30, deadline=None)
@given(nodes=st.integers(0, 40), width=st.integers(30, 220), height=st.integers(8, 60))
def test_no_line_is_wider_than_the_terminal_and_not_more_lines_than_it_has(nodes: int, width: int, height: int) -> None:
    lines = drawn(view(nodes), width, height)
    assert len(lines) < height
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_fleet_that_is_too_tall_shows_who_failed_and_who_is_in_hand(width: int) -> None:
    text = "\n".join(drawn(view(100), width, 12))
    assert "frankfurt" in text
    assert "tokyo" in text
    assert "… and 96 more nodes" in text


def test_a_wide_terminal_shows_waves_and_releases() -> None:
    lines = drawn(view(1), 160, 40)
    assert lines[1].split() == ["wave", "node", "state", "step", "elapsed", "from", "→", "to", "says"]
    assert "canary  frankfurt" in "\n".join(lines)
    assert "1.0.0 (1) → 1.1.0 (2)" in "\n".join(lines)


def test_what_a_node_says_is_text_that_no_terminal_obeys() -> None:
    text = "\n".join(drawn(view(1), 200, 40))
    assert "[bold]nothing[/bold]" in text
    assert "\x1b" not in text
