"""`noc cost` on the plan's fleet."""

import json
from pathlib import Path

from typer.testing import CliRunner

from noc.cli.cost import app

PLAN = Path(__file__).parents[3] / "fleet"


def call(*args: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["-C", str(PLAN), *map(str, args)], catch_exceptions=False)
    return done.exit_code, done.stdout


def test_over_the_ceiling_is_a_failure_and_says_by_how_much() -> None:
    status, shown = call()
    assert (status, "over" in shown) == (1, True)


def test_a_higher_ceiling_is_kept() -> None:
    assert call("--fit", 400)[0] == 0


def test_the_ways_are_listed_with_what_they_cost_in_practice() -> None:
    assert "must speak IPv6" in call("--fit", 100)[1]


def test_json_is_one_document_with_the_source_of_each_price() -> None:
    document = json.loads(call("--json", "--fit", 100)[1])
    items = [item for machine in document["machines"] for item in machine["items"]]
    assert {item["source"] for item in items} <= document["sources"].keys()


def test_a_left_out_node_is_shown_with_its_reason() -> None:
    assert "left out: me-central-1 offers no t4g" in call()[1]
