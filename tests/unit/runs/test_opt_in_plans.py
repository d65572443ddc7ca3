"""Which regions are asked for."""

from datetime import UTC, datetime
from pathlib import Path

from noc.fleet.load import load
from noc.runs.launch.plans import plan_opt_in

PLAN = load(Path(__file__).parents[3] / "fleet")
NOW = datetime(2026, 11, 26, tzinfo=UTC)
LATER = datetime(2027, 4, 1, tzinfo=UTC)


def test_a_left_out_node_s_region_is_not_asked_for() -> None:
    assert "uae" not in plan_opt_in(PLAN, ["all"], NOW).nodes


def test_once_the_acceptance_is_over_it_is() -> None:
    assert "uae" in plan_opt_in(PLAN, ["all"], LATER).nodes


def test_who_names_the_node_means_it() -> None:
    assert plan_opt_in(PLAN, ["uae"], NOW).nodes == ("uae",)
