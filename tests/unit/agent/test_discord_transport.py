"""The real discord.py against the stand-in: what people do arrives, and what the bot says is seen as it was meant."""

import asyncio
import logging
from typing import Any

import pytest

from discord_kit import CHANNEL, TOKEN, Bot, Service, bot, discord_service, silent, until
from noc.agent.bot.errors import ChannelAway, ChatRefused, MessageGone, TokenRefused
from noc.agent.bot.transport import Button, Incoming, MessageRef
from noc.agent.discord import client
from noc.agent.discord.client import DiscordTransport
from noc.agent.words.message import Message

PLAN = Message("Deploy 1.4.2", ("to tokyo and paris",), "tokyo 1.4.1 -> 1.4.2")
SHOWN = "**Deploy 1.4.2**\nto tokyo and paris\n```\ntokyo 1.4.1 -> 1.4.2\n```"
BEGIN = (Button("Begin", "begin:0123456789abcdef", "good"), Button("Cancel", "cancel:0123456789abcdef", "bad"))
STRANGER, JOHAN = "666", "4711"
VIEW = 1 << 10


async def shows_a_plan(made: Bot, incoming: Incoming) -> None:
    """Answers every command, and says to every press that it was heard."""
    if incoming.button:
        await made.transport.answer(incoming, "it begins")
    else:
        await made.transport.send(incoming.chat, PLAN, BEGIN, reply_to=incoming)


async def only(service: Service) -> dict[str, Any]:
    """The one message that stands there, once it does."""
    await until(service.messages, "a message")
    [message] = await service.messages()
    return message


async def stands(service: Service, content: str) -> dict[str, Any]:
    """The message with that content, once there is one."""
    found = await until(lambda: _with(service, content), f"a message {content!r}")
    return dict(found[0])


async def _with(service: Service, content: str) -> list[dict[str, Any]]:
    return [message for message in await service.messages() if content in message["content"]]


async def test_a_command_arrives_as_the_text_that_it_stands_for() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        await service.slash(JOHAN, "deploy", version="1.4.2", nodes="tokyo  paris")
        heard = (await until(lambda: made.heard, "the command arrives"))[0]
        assert (heard.text, heard.id, heard.chat, heard.private) == ("/deploy tokyo paris 1.4.2", JOHAN, "42", False)
        assert heard.age_s < 60


async def test_an_answer_is_the_answer_of_its_command() -> None:
    async with discord_service() as service, bot(service, shows_a_plan):
        number = await service.slash(JOHAN, "status")
        message = await only(service)
        assert (await service.interaction(number))["answer"] == message["id"]
        assert message["content"] == SHOWN
        assert [button["label"] for button in message["buttons"]] == ["Begin", "Cancel"]
        assert not message["ephemeral"]


async def test_no_address_in_a_message_is_opened_for_a_preview() -> None:
    async with discord_service() as service, bot(service, shows_a_plan) as made:
        await made.transport.send(str(CHANNEL), PLAN)
        await service.slash(JOHAN, "status")
        await until(lambda: _two(service), "both messages")
        assert [message["previews"] for message in await service.messages()] == [False, False]


async def _two(service: Service) -> bool:
    return len(await service.messages()) == 2


async def test_a_stranger_sees_nothing() -> None:
    async with discord_service(acknowledge_s=0.2) as service, bot(service, silent):
        number = await service.slash(STRANGER, "status")
        await until(lambda: _state(service, number, "did not respond"), "Discord gives the command up")
        assert await service.messages() == []


async def _state(service: Service, number: str, state: str) -> bool:
    return bool((await service.interaction(number))["state"] == state)


async def test_an_answer_that_takes_long_is_put_off_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PUT_OFF_S", 0.02)
    asked = asyncio.Event()

    async def slow(made: Bot, incoming: Incoming) -> None:
        await asked.wait()
        await made.transport.send(incoming.chat, PLAN, BEGIN, reply_to=incoming)

    async with discord_service() as service, bot(service, slow):
        number = await service.slash(JOHAN, "status")
        assert (await only(service))["thinking"]
        asked.set()
        message = await stands(service, SHOWN)
        assert not message["thinking"]
        assert not message["previews"]
        assert len(message["buttons"]) == 2
        assert (await service.interaction(number))["answer"] == message["id"]


async def test_what_was_put_off_and_had_no_answer_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PUT_OFF_S", 0.02)
    asked = asyncio.Event()

    async def slow(_made: Bot, _incoming: Incoming) -> None:
        await asked.wait()

    async with discord_service() as service, bot(service, slow):
        await service.slash(STRANGER, "status")
        assert (await only(service))["thinking"]
        asked.set()
        await until(lambda: _empty(service), "nothing is left of it")


async def _empty(service: Service) -> bool:
    return not await service.messages()


async def test_the_word_of_a_link_and_its_answer_are_seen_by_nobody_else() -> None:
    async with discord_service() as service, bot(service, shows_a_plan) as made:
        await service.slash(JOHAN, "link", code="ABCD-EFGH")
        assert (await only(service))["ephemeral"]
        assert (made.heard[0].private, made.heard[0].chat) == (True, f"direct:{JOHAN}")


async def test_a_command_elsewhere_in_the_guild_is_answered_to_who_asked_alone() -> None:
    async with discord_service() as service, bot(service, shows_a_plan) as made:
        service.discord.channels.open("43", "hall")
        await service.slash(JOHAN, "status", channel=43)
        message = await only(service)
        assert message["ephemeral"]
        assert message["channel"] == "43"
        await made.transport.send(made.heard[0].chat, Message("later"))
        assert (await stands(service, "later"))["direct_to"] == JOHAN


async def test_what_one_person_saw_can_be_edited() -> None:
    async with discord_service() as service:
        sent: list[MessageRef] = []

        async def answer(made: Bot, incoming: Incoming) -> None:
            sent.append(await made.transport.send(incoming.chat, PLAN, reply_to=incoming))

        async with bot(service, answer) as made:
            await service.slash(JOHAN, "link", code="ABCD-EFGH")
            await until(lambda: sent, "it was answered")
            await made.transport.edit(sent[0], Message("it is over"))
            assert (await only(service))["content"] == "**it is over**"


async def test_what_one_person_saw_cannot_be_edited_for_ever() -> None:
    async with discord_service() as service:
        sent: list[MessageRef] = []

        async def answer(made: Bot, incoming: Incoming) -> None:
            sent.append(await made.transport.send(incoming.chat, PLAN, reply_to=incoming))

        async with bot(service, answer) as made:
            number = await service.slash(JOHAN, "link", code="ABCD-EFGH")
            await until(lambda: sent, "it was answered")
            service.discord.interactions.known[number].began -= 901
            with pytest.raises(MessageGone):
                await made.transport.edit(sent[0], Message("it is over"))


async def test_a_press_says_what_its_button_holds_and_where_it_stands() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        sent = await made.transport.send(str(CHANNEL), PLAN, BEGIN)
        number = await service.press(JOHAN, sent.id, "Begin")
        heard = (await until(lambda: made.heard, "the press arrives"))[0]
        assert (heard.button, heard.message, heard.text) == ("begin:0123456789abcdef", sent, "")
        assert await _state(service, number, "acknowledged")


async def test_the_answer_to_a_press_is_seen_by_who_pressed_alone() -> None:
    async with discord_service() as service, bot(service, shows_a_plan) as made:
        sent = await made.transport.send(str(CHANNEL), PLAN, BEGIN)
        await service.press(JOHAN, sent.id, "Begin")
        assert (await stands(service, "it begins"))["ephemeral"]


async def test_a_press_that_discord_has_given_up_is_not_obeyed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "noc")
    async with discord_service(acknowledge_s=0.0) as service, bot(service, silent) as made:
        sent = await made.transport.send(str(CHANNEL), PLAN, BEGIN)
        await service.press(JOHAN, sent.id, "Begin")
        await until(lambda: "came to nothing" in caplog.text, "the press is given up")
        assert made.heard == []


async def test_an_answer_that_comes_too_late_for_its_command_is_said_in_the_chat() -> None:
    async with discord_service(acknowledge_s=0.0) as service, bot(service, shows_a_plan):
        await service.slash(JOHAN, "status")
        assert (await only(service))["content"] == SHOWN


async def test_an_edit_replaces_text_and_buttons() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        sent = await made.transport.send(str(CHANNEL), PLAN, BEGIN)
        await made.transport.edit(sent, Message("it runs"), (Button("Halt", "halt:1"),))
        message = await only(service)
        assert (message["content"], [button["label"] for button in message["buttons"]]) == ("**it runs**", ["Halt"])
        await made.transport.edit(sent, Message("it is over"))
        assert (await only(service))["buttons"] == []


async def test_a_message_that_is_gone_is_told() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        sent = await made.transport.send(str(CHANNEL), PLAN)
        await service.control("trouble", {"delete": sent.id})
        with pytest.raises(MessageGone):
            await made.transport.edit(sent, Message("it runs"))


@pytest.mark.parametrize("permissions", [0, VIEW], ids=["no-access", "no-writing"])
async def test_a_channel_that_is_shut_is_told(permissions: int) -> None:
    async with discord_service() as service, bot(service, silent) as made:
        await service.control("trouble", {"permissions": {str(CHANNEL): permissions}})
        with pytest.raises(ChatRefused):
            await made.transport.send(str(CHANNEL), PLAN)


async def test_a_channel_that_is_not_there_is_told() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        with pytest.raises(ChatRefused):
            await made.transport.send("77", PLAN)


async def test_a_person_who_takes_no_messages_is_told() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        await service.control("trouble", {"closed_to": [JOHAN]})
        with pytest.raises(ChatRefused):
            await made.transport.send(f"direct:{JOHAN}", PLAN)


async def test_nobody_is_called_by_what_a_message_holds() -> None:
    calls = "@everyone @here <@4711> <@&41>"
    async with discord_service() as service, bot(service, silent) as made:
        sent = await made.transport.send(str(CHANNEL), Message(calls, (calls,), calls))
        await made.transport.edit(sent, Message("edited", (calls,), calls))
        assert (await only(service))["pinged"] == []


async def test_a_message_that_is_too_long_is_cut() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        await made.transport.send(str(CHANNEL), Message("t" * 3000, ("l" * 3000,), "c" * 3000))
        assert len((await only(service))["content"]) <= 2000


async def test_a_pause_that_discord_asks_for_is_kept() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        await service.control("trouble", {"throttle": {"times": 2, "wait_s": 0.1}})
        await made.transport.send(str(CHANNEL), PLAN)
        assert (await only(service))["content"] == SHOWN


async def test_a_pause_that_is_too_long_is_told() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        await service.control("trouble", {"throttle": {"times": 1, "wait_s": 600}})
        with pytest.raises(ChannelAway):
            await made.transport.send(str(CHANNEL), PLAN)


async def test_an_answer_of_the_edge_is_asked_for_again() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        await service.control("trouble", {"broken": 1})
        await made.transport.send(str(CHANNEL), PLAN)
        assert (await only(service))["content"] == SHOWN


async def test_the_guild_is_offered_the_commands() -> None:
    async with discord_service() as service, bot(service, silent):
        commands = {command["name"]: command for command in await service.control("commands")}
        assert set(commands) == {"deploy", "status", "silence", "link"}
        options = [(option["name"], option["required"]) for option in commands["silence"]["options"]]
        assert options == [("duration", True), ("nodes", False)]


async def test_who_is_asked_whether_all_is_well_says_names() -> None:
    async with discord_service() as service:
        transport = DiscordTransport(service.settings, TOKEN)
        try:
            reach = await transport.reach()
        finally:
            await transport.close()
        assert (reach.bot, reach.chat) == ("@noc", "#operations")
        assert service.discord.gateway.identifies == 0


@pytest.mark.parametrize("trouble", [{"member": False}, {"permissions": {str(CHANNEL): 0}}], ids=["outside", "shut"])
async def test_a_chat_that_cannot_be_reached_is_told(trouble: dict[str, Any]) -> None:
    async with discord_service() as service:
        await service.control("trouble", trouble)
        transport = DiscordTransport(service.settings, TOKEN)
        try:
            with pytest.raises(ChatRefused):
                await transport.reach()
        finally:
            await transport.close()


async def test_a_token_that_is_not_taken_is_told_and_shown_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with discord_service() as service:
        transport = DiscordTransport(service.settings, "MTAwMA.wrong.secret-of-somebody")
        try:
            with pytest.raises(TokenRefused) as refused:
                await transport.reach()
        finally:
            await transport.close()
        assert "secret-of-somebody" not in f"{refused.value!r} {refused.value.__context__!r} {caplog.text}"


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with discord_service() as service, bot(service, shows_a_plan):
        number = await service.slash(JOHAN, "link", code="ABCD-EFGH")
        await only(service)
        secrets = (TOKEN, "ABCD-EFGH", service.discord.interactions.known[number].token)
        mine = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("asyncio"))
        assert [secret for secret in secrets if secret in mine] == []
