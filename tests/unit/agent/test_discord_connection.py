"""The real discord.py against the stand-in's gateway: what breaks is made good, and what cannot be is told once."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from discord_kit import CHANNEL, GUILD, TOKEN, Bot, Service, bot, discord_service, silent, until
from https_kit import certificate
from noc.agent.bot.errors import ChannelAway
from noc.agent.bot.transport import Button, Incoming
from noc.agent.discord import client
from noc.agent.discord.client import DiscordTransport
from noc.agent.discord.library import Client
from noc.agent.words.message import Message

JOHAN = "4711"


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once; how often is no matter of these tests."""

    async def at_once(*_: Any, **__: Any) -> None: ...

    monkeypatch.setattr(Client, "before_identify_hook", at_once)
    monkeypatch.setattr(client, "_TROUBLE_S", (0.05,))


async def state(service: Service, **wanted: int) -> bool:
    """Whether the gateway counts at least so many."""
    seen = await service.control("gateway")
    return all(seen[name] >= number for name, number in wanted.items())


@pytest.mark.parametrize("trouble", [{"drop": True}, {"reconnect": True}, {"close": 4000}], ids=str)
async def test_a_connection_that_breaks_is_resumed(trouble: dict[str, Any]) -> None:
    async with discord_service() as service, bot(service, silent) as made:
        await service.control("trouble", trouble)
        await until(lambda: state(service, connected=1, resumes=1), "the session is resumed")
        assert (await service.control("gateway"))["identifies"] == 1
        await service.slash(JOHAN, "status")
        await until(lambda: made.heard, "a command arrives")


async def test_what_came_meanwhile_arrives_after_it() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        await service.control("trouble", {"drop": True})
        await service.slash(JOHAN, "status")
        await until(lambda: made.heard, "the command arrives")


@pytest.mark.usefixtures("patience")
async def test_a_session_that_was_forgotten_is_begun_anew() -> None:
    async with discord_service(identify_s=0.0) as service, bot(service, silent) as made:
        await service.control("trouble", {"forget": True, "close": 4009})
        await until(lambda: state(service, connected=1, identifies=2), "a new session")
        await service.slash(JOHAN, "status")
        await until(lambda: made.heard, "a command arrives")


@pytest.mark.usefixtures("patience")
async def test_a_second_session_too_soon_after_the_first_is_waited_for() -> None:
    async with discord_service(identify_s=0.3) as service:
        service.discord.gateway.begin(1)
        transport = DiscordTransport(service.settings, TOKEN)
        running = asyncio.create_task(transport.run(_never))
        try:
            await until(lambda: state(service, connected=1, identifies=2), "the session begins")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await transport.close()


async def _never(_: Any) -> None: ...


async def test_heartbeats_keep_the_connection() -> None:
    async with discord_service(heartbeat_s=0.1) as service, bot(service, silent):
        await until(lambda: state(service, beats=6), "six heartbeats")
        seen = await service.control("gateway")
        assert (seen["connected"], seen["resumes"], seen["closes"]) == (1, 0, [])


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("code", [4004, 4014])
async def test_a_gateway_that_shuts_the_bot_out_is_told_once(code: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "noc")
    async with discord_service() as service, bot(service, silent):
        await service.control("trouble", {"close": code})
        await until(lambda: caplog.records, "it is logged")
        [said] = [record.getMessage() for record in caplog.records]
        assert ("token" if code == 4004 else "4014") in said
        assert TOKEN not in said


@pytest.mark.usefixtures("patience")
async def test_a_bot_that_was_put_out_asks_again_until_it_is_let_in(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "noc")
    async with discord_service() as service:
        await service.control("trouble", {"member": False})
        transport = DiscordTransport(service.settings, TOKEN)
        running = asyncio.create_task(transport.run(_never))
        try:
            await until(lambda: "Missing Access" in caplog.text, "it was refused")
            await service.control("trouble", {"member": True})
            await until(lambda: state(service, connected=1), "the bot is connected")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await transport.close()


@pytest.mark.usefixtures("patience")
async def test_a_command_whose_connection_was_lost_is_answered_in_the_chat() -> None:
    lost = asyncio.Event()

    async def slow(made: Bot, incoming: Incoming) -> None:
        await lost.wait()
        await made.transport.send(incoming.chat, Message("well"), reply_to=incoming)

    async with discord_service(identify_s=0.0) as service, bot(service, slow) as made:
        await service.slash(JOHAN, "status")
        await until(lambda: made.heard, "the command arrives")
        await service.control("trouble", {"close": 4014})
        await until(lambda: state(service, connected=1, identifies=2), "another connection")
        lost.set()
        message = (await until(service.messages, "the answer"))[-1]
        assert (message["content"], message["channel"]) == ("**well**", "42")


@pytest.mark.usefixtures("patience")
async def test_an_answer_that_is_none_is_trouble_and_no_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "noc")
    async with discord_service(identify_s=0.0) as service, bot(service, silent) as made:
        for socket in service.discord.gateway.connections():
            socket.send(b"no json", opcode=1)
        await until(lambda: state(service, connected=1, identifies=2), "another connection")
        await service.slash(JOHAN, "status")
        await until(lambda: made.heard, "a command arrives")


def _event(**other: Any) -> dict[str, Any]:
    """A use of /status by johan in the chat of operations, but for what is given."""
    user = {"id": JOHAN, "username": "johan", "discriminator": "0", "avatar": None}
    member: dict[str, Any] = {"user": user, "roles": [], "joined_at": None, "deaf": False, "mute": False, "flags": 0}
    channel = {"id": str(CHANNEL), "type": 0, "name": "operations", "position": 0, "guild_id": str(GUILD)}
    event = {"id": "1", "application_id": "1000", "type": 2, "token": "t", "version": 1, "attachment_size_limit": 0}
    event |= {"guild_id": str(GUILD), "channel": channel, "member": member}
    return event | {"data": {"id": "2", "name": "status", "type": 1}} | other


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(
    "event",
    [
        {},
        {"id": "no number"},
        _event(data=None),
        _event(data={"name": ["status"], "options": "none"}),
        _event(data={"name": "deploy", "options": [{"name": "nodes", "value": {"a": ["b"]}}, {}]}),
        _event(type=3, data={"custom_id": "begin:0123456789abcdef", "component_type": 2}),
        _event(type=4),
        _event(type=99),
        _event(guild_id="77"),
        _event(guild_id=None, member=None),
    ],
    ids=(
        "empty",
        "number",
        "no-data",
        "kinds",
        "value",
        "press-of-nothing",
        "typing",
        "unknown",
        "elsewhere",
        "nobody",
    ),
)
async def test_an_event_that_is_odd_keeps_no_later_one_away(event: dict[str, Any]) -> None:
    async with discord_service(identify_s=0.0) as service, bot(service, silent) as made:
        service.discord.gateway.dispatch("INTERACTION_CREATE", event)
        await until(lambda: _heard_status(service, made), "a later command arrives")
        assert all(heard.text in {"/status", "/deploy {'a': ['b']}"} for heard in made.heard)


async def test_what_happens_in_another_guild_is_not_heard() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        service.discord.gateway.dispatch("INTERACTION_CREATE", _event(guild_id="77", id="7"))
        service.discord.gateway.dispatch("INTERACTION_CREATE", _event(id="8"))
        await until(lambda: made.heard, "a command arrives")
        assert [heard.handle for heard in made.heard] == ["8"]


async def test_a_press_of_what_does_not_stand_there_comes_without_its_message() -> None:
    async with discord_service() as service, bot(service, silent) as made:
        sent = await made.transport.send(str(CHANNEL), Message("plan"), (Button("Deny", "deny:0123456789abcdef"),))
        number = await service.press(JOHAN, sent.id, "Deny")
        await until(lambda: made.heard, "the press arrives")
        session = next(iter(service.discord.gateway.sessions.values()))
        event = next(each["d"] for each in session.events if each["d"].get("id") == number)
        forged = {"custom_id": "approve:0123456789abcdef", "component_type": 2}
        interaction = service.discord.interactions.known[number]
        interaction.acknowledged_after = None
        service.discord.gateway.dispatch("INTERACTION_CREATE", event | {"data": forged})
        await until(lambda: len(made.heard) == 2, "the other press arrives")
        assert [(heard.button[:4], heard.message) for heard in made.heard] == [("deny", sent), ("appr", None)]


async def _heard_status(service: Service, made: Bot) -> bool:
    await service.slash(JOHAN, "status")
    return any(heard.text == "/status" for heard in made.heard)


@pytest.mark.usefixtures("patience")
async def test_the_last_sessions_of_a_day_are_not_used_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "noc")
    async with discord_service() as service:
        await service.control("trouble", {"identifies": 990})
        transport = DiscordTransport(service.settings, TOKEN)
        running = asyncio.create_task(transport.run(_never))
        try:
            await until(lambda: "10 sessions are left" in caplog.text, "it is logged")
            assert (await service.control("gateway"))["identifies"] == 990
            await service.control("trouble", {"identifies": 0})
            await until(lambda: state(service, connected=1), "the bot is connected")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await transport.close()


async def test_nobody_there_is_told() -> None:
    async with discord_service() as service:
        settings = service.settings
    transport = DiscordTransport(settings, TOKEN)
    try:
        with pytest.raises(ChannelAway):
            await transport.reach()
    finally:
        await transport.close()


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    async with discord_service(certificate(tmp_path, "localhost")) as service:
        transport = DiscordTransport(service.settings, TOKEN)
        try:
            with pytest.raises(ChannelAway):
                await transport.reach()
        finally:
            await transport.close()


async def test_http_and_gateway_are_spoken_over_tls(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "localhost")
    async with discord_service((pem, key)) as service, bot(service, silent, ca=pem) as made:
        await service.slash(JOHAN, "status")
        await until(lambda: made.heard, "a command arrives")
        assert service.settings.api.startswith("https:")


async def test_a_token_is_not_shown_to_a_gateway_without_tls(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "localhost")
    async with discord_service((pem, key)) as service:
        service.discord.gateway.scheme = "ws"
        transport = DiscordTransport(service.settings, TOKEN, pem)
        try:
            with pytest.raises(ChannelAway, match="gateway"):
                await transport.reach()
        finally:
            await transport.close()
