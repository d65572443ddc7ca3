"""What the tests of the bot share: a runner that rolls releases over stand-ins for machines, people who are linked to
chats, and a chat service that lies in memory."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from noc.agent.bot.errors import ChannelAway, MessageGone
from noc.agent.bot.kept import Keeper
from noc.agent.bot.serving import serve
from noc.agent.bot.transport import Button, Channel, Handler, Incoming, MessageRef, Reach, Transport
from noc.agent.doors.house import House as Doors
from noc.agent.words.message import Message
from noc.fleet.inventory import Life, NodeRecord
from noc.fleet.load import load
from noc.release.store import ReleaseStore
from noc.runs.admission.caller import Caller
from noc.runs.admission.fence import last_fence
from noc.runs.admission.identities import Channel as Linked
from noc.runs.admission.identities import Identities, Identity
from noc.runs.admission.request import Request
from noc.runs.paths import Paths
from noc.runs.plan.plan import Plan
from noc.runs.record.durations import read_history
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.survey import survey
from noc.runs.runner.client import read_answer
from noc.runs.site.site import Site
from noc.runs.system.keeping import carry_out
from principal_kit import PEOPLE, SERVICE, person
from runner_house import House, with_tunnels
from runs_kit import MANIFESTS, NAMES, OLD, Machine, World, keep_release, make_site, watch_server, write_fleet

ANNA, JAMES, OLGA, VERA, CLAUDE, ANNAS_OTHER, STRANGER = 1001, 1002, 1003, 1004, 1005, 1011, 666
NUMBERS = {"anna": ANNA, "james": JAMES, "olga": OLGA, "vera": VERA}
APPROVAL = '[approval]\nlow = "nobody"\nmedium = "another"\nhigh = "another"\n'
OPERATIONS = "-100500"
DEADLINE_S = 30.0


@dataclass
class Hq:
    """HQ as the bot meets it: the runner is real, and so are its rollouts; machines are stand-ins.

    Whoever connects is the bot, unless they come from a name of their own, as `ask` does for people with a login.
    """

    house: House
    world: World
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def doors(self) -> Doors:
        """As the bot reaches it."""
        paths = self.house.paths
        return Doors(paths.fleet, paths.runner_socket, paths.watch_socket)

    def ask(self, login: str, op: str, **fields: Any) -> dict[str, Any]:
        """What somebody with a login asks, and its first answer. Raises the runner's refusal."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE_S)
            connection.bind(f"\0noc-test-{login}-{id(self)}-{next(self.numbers)}")
            connection.connect(str(self.house.paths.runner_socket))
            connection.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                return read_answer(lines.readline())

    def link(self, name: str, number: int, channel: Linked = "telegram") -> None:
        """Let an identity be somebody's."""
        identity = Identity(channel=channel, id=str(number), person=name, at=datetime.now(UTC))
        Identities(self.house.paths.identities).add(identity)

    def audit(self) -> list[dict[str, Any]]:
        """The newest entries, the oldest first."""
        return list(self.ask("root", "audit", limit=200)["entries"])

    def waiting(self) -> list[dict[str, Any]]:
        """The requests that wait."""
        return list(self.ask("root", "pending")["requests"])

    def let_expire(self) -> None:
        """Let everything that waits be too old."""
        for file in self.house.paths.requests.iterdir():
            request = Request.model_validate_json(file.read_text())
            past = {"at": request.at - timedelta(days=1), "expires": request.expires - timedelta(days=1)}
            file.write_text(request.model_copy(update=past).model_dump_json())

    def runs(self) -> list[dict[str, Any]]:
        """The runs, the newest first."""
        return list(self.ask("root", "list")["runs"])


def identify(connection: socket.socket) -> Caller:
    """Who is at the other end: the test says so by the name that it connects from."""
    name = connection.getpeername()
    if not name:
        return SERVICE["noc-bot"]
    login = name.decode().removeprefix("\0noc-test-").split("-")[0]
    return Caller(0, "root", frozenset()) if login == "root" else person(login)


@contextmanager
def headquarters(folder: Path, monkeypatch: pytest.MonkeyPatch, approval: str = APPROVAL) -> Iterator[Hq]:
    """HQ with three live nodes, which run 1.0.0; 1.1.0 is there to be deployed; everybody but claude has a chat."""
    for name in ("fleet", "runs", "releases"):
        (folder / name).mkdir()
    write_fleet(folder / "fleet", **dict.fromkeys(NAMES, NodeRecord(life=Life.LIVE, release=OLD)))
    file = folder / "fleet" / "fleet.toml"
    # A node that is well is proven at once; on a busy machine that takes a while.
    file.write_text(file.read_text().replace("health_deadline = 0.4", "health_deadline = 5") + PEOPLE + approval)
    for each in MANIFESTS.values():
        keep_release(folder / "releases", each)
    sockets = {"runner_socket": folder / "runner.sock", "watch_socket": folder / "watch.sock"}
    paths = with_tunnels(Paths(fleet=folder / "fleet", runs=folder / "runs", releases=folder / "releases", **sockets))
    world = World({name: Machine(name, installed={"host-certificate"}) for name in NAMES})
    monkeypatch.setattr("noc.runs.runner.door.identify", identify)
    for often in ("gate._INTERVAL_S", "node._POLL_S", "change._POLL_S"):
        monkeypatch.setattr(f"noc.runs.rollout.{often}", 0.01)

    def site() -> Site:
        return replace(make_site(paths, load(paths.fleet), world), releases=ReleaseStore(paths.releases))

    async def roll(run: Run) -> list[Verdict]:
        return await carry_out(run, site())

    async def complete(plan: Plan) -> Plan:
        return await survey(site(), plan, partial(read_history, paths.runs), fence=last_fence(paths.fence))

    with watch_server(paths.watch_socket, world):
        house = House(paths, lambda _: None, {"deploy": roll, "rollback": roll}, complete)
        hq = Hq(house, world)
        for name, number in NUMBERS.items():
            hq.link(name, number)
        hq.link("anna", ANNAS_OTHER)
        try:
            yield hq
        finally:
            house.close()


@dataclass
class Said:
    """A message of the bot as it stands, and how often it was edited."""

    chat: str
    message: Message
    buttons: tuple[Button, ...]
    edits: int = 0

    @property
    def text(self) -> str:
        return self.message.plain()

    def button(self, label: str) -> str:
        """The data of a button."""
        found = {button.label: button.data for button in self.buttons}
        assert label in found, self.text
        return found[label]


class Memory:
    """A chat service in memory, in which a test is everybody."""

    def __init__(self, channel: Channel = "telegram") -> None:
        self.name: Channel = channel
        self.said: dict[MessageRef, Said] = {}
        self.answers: list[str] = []
        self.away = False
        self.handler: Handler | None = None
        self.ready, self.stumble = asyncio.Event(), asyncio.Event()
        self.edits: list[tuple[MessageRef, float]] = []

    @property
    def channel(self) -> Channel:
        return self.name

    @property
    def operations_chat(self) -> str:
        return OPERATIONS

    async def send(
        self, chat: str, message: Message, buttons: Sequence[Button] = (), *, reply_to: Incoming | None = None
    ) -> MessageRef:
        self._check()
        ref = MessageRef(self.name, chat, str(len(self.said) + 1))
        self.said[ref] = Said(chat, message, tuple(buttons))
        return ref

    async def edit(self, ref: MessageRef, message: Message, buttons: Sequence[Button] = ()) -> None:
        self._check()
        if ref not in self.said:
            raise MessageGone("the message is not there any more")
        self.edits.append((ref, time.monotonic()))
        self.said[ref] = Said(ref.chat, message, tuple(buttons), self.said[ref].edits + 1)

    async def answer(self, press: Incoming, text: str = "") -> None:
        self._check()
        self.answers.append(text)

    async def run(self, handler: Handler) -> None:
        self.handler = handler
        self.ready.set()
        await self.stumble.wait()
        self.stumble.clear()
        raise RuntimeError("what nobody foresaw")

    async def reach(self) -> Reach:
        return Reach("@bot", "Operations")

    async def close(self) -> None:
        pass

    def _check(self) -> None:
        if self.away:
            raise ChannelAway("the chat service does not answer")

    async def say(self, number: int, text: str, chat: str = "", **more: Any) -> None:
        """Somebody says something, to the bot alone where no chat is given; returns once that is answered."""
        assert self.handler is not None
        private = not chat
        await self.handler(Incoming(self.name, str(number), chat or str(number), private, text=text, **more))

    async def press(self, number: int, data: str, ref: MessageRef | None = None) -> str:
        """Somebody presses a button; returns what they alone are told, once it is answered."""
        assert self.handler is not None
        before = len(self.answers)
        message = ref or next((where for where, said in self.said.items() if data in _data(said)), None)
        chat = message.chat if message else OPERATIONS
        private = chat != OPERATIONS
        await self.handler(Incoming(self.name, str(number), chat, private, button=data, message=message))
        return "".join(self.answers[before:])

    def texts(self, chat: str = OPERATIONS) -> list[str]:
        """What the bot has said in a chat, as it stands now."""
        return [said.text for said in self.said.values() if said.chat == chat]

    def last(self, chat: str | int = OPERATIONS) -> Said:
        """The newest message in a chat."""
        return [said for said in self.said.values() if said.chat == str(chat)][-1]

    def with_button(self, label: str) -> Said | None:
        """The newest message that has a button."""
        found = [said for said in self.said.values() if label in {button.label for button in said.buttons}]
        return found[-1] if found else None


def _data(said: Said) -> set[str]:
    return {button.data for button in said.buttons}


async def until(holds: Callable[[], Any], said: Callable[[], object] = lambda: "") -> Any:
    """What a condition gives once it gives something; fails with what was said by then."""
    end = time.monotonic() + DEADLINE_S
    while not (found := holds()):
        assert time.monotonic() < end, said()
        await asyncio.sleep(0.01)
    return found


@asynccontextmanager
async def at_work(
    doors: Doors, *transports: Transport, state: Path | None = None, keeper: Keeper | None = None
) -> AsyncIterator[None]:
    """The bot serves, with what it remembers in a file, or with what a transport uses as well."""
    kept = keeper or Keeper(state or Path("/nonexistent"))
    serving = asyncio.create_task(serve(doors, transports, kept))
    try:
        for transport in transports:
            if isinstance(transport, Memory):
                await transport.ready.wait()
        yield
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
