"""What people read in a chat: plans, requests, runs, incidents, the fleet; and what a node says in between."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval_kit import plan
from noc.agent.words.incident import incident_message, incidents_message
from noc.agent.words.message import Message
from noc.agent.words.neutral import JOINER, UNTRUSTED_BYTES, neutral, stripped
from noc.agent.words.plan import SHOWN, plan_message, table
from noc.agent.words.refusal import refusal_message
from noc.agent.words.request import request_message
from noc.agent.words.run import outcome, run_message
from noc.agent.words.status import health_message, status_message
from noc.errors import NocError
from noc.runs.plan.plan import NodePlan, Options, Plan
from noc.runs.record.events import Event, State
from noc.runs.runner.view import View, advance

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OLD, NEW = "a" * 64, "b" * 64
LABELS = {OLD: "1.0.0 (1)", NEW: "1.1.0 (2)"}
HOSTILE = "@everyone <@123> https://evil.test/x /halt \x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}gone\nsecond line"


@given(st.text(), st.integers(min_value=4, max_value=300))
def test_a_text_from_elsewhere_is_one_line_of_what_can_be_seen_and_no_longer_than_was_said(
    text: str, limit: int
) -> None:
    shown = stripped(text, limit)
    assert len(shown.encode()) <= limit
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in shown)
    assert stripped(shown, limit) == shown


@given(st.text(alphabet="@#<>/:.a1 \n", max_size=80))
def test_in_a_line_of_a_chat_nobody_is_called_and_nothing_can_be_clicked(text: str) -> None:
    shown = neutral(text)
    for index, char in enumerate(shown[:-1]):
        after = shown[index + 1]
        assert not (char in "@#" and after.isalnum()), shown
        assert not (char == "<" and after in "@#:a"), shown
        assert not (char == "/" and after.isalpha()), shown
        assert not (char == "." and index and shown[index - 1].isalnum() and after.isalnum()), shown
        assert not (shown[index:].startswith("://")), shown
    assert shown.replace(JOINER, "") == stripped(text)


def test_a_text_of_any_length_is_read_no_further_than_it_is_shown() -> None:
    assert len(stripped("ä" * 10_000_000).encode()) <= UNTRUSTED_BYTES


def a_plan(**more: Any) -> Plan:
    rows = (
        NodePlan(node="virginia", position=1, state="change", running=OLD, target=NEW, seconds=30),
        NodePlan(node="frankfurt", position=2, wave=1, state="unchanged", running=NEW, target=NEW),
        NodePlan(node="singapore", position=3, wave=1, state="down", problems=(HOSTILE,)),
    )
    return plan("high", configuration=False, rows=rows, **more)


def test_a_plan_shows_each_node_its_phrase_and_who_has_to_agree() -> None:
    made = a_plan()
    told = plan_message(made, LABELS, "an approver other than james")
    assert told.title == "deploy 1.1.0 (build 2) to 3 nodes"
    assert told.lines[0] == f"phrase: {made.phrase}"
    assert told.lines[1] == "risk high, has to agree: an approver other than james"
    assert told.code.splitlines() == [
        "virginia   change     1.0.0 (1) → 1.1.0 (2)",
        "frankfurt  unchanged  1.1.0 (2) → 1.1.0 (2)",
        "singapore  down",
    ]


def test_what_a_node_says_of_a_plan_does_nothing_in_a_chat() -> None:
    said = plan_message(a_plan(), LABELS, "").lines[-1]
    assert said.startswith("singapore: ")
    assert not any(mark in said for mark in ("@everyone", "<@", "://", "evil.test", "/halt", "\x1b", "\n", "\u202e"))


def test_a_table_that_is_too_long_for_a_chat_says_how_much_more_there_is() -> None:
    lines = table([(f"node-{number}", "up") for number in range(SHOWN + 3)]).splitlines()
    assert (len(lines), lines[-1]) == (SHOWN + 1, "and 3 more")


def a_request(**more: Any) -> dict[str, Any]:
    request = {
        "digest": NEW,
        "phrase": "cart unfold cable afford",
        "what": "reboot 3 nodes",
        "risk": "medium",
        "requester": "james",
        "needs": "an approver other than james",
        "state": "pending",
        "approval": None,
        "denial": None,
        "run": None,
        "at": NOW.isoformat(),
        "expires": (NOW + timedelta(hours=1)).isoformat(),
    }
    return {**request, **more}


BY_ANNA = {"by": "anna", "at": NOW.isoformat()}
STANDS: list[tuple[dict[str, Any], str]] = [
    ({}, "waits for an approver other than james"),
    ({"state": "approved", "approval": BY_ANNA}, "approved by anna, not begun yet"),
    ({"state": "used", "approval": BY_ANNA, "run": "r1"}, "approved by anna, run r1"),
    ({"state": "denied", "denial": {**BY_ANNA, "reason": "not today"}}, "denied by anna: not today"),
    ({"state": "expired"}, "expired, nobody agreed in time"),
]


@pytest.mark.parametrize(("more", "words"), STANDS)
def test_a_request_says_whom_it_waits_for_or_what_became_of_it(more: dict[str, Any], words: str) -> None:
    assert words in request_message(a_request(**more), "Europe/Zurich").lines


def test_a_request_that_can_still_be_answered_says_until_when_on_the_fleets_clocks() -> None:
    assert request_message(a_request(), "Europe/Zurich").lines[-1] == "until Sun 2026-03-01 14:00 CET"


def asked_for(made: Plan, **more: Any) -> Message:
    """The request for a plan, as whoever may agree to it reads it."""
    return request_message(a_request(plan=made.model_dump(mode="json"), **more), "Europe/Zurich", LABELS)


STAKES: list[tuple[dict[str, Any], str]] = [
    ({"restore_data": True}, "what was written since is lost"),
    ({"override_freeze": "the fair is today"}, "in spite of a freeze: the fair is today"),
    ({"force": True}, "may lose its machine"),
    ({"retire": True}, "no other machine"),
    ({"at_once": True}, "leave at once"),
    ({"gone": True}, "taken for gone"),
    ({"without_backup": True}, "without a last backup"),
    ({"without": ("virginia",)}, "goes on without virginia"),
    ({"address": {"virginia": "192.0.2.7"}}, "virginia is taken to be at 192."),
    ({"host_key": {"virginia": f"SHA256:{'a' * 43}"}}, "virginia is taken to be whoever has the host key SHA256:aaa"),
]


@pytest.mark.parametrize(("options", "words"), STAKES, ids=[next(iter(options)) for options, _ in STAKES])
def test_who_may_agree_reads_what_somebody_has_asked_for_beside_nodes_and_release(
    options: dict[str, Any], words: str
) -> None:
    made = a_plan(options=Options.read(options))
    for told in (plan_message(made, LABELS, ""), asked_for(made), asked_for(made, state="approved", approval=BY_ANNA)):
        assert [line for line in told.lines if line.startswith("! ") and words in line.replace(JOINER, "")], told.lines


def test_every_option_of_a_plan_is_told_to_who_may_agree() -> None:
    told_by_the_title = {"hub", "at", "secret", "drill", "hold"}
    assert {name for options, _ in STAKES for name in options} | told_by_the_title == set(Options.model_fields)


def test_who_may_agree_reads_what_was_found_out_about_nodes_and_which_names_change() -> None:
    told = asked_for(a_plan(records=("remove virginia.clavitor.com A 192.0.2.7",)))
    assert [line for line in told.lines if line.startswith("singapore: ")]
    assert "remove virginia.clavitor.com A 192.0.2.7" in told.lines


def test_a_request_that_is_over_is_short() -> None:
    made = a_plan(options=Options(restore_data=True))
    assert len(asked_for(made, state="denied", denial={**BY_ANNA, "reason": ""}).lines) == 4


def a_view(*records: tuple[str | None, str, State, dict[str, Any]]) -> View:
    made = a_plan()
    start = {"plan": made.model_dump(mode="json"), "by": "james"}
    view = View()
    for seq, (node, step, state, detail) in enumerate([(None, "run", State.STARTED, start), *records], 1):
        view = advance(view, Event(seq=seq, at=NOW, run="r1", node=node, step=step, state=state, detail=detail))
    return view


def test_a_run_under_way_says_how_far_it_is_and_what_a_node_says_does_nothing() -> None:
    view = a_view(("virginia", "prove", State.FAILED, {"why": HOSTILE}))
    told = run_message(view, NOW)
    assert told.title.startswith("deploy 1.1.0 (build 2) to 3 nodes: 0 of 3 done")
    assert told.lines[0] == "run r1, asked for by james"
    assert not any(mark in told.plain() for mark in ("@everyone", "://", "\x1b", "\u202e"))


VERDICTS = [
    {"node": "virginia", "before": "1.0.0 (1)", "now": "1.1.0 (2)", "verdict": "confirmed", "good": True},
    {"node": "frankfurt", "before": "1.0.0 (1)", "now": "1.0.0 (1)", "verdict": "rolled-back", "why": HOSTILE},
]


@pytest.mark.parametrize(("code", "word"), [(0, "ok"), (3, "in part"), (1, "failed"), (7, "failed")])
def test_a_run_that_is_over_says_what_became_of_each_node(code: int, word: str) -> None:
    state = State.OK if code == 0 else State.FAILED
    view = a_view((None, "run", state, {"verdicts": VERDICTS, "exit": code}))
    told = run_message(view, NOW)
    assert outcome(view) == word
    assert told.title == f"deploy 1.1.0 (build 2) to 3 nodes: {word}, 1 of 2 nodes good"
    assert told.code.splitlines()[0] == "virginia   1.0.0 (1) → 1.1.0 (2)  confirmed"
    assert "@everyone" not in told.plain()


def an_incident(**more: Any) -> dict[str, Any]:
    incident = {
        "id": 7,
        "node": "virginia",
        "severity": "SEV1",
        "detail": HOSTILE,
        "started_at": (NOW - timedelta(minutes=5)).isoformat(),
        "ended_at": None,
        "end_reason": None,
        "acknowledged_by": "anna",
    }
    return {**incident, **more}


def test_an_incident_is_one_line_that_does_nothing() -> None:
    told = incidents_message([an_incident()], NOW.isoformat(), only_open=True)
    assert told.title == "1 open"
    assert told.lines[0].startswith("7 SEV1 virginia: ")
    assert told.lines[0].endswith("since 5 min ago, anna has it")
    assert not any(mark in told.plain() for mark in ("@everyone", "<@", "://", "\x1b"))


def test_where_no_incident_is_open_that_is_said() -> None:
    assert incidents_message([], NOW.isoformat(), only_open=True) == Message("no incident is open")


def test_notes_of_an_incident_are_told_with_who_wrote_them() -> None:
    notes = [{"at": NOW.isoformat(), "who": "anna", "text": HOSTILE}]
    story = {"incident": an_incident(), "timezone": "Europe/Zurich", "now": NOW.isoformat(), "notes": notes}
    line = incident_message(story).lines[0]
    assert line.startswith("Sun 2026-03-01 13:00 CET anna: ")
    assert "@everyone" not in line


def test_the_fleet_at_a_glance_counts_nodes_and_names_those_that_are_not_up() -> None:
    nodes = [{"name": "virginia", "state": "down"}, {"name": "frankfurt", "state": "up"}]
    told = status_message(nodes, [an_incident()], NOW.isoformat(), ["halted by anna: moving"])
    assert (told.title, told.code) == ("1 down, 1 up; 1 open", "virginia  down")
    assert told.lines[-1] == "halted by anna: moving"


def test_health_names_the_checks_that_failed() -> None:
    checks = [{"name": "tunnel", "state": "ok", "words": ""}, {"name": "https", "state": "failed", "words": HOSTILE}]
    rows = [{"node": "virginia", "healthy": False, "checks": checks}]
    told = health_message({"nodes": rows, "pending": ["singapore"]})
    assert told.title == "0 of 1 nodes healthy"
    assert told.lines[0].startswith("virginia: https: ")
    assert told.lines[-1] == "pending: singapore"
    assert not any(mark in told.plain() for mark in ("\x1b", "\u202e"))


def test_a_refusal_is_told_with_its_code_and_what_mends_it_can_be_copied() -> None:
    told = refusal_message(NocError("virginia is down", why=HOSTILE, fix="noc tunnel virginia"))
    assert (told.title, told.code) == ("virginia is down (NOC-E000)", "noc tunnel virginia")
    assert "@everyone" not in told.lines[0]
