"""A plan on the terminal and as a document."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from noc.cli import planned
from noc.cli.planned import MOST_ROWS, show_plan
from noc.runs.plan.plan import Estimate, NodePlan, Options, Plan, Rules

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OLD, NEW = "a" * 64, "b" * 64
ESTIMATE = Estimate(stage_s=8, activate_s=92, total_s=101, bound_s=600, source="from 12 activations")


def row(node: str, state: str = "change", **more: Any) -> NodePlan:
    known = {"node": node, "position": 1, "state": state, "running": OLD, "target": NEW}
    return NodePlan.model_validate({**known, **more})


def answer(*rows: NodePlan, **more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "action": "deploy",
        "nodes": tuple(each.node for each in rows) or ("virginia",),
        "release": NEW,
        "version": "1.1.0",
        "build": 2,
        "rows": rows,
        "estimate": ESTIMATE,
        "created": NOW,
    }
    plan = Plan(**{**known, **more}).sealed()
    labels = {OLD: "1.0.0 (1)", NEW: "1.1.0 (2)"}
    return {"plan": plan.model_dump(mode="json"), "labels": labels, "agreement": "an approver other than james"}


def test_a_row_tells_what_would_happen_to_its_node(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(answer(row("frankfurt", bytes=15 << 20, disk_free=5 << 30, seconds=7.4)), as_json=False)
    cells = capsys.readouterr().out.splitlines()[1].split("  ")
    assert [cell.strip() for cell in cells if cell.strip()] == [
        "1",
        "canary",
        "frankfurt",
        "→ change",
        "1.0.0 (1) → 1.1.0 (2)",
        "15.0 MiB",
        "5.0 GiB",
        "-",
        "-",
        "7 s",
    ]


def test_a_long_plan_is_shown_wave_by_wave_with_canaries_and_what_is_in_the_way(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [row(f"node-{n}", wave=n and 1 + (n - 1) // 50, bytes=1 << 20) for n in range(MOST_ROWS + 1)]
    rows[7] = row("node-7", "down", wave=1)
    show_plan(answer(*rows), as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:4] == [
        ["canary", "1", "1", "change", "1.0", "MiB", "node-0", "node-0"],
        ["1", "50", "49", "change,", "1", "down", "49.0", "MiB", "node-1", "node-50"],
        ["2", "10", "10", "change", "10.0", "MiB", "node-51", "node-60"],
    ]
    assert [line[2] for line in lines[5:7]] == ["node-0", "node-7"]
    assert lines[7][0] == "deploy"


def test_of_a_long_plan_the_document_has_every_node(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(answer(*(row(f"node-{n}") for n in range(MOST_ROWS + 1))), as_json=True)
    assert len(json.loads(capsys.readouterr().out)["rows"]) == MOST_ROWS + 1


def test_the_summary_has_digest_phrase_risk_and_the_time_beside_its_bound(capsys: pytest.CaptureFixture[str]) -> None:
    said = answer(row("frankfurt"), risk="medium")
    show_plan(said, as_json=False)
    out = capsys.readouterr().out
    plan = Plan.model_validate(said["plan"])
    assert f"digest {plan.digest}\nphrase {plan.phrase}\n" in out
    assert "risk medium, has to agree: an approver other than james" in out
    assert "estimate 1 min 41 s (staging 8 s, activating 1 min 32 s; from 12 activations) · bound 10 min, " in out
    assert "headroom 8 min 19 s" in out


def test_every_problem_of_every_node_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = row("rome", "blocked", problems=("one", "two")), row("oslo", "down", problems=("three",))
    show_plan(answer(first, second), as_json=False)
    assert capsys.readouterr().err.split() == ["✗", "rome", "one", "✗", "rome", "two", "!", "oslo", "three"]


def test_what_differs_and_what_would_be_lost_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(answer(row("rome", differences=("/etc/a", "/etc/b"), loss="4 minutes of writes are lost")), as_json=False)
    said = capsys.readouterr()
    assert "rome differs: /etc/a, /etc/b\n" in said.out
    assert "4 minutes of writes are lost" in said.err


def test_what_was_asked_for_beside_nodes_and_release_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(answer(row("rome"), options=Options(override_freeze="the fair is today", force=True)), as_json=False)
    said = capsys.readouterr().err
    assert "it begins in spite of a freeze: the fair is today" in said
    assert "a node that is live may lose its machine" in said


def test_as_json_it_is_the_plan_with_its_phrase(capsys: pytest.CaptureFixture[str]) -> None:
    said = answer(row("frankfurt"))
    show_plan(said, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert {name: document[name] for name in said["plan"]} == said["plan"]
    assert document["phrase"] == Plan.model_validate(said["plan"]).phrase


@pytest.mark.parametrize(
    ("rows", "rules", "code"),
    [
        ((row("rome", "unchanged"), row("oslo", "unchanged")), Rules(), planned.NOTHING_TO_DO),
        ((row("rome", "unchanged"), row("oslo")), Rules(), planned.WORK),
        ((row("rome"), row("oslo", "blocked")), Rules(), planned.BLOCKED),
        ((row("rome"), row("oslo", "down")), Rules(), planned.WORK),
        ((row("rome"), row("oslo", "down")), Rules(down="refuse"), planned.BLOCKED),
    ],
)
def test_the_exit_code_says_whether_there_is_anything_to_do(rows: Any, rules: Rules, code: int) -> None:
    assert show_plan(answer(*rows, rules=rules), as_json=True) == code


def test_a_provisioning_is_held_against_the_bound_of_one_node(capsys: pytest.CaptureFixture[str]) -> None:
    estimate = Estimate(stage_s=0, activate_s=240, total_s=480, bound_s=1200, source="from 3 provisionings")
    code = show_plan(answer(action="provision", nodes=("rome", "oslo"), estimate=estimate), as_json=False)
    assert code == planned.WORK
    assert (
        "estimate 8 min (a node 4 min; from 3 provisionings) · bound 20 min a node, headroom 16 min"
        in capsys.readouterr().out
    )


def test_an_estimate_above_its_bound_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    slow = ESTIMATE.model_copy(update={"total_s": 700.0})
    show_plan(answer(row("rome"), estimate=slow), as_json=False)
    assert "bound 10 min, 1 min 40 s too long" in capsys.readouterr().out
