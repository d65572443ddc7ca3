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


def routed(tmp_path: Path) -> Path:
    """The plan's fleet with the domain led to three nodes."""
    text = (PLAN / "fleet.toml").read_text()
    table = '\n[routing]\nmethod = "latency"\nnodes = ["virginia", "frankfurt", "singapore"]\n'
    (tmp_path / "fleet.toml").write_text(text + table)
    return tmp_path


def test_routing_by_latency_is_on_the_bill(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["-C", str(routed(tmp_path))], catch_exceptions=False)
    assert ("routing" in done.stdout, "$20.00 a month" in done.stderr) == (True, True)


def test_json_has_the_price_of_routing_with_its_source(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["-C", str(routed(tmp_path)), "--json"], catch_exceptions=False)
    document = json.loads(done.stdout)
    assert (document["routing"]["usd"], document["routing"]["endpoints"]) == (20, 3)
    assert document["routing"]["source"] in document["sources"]
