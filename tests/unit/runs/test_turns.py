"""Questions at the runner's door that are answered in turn."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from noc.runs.admission.caller import Caller
from noc.runs.runner.door import Answers
from noc.runs.runner.turns import Turns
from principal_kit import ROOT, SERVICE

AGENT = SERVICE["noc-agent"]


async def _asked(turns: Turns, callers: list[Caller]) -> list[str]:
    """By whom questions were asked, in the order in which they were answered; all came at the same moment."""
    answered: list[str] = []

    async def question(_request: Mapping[str, Any], caller: Caller) -> Answers:
        answered.append(caller.name)
        yield {"by": caller.name}

    asking = turns.taking(question)

    async def ask(caller: Caller) -> None:
        assert [answer async for answer in asking({}, caller)] == [{"by": caller.name}]

    await asyncio.gather(*map(ask, callers))
    return answered


async def test_sixty_questions_of_one_user_keep_another_waiting_for_one_of_them() -> None:
    answered = await _asked(Turns(), [*[AGENT] * 60, ROOT])
    assert answered.index("root") <= 1
    assert len(answered) == 61


async def test_people_for_whom_one_service_asks_take_turns_as_that_service() -> None:
    people = [replace(AGENT, name=f"person-{number}") for number in range(20)]
    assert (await _asked(Turns(), [*people, ROOT])).index("root") <= 1


async def test_a_question_that_fails_keeps_nobody_from_the_next() -> None:
    async def failing(_request: Mapping[str, Any], _caller: Caller) -> Answers:
        raise KeyError("run")
        yield {}

    turns = Turns()
    for _ in range(2):
        try:
            async for _answer in turns.taking(failing)({}, AGENT):
                pass
        except KeyError:
            continue
        raise AssertionError("it did not fail")
    assert await _asked(turns, [AGENT]) == ["noc-agent"]
