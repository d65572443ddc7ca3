"""Requirement 5: a stranger in a chat gets silence, and one line in the audit a day; only who brings the code of a link
hears whether it was good."""

import pytest

from bot_kit import OLGA, STRANGER, Hq
from discord_kit import Service, until
from security.chat_kit import DEPLOY, Talk, buttons
from telegram_kit import GROUP
from unit.agent import test_discord_conversations as discord

ELSEWHERE = -1009999999999


def strangers(hq: Hq) -> list[tuple[str, str]]:
    """The lines of the audit about strangers: kind and account."""
    found = [entry for entry in hq.audit() if entry["what"] == "listen to a stranger"]
    return [(entry["kind"], entry["detail"]["id"]) for entry in found]


async def heard(talk: Talk) -> None:
    """Wait until the bot has read all that was said so far: it answers what somebody known says after that."""
    before = len(talk.chat.said(OLGA))
    talk.chat.say(OLGA, "/help")
    await talk.chat.until(lambda: len(talk.chat.said(OLGA)) > before)


@pytest.mark.parametrize(
    "text", ["/status", DEPLOY, "/halt now", "/approve last", "hello", "/start", "/link", "/link please", "/link A B"]
)
async def test_whatever_a_stranger_says_nobody_answers(talk: Talk, text: str) -> None:
    for chat in (None, GROUP):
        talk.chat.say(STRANGER, text, chat)
    await heard(talk)
    assert (talk.chat.said(STRANGER), talk.chat.said(GROUP)) == ([], [])
    assert strangers(talk.hq) == [("refusal", str(STRANGER))]
    assert (talk.hq.runs(), talk.hq.waiting(), talk.hq.ask("root", "lease")["halt"]) == ([], [], None)


async def test_a_stranger_who_says_much_is_one_line_in_the_audit(talk: Talk) -> None:
    for _ in range(5):
        talk.chat.say(STRANGER, "/status")
    await heard(talk)
    assert strangers(talk.hq) == [("refusal", str(STRANGER))]


async def test_a_strangers_press_of_a_button_changes_nothing(talk: Talk) -> None:
    request = await talk.asked()
    pressed = {talk.chat.press(STRANGER, data, request["message_id"]) for data in buttons(request).values()}
    await heard(talk)
    assert [(each["requester"], each["state"]) for each in talk.hq.waiting()] == [("olga", "pending")]
    assert talk.hq.runs() == []
    assert pressed.isdisjoint(answer["query"] for answer in talk.chat.act("answers"))


async def test_in_another_group_nobody_is_heard(talk: Talk) -> None:
    talk.chat.act("chat", id=ELSEWHERE, type="supergroup", title="Elsewhere")
    talk.chat.say(OLGA, "/status", ELSEWHERE)
    await heard(talk)
    assert talk.chat.said(ELSEWHERE) == []


async def test_a_wrong_code_links_nobody_is_told_so_and_is_written_down_without_the_code(talk: Talk) -> None:
    talk.chat.say(STRANGER, "/link ABCD-EFGH")
    (said,) = await talk.chat.until(lambda: talk.chat.said(STRANGER))
    assert "E552" in said
    entry = talk.hq.audit()[-1]
    assert (entry["kind"], entry["detail"]["id"], "ABCD" in str(entry)) == ("refusal", str(STRANGER), False)
    talk.chat.say(STRANGER, "/status")
    await heard(talk)
    assert len(talk.chat.said(STRANGER)) == 1


async def test_at_discord_a_stranger_gets_as_little(hq: Hq, service: Service) -> None:
    hq.link("olga", int(discord.OLGA), "discord")
    request = await discord.begun(service)
    before = await service.messages()
    await service.slash(str(STRANGER), "halt", reason="now")
    for button in request["buttons"]:
        await service.press(str(STRANGER), request["id"], button["label"])
    await until(lambda: strangers(hq), "the stranger is written down")
    assert (await service.messages(), [each["state"] for each in hq.waiting()]) == (before, ["pending"])
    assert (strangers(hq), hq.ask("root", "lease")["halt"]) == ([("refusal", str(STRANGER))], None)
