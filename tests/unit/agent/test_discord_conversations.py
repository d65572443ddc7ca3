"""What people and the bot say to each other at Discord: the runner is real, the library is, Discord is the stand-in."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot_kit import Hq, at_work, headquarters
from discord_kit import CHANNEL, TOKEN, Service, discord_service, until
from noc.agent.bot.commands import menu
from noc.agent.discord.client import DiscordTransport
from noc.agent.discord.commands import Command

OLGA, ANNA, STRANGER = "5003", "5001", "666"
NEW = "b" * 64


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hq]:
    """HQ; olga, an operator, and anna, an approver, are at Discord. No answer is put off, however busy all is."""
    monkeypatch.setattr("noc.agent.discord.client.PUT_OFF_S", 60.0)
    monkeypatch.setattr("noc.agent.bot.announcing.LOOK_S", 0.1)
    monkeypatch.setattr("noc.agent.bot.showing.LOOK_S", 0.1)
    with headquarters(tmp_path, monkeypatch) as made:
        made.link("olga", int(OLGA), "discord")
        made.link("anna", int(ANNA), "discord")
        yield made


@pytest.fixture
async def service(hq: Hq, tmp_path: Path) -> AsyncIterator[Service]:
    """Discord, with the bot in it."""
    async with discord_service() as made:
        transport = DiscordTransport(made.settings, TOKEN, None, [Command(*each) for each in menu()])
        async with at_work(hq.doors, transport, state=tmp_path / "bot.json"):
            await until(made.discord.gateway.connections, "the bot is connected")
            yield made


async def said(service: Service, words: str, label: str = "") -> dict[str, Any]:
    """The newest message that holds words, and a button with that label."""

    async def look() -> list[dict[str, Any]]:
        return [
            message
            for message in await service.messages()
            if words in message["content"] and (not label or label in {one["label"] for one in message["buttons"]})
        ]

    return dict((await until(look, f"{words!r} is said"))[-1])


async def begun(service: Service) -> dict[str, Any]:
    """The request of a deployment that olga has asked for and begun."""
    await service.slash(OLGA, "deploy", nodes="all", version="1.1.0")
    await service.press(OLGA, (await said(service, "deploy", "Begin"))["id"], "Begin")
    return await said(service, "asked for by olga", "Approve")


async def test_a_person_asks_another_approves_and_the_fleet_rolls(hq: Hq, service: Service) -> None:
    await service.press(ANNA, (await begun(service))["id"], "Approve")
    result = await said(service, "asked for by olga, approved by anna")
    assert "3 of 3 nodes good" in result["content"]
    assert {machine.current for machine in hq.world.machines.values()} == {NEW}


async def test_who_asked_cannot_agree_and_alone_hears_why(hq: Hq, service: Service) -> None:
    await service.press(OLGA, (await begun(service))["id"], "Approve")

    async def whispered() -> list[dict[str, Any]]:
        return [message for message in await service.messages() if message["ephemeral"]]

    assert await until(whispered, "olga hears why")
    assert [each["state"] for each in hq.waiting()] == ["pending"]


async def test_a_stranger_gets_nothing_out_of_commands_and_buttons(hq: Hq, service: Service) -> None:
    request = await begun(service)
    before = await service.messages()
    command = await service.slash(STRANGER, "halt", reason="because")
    await service.press(STRANGER, request["id"], "Approve")
    await service.press(STRANGER, request["id"], "Plan")

    async def noted() -> bool:
        return any(entry["detail"].get("id") == STRANGER for entry in hq.audit())

    await until(noted, "the stranger is written down")
    assert (await service.interaction(command))["state"] == "waiting"
    assert await service.messages() == before
    assert [each["state"] for each in hq.waiting()] == ["pending"]


async def test_what_is_asked_aside_is_answered_aside(service: Service) -> None:
    service.discord.channels.open("43", "hall")
    await service.slash(OLGA, "help", channel=43)
    message = await said(service, "what works here")
    assert (message["ephemeral"], message["channel"]) == (True, "43")


async def test_a_run_is_shown_in_the_channel_of_operations(service: Service) -> None:
    await service.press(ANNA, (await begun(service))["id"], "Approve")
    result = await said(service, "asked for by olga, approved by anna")
    shown = [message for message in await service.messages() if message["channel"] == str(CHANNEL)]
    assert any("3 of 3" in message["content"] and len(message["edits"]) > 1 for message in shown)
    assert result["pinged"] == []


async def test_a_person_links_their_account_and_nobody_else_sees_it(hq: Hq, service: Service) -> None:
    code = hq.ask("james", "link-code", channel="discord")["code"]
    await service.slash("5002", "link", code=code)
    message = await said(service, "james's now")
    assert message["ephemeral"]
    await service.slash("5002", "who")
    assert not (await said(service, "you are james"))["ephemeral"]
