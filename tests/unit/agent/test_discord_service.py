"""`noc bot` at Discord as HQ runs it: a process of its own, the real library, the stand-in, and a real runner."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot_kit import Hq, headquarters
from command_kit import NOC
from discord_kit import CHANNEL, GUILD, TOKEN, Service, discord_service, until

OLGA = "5003"


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hq]:
    """HQ; olga is at Discord."""
    with headquarters(tmp_path, monkeypatch) as made:
        made.link("olga", int(OLGA), "discord")
        yield made


@pytest.fixture
async def service(hq: Hq, tmp_path: Path) -> AsyncIterator[Service]:
    """Discord; the fleet file and HQ's credentials know it."""
    async with discord_service() as made:
        with (hq.house.paths.fleet / "fleet.toml").open("a") as file:
            file.write(f'[discord]\nguild = {GUILD}\nchannel = {CHANNEL}\napi = "{made.settings.api}"\n')
        (tmp_path / "credentials").mkdir(mode=0o700)
        (tmp_path / "credentials" / "discord_token").write_text(TOKEN + "\n")
        (tmp_path / "credentials" / "discord_token").chmod(0o600)
        yield made


def noc(hq: Hq, *args: str) -> "subprocess.Popen[str]":
    """Start `noc bot`."""
    paths = hq.house.paths
    credentials = paths.fleet.parent / "credentials"
    told = {"NOC_FLEET": paths.fleet, "NOC_RUNNER_SOCKET": paths.runner_socket, "CREDENTIALS_DIRECTORY": credentials}
    environment = {**os.environ, **{name: str(value) for name, value in told.items()}, "COLUMNS": "200"}
    pipe = subprocess.PIPE
    return subprocess.Popen([*NOC, "bot", *args], env=environment, stdout=pipe, stderr=pipe, text=True)


def command_line(pid: int) -> str:
    """What any login of the machine sees of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text()


async def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """How a process ended: exit code, stdout, stderr."""
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    return process.returncode, out, err


async def test_a_chat_that_works_is_told_with_its_names(hq: Hq, service: Service) -> None:
    code, out, err = await ended(noc(hq, "check", "--json"))
    assert (code, err) == (0, "")
    found = {row["channel"]: row for row in json.loads(out)["channels"]}
    assert (found["discord"]["state"], found["discord"]["bot"], found["discord"]["chat"]) == (
        "ok",
        "@noc",
        "#operations",
    )


async def test_a_bot_that_was_not_invited_is_told_how_to_be(hq: Hq, service: Service) -> None:
    await service.control("trouble", {"member": False})
    code, out, _ = await ended(noc(hq, "check"))
    assert code == 1
    assert "applications.commands" in out


async def test_the_service_answers_and_ends_when_it_is_told_and_no_token_is_seen(
    hq: Hq, service: Service, tmp_path: Path
) -> None:
    process = noc(hq, "serve", "--state", str(tmp_path / "bot.json"))
    try:
        await until(service.discord.gateway.connections, "the bot is connected")
        await service.slash(OLGA, "who")
        [message] = await until(service.messages, "an answer")
        assert "olga" in message["content"]
        assert TOKEN not in command_line(process.pid)
        await service.control("trouble", {"close": 4014})
    finally:
        process.send_signal(signal.SIGTERM)
    code, out, err = await ended(process)
    assert (code, out) == (0, "")
    assert TOKEN not in err
