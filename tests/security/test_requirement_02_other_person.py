"""Requirement 2: who asks is not another person, by whichever of their accounts; those count as one."""

from functools import partial

import pytest

from bot_kit import ANNA, ANNAS_OTHER, JAMES, Hq
from noc.errors import NocError
from noc.runs.record.journal import run_ids
from principal_kit import Hall, person
from security.chat_kit import Talk
from telegram_kit import GROUP
from unit.runs.test_principals_door import refusal, rewrite


def state(hq: Hq) -> list[tuple[str, str]]:
    return [(request["requester"], request["state"]) for request in hq.waiting()]


async def test_the_same_person_by_two_accounts_is_one_person_and_another_is_not(talk: Talk) -> None:
    request = await talk.asked(ANNA)
    for account in (ANNA, ANNAS_OTHER):
        assert "somebody else" in await talk.press(account, request, "Approve")
        assert state(talk.hq) == [("anna", "pending")]
    assert talk.hq.runs() == []
    assert "approved by james" in await talk.press(JAMES, request, "Approve")
    await talk.chat.until(lambda: any("asked for by anna, approved by james" in said for said in talk.chat.said(GROUP)))


def test_a_login_a_page_and_two_chats_of_one_person_are_one_person(hall: Hall) -> None:
    rewrite(hall, '[[people]]\nname = "anna"', '[approval]\nlow = "another"\n[[people]]\nname = "anna"')
    hall.link("anna", "1")
    hall.link("anna", "2", "discord")
    digest = hall.ask(person("anna"), "plan", action="backup", nodes=["virginia"])["plan"]["digest"]
    hall.ask(person("anna"), "start", digest=digest)
    assert refusal(hall, person("anna"), "approve", request=digest).code == "E530"
    for ask in (partial(hall.bot, "1"), partial(hall.bot, "2", channel="discord"), partial(hall.page, "anna")):
        with pytest.raises(NocError) as refused:
            ask(op="approve", request=digest)
        assert refused.value.code == "E530"
    assert run_ids(hall.house.paths.runs) == []
