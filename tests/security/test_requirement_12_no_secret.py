"""Requirement 12: no secret stands in the repository, a log, an argument, a core, a message or an error's words."""

import io
import json
import logging
import re
import subprocess
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from bot_kit import OLGA
from cloudflare_stand_in import stand_in
from noc.agent.bot.serving import WithoutSecrets
from noc.agent.openclaw.unit import unit_text
from noc.cli.commands import COMMANDS
from noc.cloud.dns.cloudflare import CloudflareZone
from noc.cloud.ec2.machine import HostKey
from noc.cloud.ec2.port import Account
from noc.cloud.errors import CloudRefused, DnsRefused
from noc.errors import NocError
from noc.hosts.errors import AuthRefused
from noc.hosts.ssh import Pinned, connect
from noc.hosts.trust import generate_key
from noc.hub import units
from noc.hub.errors import BadSecret
from noc.hub.secrets import set_secret
from runner_house import House
from security.chat_kit import Talk
from telegram_kit import TOKEN
from unit.hosts.test_ssh import Start
from watch_kit import Receiver, Server, token, until, write_fleet

ROOT = Path(__file__).parents[2]
CANARY = "c4n4ry-of-a-secret-0123456789-abcdefghij"
MARKS = (b"age-secret-key-1", b"private key-----", b"akia", b"privatekey", b"presharedkey", b":aa")
"""What each of the secrets below has in small letters: looking for one expression in every file takes long."""
SECRETS = re.compile(
    rb"AGE-SECRET-KEY-1[0-9A-Z]{50}|-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}"
    rb"|\b(?!AKIAEXAMPLE)AKIA[0-9A-Z]{16}\b|(?i:PrivateKey|PresharedKey)\s*=\s*[A-Za-z0-9+/]{43}="
    rb"|\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b"
)
"""Of age, of SSH and TLS, of AWS, of WireGuard, of a Telegram bot."""


def everything_ever_committed() -> Iterator[tuple[str, bytes]]:
    """The name and content of every file of every commit."""
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT)]  # whoever runs the tests need not own the checkout
    listed = subprocess.run([*git, "rev-list", "--all", "--objects"], capture_output=True, check=True).stdout
    names = dict(line.split(b" ", 1) for line in listed.splitlines() if b" " in line)
    batch = subprocess.run([*git, "cat-file", "--batch"], input=b"\n".join(names), capture_output=True, check=True)
    left = memoryview(batch.stdout)
    while left:
        head = bytes(left[:100]).partition(b"\n")[0]
        name, kind, size = head.split()
        begin, end = len(head) + 1, len(head) + 1 + int(size)
        if kind == b"blob":
            yield names[name].decode(), bytes(left[begin:end])
        left = left[end + 1 :]


def test_the_patterns_find_what_is_a_secret() -> None:
    key = generate_key("x").private
    assert SECRETS.search(key)
    assert SECRETS.search(b"PrivateKey = " + b"k" * 43 + b"=")
    assert SECRETS.search(b"123456789:AA" + b"x" * 33)


def test_no_commit_holds_a_secret() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("LEFT OUT: this is no git checkout, so that there is no history to look through")
    files = [(name, content, content.lower()) for name, content in everything_ever_committed()]
    assert len(files) > 500
    marked = [(name, content) for name, content, small in files if any(mark in small for mark in MARKS)]
    found = [(name, match[0][:40]) for name, content in marked if (match := SECRETS.search(content))]
    assert found == []


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    """Credentials of a watch, as systemd hands them over."""
    (tmp_path / "credentials").mkdir()
    made = {"ntfy_token": f"tk_{CANARY}", "hook_url": f"json://user:{CANARY}@127.0.0.1:9/{CANARY}"}
    for name, text in made.items():
        (tmp_path / "credentials" / name).write_text(text)
        (tmp_path / "credentials" / name).chmod(0o400)
    return made


CHANNEL = '\n[[channel]]\nname = "hook"\nkind = "apprise"\ncredential = "hook_url"\n'


def test_a_watch_tells_none_of_its_secrets(tmp_path: Path, secrets: dict[str, str], receiver: Receiver) -> None:
    fleet = write_fleet(tmp_path / "fleet", ntfy=receiver.url)
    with (fleet / "fleet.toml").open("a") as file:
        file.write(CHANNEL)
    server = Server(tmp_path, fleet)
    server.start(environment={"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")})
    try:
        server.push("frankfurt", "status=down&msg=killed-KILL")
        server.push("virginia", "ping=-1")
        server.push("virginia", path=f"/api/push/{CANARY}")
        until(lambda: receiver.got, what="the alert arrives")
        tested = server.ask("/api/v1/channels/hook/test", "POST", {})[1]
        assert tested["error"]
        assert receiver.got[0][2]["authorization"] == f"Bearer {secrets['ntfy_token']}"
        told = json.dumps([document for _, document, _ in receiver.got])
        answers = "".join(json.dumps(server.ask(path)[1]) for path in ("/api/v1/nodes", "/api/v1/events?after=0"))
        seen = told + answers + json.dumps(tested) + server.log.read_text() + arguments(server)
    finally:
        server.stop()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("watch.db*"))
    for secret in (CANARY, token("frankfurt"), token("virginia")):
        assert secret not in seen
        assert secret.encode() not in kept


def arguments(server: Server) -> str:
    assert server.process is not None
    return Path(f"/proc/{server.process.pid}/cmdline").read_text()


def words(error: NocError) -> str:
    """All that is ever told of an error: to a person, as a document, and in a log with its causes."""
    return f"{error}{error.as_dict()}{error!r}{''.join(traceback.format_exception(error))}"


async def test_what_others_refuse_is_told_without_our_secret(caplog: pytest.LogCaptureFixture) -> None:
    with stand_in() as account, pytest.raises(DnsRefused) as refused:
        await CloudflareZone("example.com", "clavitor", CANARY, account.url).records()
    cloud = Account(f"[default]\naws_access_key_id = {CANARY}\n", "http://127.0.0.1:9")
    with pytest.raises(CloudRefused) as unknown:
        cloud.region("eu-central-1").call("ec2", "DescribeInstances")
    for said in (words(refused.value), words(unknown.value), repr(cloud), repr(HostKey(CANARY, "")), caplog.text):
        assert CANARY not in said


async def test_a_login_that_is_refused_is_told_without_the_key(start: Start, tmp_path: Path) -> None:
    server, key = start(), generate_key("other").private
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(key)
    with pytest.raises(AuthRefused) as refused:
        await connect(server.target(Pinned(server.fingerprint), key=path))
    assert not any(line in words(refused.value) for line in key.decode().split("\n")[1:-2])


def test_a_key_that_a_person_hands_over_stands_in_no_answer_and_no_audit(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NocError) as refused:
        house.client.ask("unseal", node="virginia", identity=f"AGE-SECRET-KEY-{CANARY}")
    audited = house.paths.audit.read_text() if house.paths.audit.exists() else ""
    assert CANARY not in words(refused.value) + caplog.text + audited + json.dumps(house.client.ask("audit"))


def test_a_secret_that_is_not_taken_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(BadSecret) as refused:
        set_secret("ntfy_token", f"{CANARY}\nsecond line", tmp_path)
    assert CANARY not in words(refused.value)


def options(command: Any, words: str) -> Iterator[tuple[str, str]]:
    """Every parameter of a command and of those below it, with the command's words."""
    for each in command.params:
        yield words, each.name
    for name, inner in getattr(command, "commands", {}).items():
        yield from options(inner, f"{words} {name}")


def test_no_command_takes_a_secret_as_an_argument() -> None:
    """Whoever lists processes sees arguments: secrets come on standard input, or as the name of a file."""
    made = {name: typer.main.get_command(import_module(module).app) for name, (module, _) in COMMANDS.items()}
    found = [each for name, command in made.items() for each in options(command, name)]
    assert len(found) > 200
    called = {each for each in found if re.search(r"token$|secret$|password|passphrase|private", each[1])}
    assert called == {("rotate", "secret"), ("kuma sync", "ntfy_token")}, "the kind of a secret, and a file"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the bot and its libraries log, by the formatter of `noc bot serve`; more of it than that lets through."""
    handler, root = logging.StreamHandler(io.StringIO()), logging.getLogger()
    handler.setFormatter(WithoutSecrets((TOKEN,)))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler.stream
    root.removeHandler(handler)
    root.setLevel(level)


async def test_a_bot_tells_its_token_to_the_chats_service_alone(log: io.StringIO, talk: Talk, tmp_path: Path) -> None:
    talk.chat.refuse("sendMessage", 401, "Unauthorized", times=2)
    talk.chat.refuse("getUpdates", 502, "Bad Gateway", times=2)
    for _ in range(3):
        talk.chat.say(OLGA, "/help")
    await talk.chat.until(lambda: talk.chat.said(OLGA))
    words = (f"{talk.chat.base}/bot…/sendMessage", "does not take the bot's token")
    await talk.chat.until(lambda: all(word in log.getvalue() for word in words))
    files = [tmp_path / "bot.json", tmp_path / "telegram.json"]
    await talk.chat.until(lambda: all(file.exists() for file in files))
    kept = "".join(file.read_text() for file in files)
    assert not any(TOKEN.partition(":")[2] in text for text in (kept, log.getvalue(), *talk.chat.said(OLGA)))


@pytest.mark.parametrize(
    "unit",
    [
        units.watch_unit("wg0", "b", ["ntfy_token"]),
        units.runner_unit("wg0", "b", ["dns_token"]),
        units.bot_unit("b", "s", ["telegram_token"]),
        units.peers_service("wg0", "b"),
        unit_text(["telegram_agent_token"]),
    ],
    ids=["watch", "runner", "bot", "peers", "agent"],
)
def test_what_holds_a_secret_leaves_no_core_and_has_it_in_no_argument(unit: str) -> None:
    assert "LimitCORE=0\n" in unit
    assert not re.search(r"^(ExecStart|Environment)=.*(token|secret)", unit, re.MULTILINE | re.IGNORECASE)
