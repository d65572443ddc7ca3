"""Where two people have to agree, two people have agreed: whatever anybody says in whichever of their chats, on the
page or in a shell, in whatever order."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noc.errors import NocError
from noc.runs.record.journal import read, run_ids
from noc.runs.runner import door
from principal_kit import PEOPLE, ROOT, SERVICE, Hall, person
from runner_house import House

APPROVERS = {"anna", "james"}
NUMBERS = {"anna": "1", "james": "2", "olga": "3", "vera": "4", "claude": "5"}
WAYS = ("telegram", "discord", "page", "socket")
VOICE = st.one_of(st.tuples(st.sampled_from(sorted(NUMBERS)), st.sampled_from(WAYS)), st.just(("noc-agent", "socket")))
ANSWER = st.tuples(VOICE, st.sampled_from(["approve", "approve", "start", "deny"]))
STORY = st.tuples(VOICE, VOICE, st.lists(ANSWER, min_size=1, max_size=5))
"""Who plans, who starts, and who then says what about it."""


@pytest.fixture
def hall(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    """A runner of a fleet in which another has to agree to everything."""
    path = house.paths.fleet / "fleet.toml"
    rules = '[approval]\nlow = "another"\nmedium = "another"\nhigh = "another"\n'
    path.write_text(path.read_text() + rules + PEOPLE)
    house.let_go()
    made = Hall(house)
    for name, number in NUMBERS.items():
        made.link(name, number)
        made.link(name, number, "discord")
    monkeypatch.setattr(door, "identify", made.identify)
    monkeypatch.setattr("noc.runs.admission.often.MOST", 1_000_000)
    yield made
    made.there = ROOT


def say(hall: Hall, voice: tuple[str, str], op: str, **fields: Any) -> dict[str, Any]:
    """Somebody asks for something, by one of their ways; who approves stays until the run has begun."""
    name, way = voice
    there, voucher = SERVICE.get(name) or person(name), dict[str, Any]()
    if way == "page":
        there, voucher = SERVICE["noc-watch"], {"for": {"channel": way, "person": name}}
    elif way != "socket":
        there, voucher = SERVICE["noc-bot"], {"for": {"channel": way, "id": NUMBERS[name]}}
    with hall.asked(there, op, **fields, **voucher) as answers:
        return next(answer for answer in answers if op != "approve" or "run" in answer)


def carry_out(hall: Hall, story: Any) -> None:
    planner, starter, answers = story
    with suppress(NocError):
        digest = say(hall, planner, "plan", action="backup", nodes=["frankfurt"])["plan"]["digest"]
        for voice, op in [(starter, "start"), *answers]:
            with suppress(NocError):
                say(hall, voice, op, **{"digest" if op == "start" else "request": digest})


def test_whoever_agrees_is_another_approver_than_whoever_asked(hall: Hall) -> None:
    seen = set[str]()

    @given(STORY)
    @settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
    def tried(story: Any) -> None:
        carry_out(hall, story)
        for run in set(run_ids(hall.house.paths.runs)) - seen:
            detail = read(hall.house.paths.runs, run)[0].detail
            assert detail["approved_by"] in APPROVERS - {detail["by"]}
            seen.add(run)
        hall.house.call(hall.house.runner.ended())

    tried()


@pytest.mark.parametrize(("way", "other"), [("telegram", "discord"), ("discord", "page"), ("socket", "telegram")])
def test_one_asks_and_another_agrees_by_whatever_way(hall: Hall, way: str, other: str) -> None:
    carry_out(hall, (("olga", way), ("olga", way), [(("james", other), "approve")]))
    (run,) = run_ids(hall.house.paths.runs)
    first = read(hall.house.paths.runs, run)[0].detail
    assert (first["by"], first["approved_by"]) == ("olga", "james")
