"""The whole way by Telegram: the real client library, the stand-in for the Bot API, and a real runner."""

import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from bot_kit import ANNA, OLGA, STRANGER, Hq, at_work, headquarters
from command_kit import NOC
from noc.agent.bot.commands import menu
from noc.agent.bot.kept import Keeper
from noc.agent.telegram.client import TelegramTransport
from principal_kit import ROOT
from telegram_kit import GROUP, TOKEN, Chat, telegram


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hq]:
    with headquarters(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def chat() -> Iterator[Chat]:
    with telegram() as found:
        yield found


@pytest.fixture
async def bot(hq: Hq, chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    for module in ("announcing.LOOK_S", "showing.LOOK_S"):
        monkeypatch.setattr(f"noc.agent.bot.{module}", 0.1)
    monkeypatch.setattr("noc.agent.bot.post.EVERY_S", 0.2)
    keeper = Keeper(tmp_path / "bot.json")
    offered = [(name, title) for name, _, title in menu()]
    transport = TelegramTransport(chat.settings, TOKEN, keeper, commands=offered)
    async with at_work(hq.doors, transport, keeper=keeper):
        yield


def pressable(chat: Chat, label: str, where: int = GROUP) -> tuple[str, int] | None:
    """What a press of a button sends, and under which message."""
    for message in chat.messages(where):
        for button in (button for row in message["keyboard"] for button in row):
            if button["text"] == label:
                return button["callback_data"], message["message_id"]
    return None


def last_holds(chat: Chat, where: int, words: str) -> bool:
    """Whether the newest message of the bot holds some words."""
    return words in chat.said(where)[-1]


def says_so_much(chat: Chat, where: int, count: int) -> bool:
    """Whether the bot has said so many messages."""
    return len(chat.said(where)) == count


@pytest.mark.usefixtures("bot")
async def test_one_asks_another_agrees_and_both_are_told(hq: Hq, chat: Chat) -> None:
    chat.say(OLGA, "/deploy all 1.1.0")
    data, message = await chat.until(lambda: pressable(chat, "Begin", OLGA))
    chat.press(OLGA, data, message, OLGA)
    data, message = await chat.until(lambda: pressable(chat, "Approve"))
    chat.press(STRANGER, data, message)
    chat.press(ANNA, data, message)
    for where in (GROUP, OLGA):
        await chat.until(partial(last_holds, chat, where, "asked for by olga, approved by anna"))
        assert "3 of 3 nodes good" in chat.said(where)[-1]
    assert [answer["text"] for answer in chat.act("answers")] == [
        "",
        "deploy 1.1.0 (build 2) to 3 nodes: approved by anna",
    ]
    assert [entry["detail"]["id"] for entry in hq.audit() if entry["what"] == "listen to a stranger"] == [str(STRANGER)]


@pytest.mark.usefixtures("bot")
async def test_every_command_of_the_menu_is_answered_once(chat: Chat) -> None:
    await chat.until(lambda: chat.act("commands"))
    for count, command in enumerate(chat.act("commands"), 1):
        chat.say(ANNA, f"/{command['command']}")
        await chat.until(partial(says_so_much, chat, ANNA, count))


def write_chat(hq: Hq, chat: Chat, credentials: Path, token: str = TOKEN) -> None:
    """Have the chat in the fleet file, and its token among HQ's credentials."""
    with (hq.house.paths.fleet / "fleet.toml").open("a") as file:
        file.write(f'[telegram]\nchat = {GROUP}\napi = "{chat.base}"\n')
    credentials.mkdir(mode=0o700)
    (credentials / "telegram_token").write_text(token + "\n")
    (credentials / "telegram_token").chmod(0o600)


def noc(hq: Hq, credentials: Path, *args: str) -> "subprocess.Popen[str]":
    paths = hq.house.paths
    told = {"NOC_FLEET": paths.fleet, "NOC_RUNNER_SOCKET": paths.runner_socket, "CREDENTIALS_DIRECTORY": credentials}
    environment = {**os.environ, **{name: str(value) for name, value in told.items()}, "COLUMNS": "200"}
    pipe = subprocess.PIPE
    return subprocess.Popen([*NOC, *args], env=environment, stdout=pipe, stderr=pipe, text=True)


def given(hq: Hq, credentials: Path, *args: str) -> tuple[int, str, str]:
    """What a command answers: exit code, stdout, stderr."""
    with noc(hq, credentials, *args) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def command_line(pid: int) -> str:
    """What any login of the machine sees of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_a_chat_that_works_is_told_with_its_names(hq: Hq, chat: Chat, tmp_path: Path) -> None:
    write_chat(hq, chat, tmp_path / "credentials")
    code, out, err = given(hq, tmp_path / "credentials", "bot", "check", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["channels"][0] == {
        "channel": "telegram", "state": "ok", "bot": "@clavitor_noc_bot", "chat": "Operations", "why": ""
    }  # fmt: skip
    assert [row["state"] for row in found["channels"]] == ["ok", "off"]


def test_who_is_linked_is_listed(hq: Hq, chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_chat(hq, chat, tmp_path / "credentials")
    monkeypatch.setattr("noc.runs.runner.door.identify", lambda _: ROOT)
    code, out, _ = given(hq, tmp_path / "credentials", "bot", "check")
    assert code == 0
    assert ["olga", "operator", "telegram", str(OLGA)] in [line.split() for line in out.splitlines()]


def test_a_token_that_is_refused_is_told(hq: Hq, chat: Chat, tmp_path: Path) -> None:
    write_chat(hq, chat, tmp_path / "credentials", "4242:" + "x" * 35)
    code, out, _ = given(hq, tmp_path / "credentials", "bot", "check")
    assert code == 1
    assert "noc hub secret set telegram_token" in out


def test_without_a_chat_there_is_nothing_to_do(hq: Hq, tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    for command in ("serve", "check"):
        code, _, err = given(hq, tmp_path / "credentials", "bot", command)
        assert code == 6
        assert "fleet.toml has no [telegram]; fleet.toml has no [discord]" in err


def test_a_token_that_others_may_read_is_not_used(hq: Hq, chat: Chat, tmp_path: Path) -> None:
    write_chat(hq, chat, tmp_path / "credentials")
    token = tmp_path / "credentials" / "telegram_token"
    token.chmod(0o644)
    code, _, err = given(hq, tmp_path / "credentials", "bot", "serve", "--state", str(tmp_path / "bot.json"))
    assert code == 6
    assert f"chmod 600 {token}" in err


async def test_the_service_ends_when_it_is_told_and_its_log_holds_no_token(hq: Hq, chat: Chat, tmp_path: Path) -> None:
    write_chat(hq, chat, tmp_path / "credentials")
    chat.refuse("getUpdates", 409, "Conflict: terminated by other getUpdates request", times=1)
    with noc(hq, tmp_path / "credentials", "bot", "serve", "--state", str(tmp_path / "bot.json")) as process:
        chat.say(OLGA, "/who")
        await chat.until(lambda: chat.said(OLGA))
        assert TOKEN not in command_line(process.pid)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "another program reads what the bot is told" in err
    assert TOKEN not in err
    assert Keeper(tmp_path / "bot.json").offset("telegram") == 2
