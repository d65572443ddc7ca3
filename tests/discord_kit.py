"""The stand-in for Discord on loopback, with people who use commands and press buttons in it."""

import asyncio
import inspect
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from noc.agent.bot.transport import Incoming
from noc.agent.discord.client import DiscordTransport
from noc.agent.discord.commands import Command
from noc.fleet.chatting import Discord as Settings
from noc.lab.services.discord.server import Server
from noc.lab.services.discord.service import Discord

TOKEN = "MTAwMA.GabcdE.stand-in-token-that-no-log-may-hold"
GUILD, CHANNEL = 41, 42
COMMANDS = (
    Command("deploy", "NODES VERSION", "Plan a deployment"),
    Command("status", "", "How the fleet is"),
    Command("silence", "DURATION [NODES]", "Say nothing about nodes for a while"),
    Command("link", "CODE", "Say who you are"),
)
DEADLINE_S = 30.0


@dataclass
class Service:
    """The stand-in, and its controls."""

    discord: Discord
    http: httpx.AsyncClient

    @property
    def settings(self) -> Settings:
        """A bot's part of the fleet file."""
        return Settings(guild=GUILD, channel=CHANNEL, api=str(self.http.base_url.join("/api/v10")))

    async def call(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> httpx.Response:
        """One request of the bot, without any library."""
        headers = {"Authorization": f"Bot {token}"} if token else {}
        return await self.http.request(method, f"/api/v10{path}", json=body, headers=headers)

    async def control(self, word: str, body: Any = None) -> Any:
        """Act as a person, bring trouble, or see: what stands below `/_stand-in/`."""
        answer = await self.http.request("GET" if body is None else "POST", f"/_stand-in/{word}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def slash(self, user: str, command: str, channel: int = CHANNEL, **options: str) -> str:
        """A person uses a command; the interaction's id."""
        what = {"user": user, "command": command, "channel": str(channel), "options": options}
        return str((await self.control("slash", what))["id"])

    async def press(self, user: str, message: str, label: str) -> str:
        """A person presses a button; the interaction's id."""
        return str((await self.control("press", {"user": user, "message": message, "label": label}))["id"])

    async def messages(self) -> list[dict[str, Any]]:
        """What stands in all channels, in the order of time."""
        return list(await self.control("messages"))

    async def interaction(self, number: str) -> dict[str, Any]:
        """How far an interaction is."""
        return next(one for one in await self.control("interactions") if one["id"] == number)


@asynccontextmanager
async def discord_service(certificate: tuple[Path, Path] | None = None, **options: float) -> AsyncIterator[Service]:
    """The stand-in while it lasts; with a certificate for localhost, and its key, over TLS.

    People wait for answers as long as tests do, unless options say otherwise: a busy machine is no matter of theirs.
    """
    discord = Discord(TOKEN, str(GUILD), str(CHANNEL), **{"acknowledge_s": DEADLINE_S, **options})
    tls, trust, base = None, ssl.create_default_context(), "http://127.0.0.1"
    if certificate:
        tls, base = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "https://localhost"
        tls.load_cert_chain(*certificate)
        trust.load_verify_locations(certificate[0])
    server = Server(discord, tls)
    port = await server.start("127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=f"{base}:{port}", trust_env=False, verify=trust) as http:
            yield Service(discord, http)
    finally:
        await server.stop()


@dataclass
class Bot:
    """The transport under way, and what it has handed on."""

    transport: DiscordTransport
    heard: list[Incoming] = field(default_factory=list)


@asynccontextmanager
async def bot(
    service: Service, handler: Callable[[Bot, Incoming], Any], *, token: str = TOKEN, ca: Path | None = None
) -> AsyncIterator[Bot]:
    """A bot that is connected: `handler` takes what comes in."""
    made = Bot(DiscordTransport(service.settings, token, ca, COMMANDS))

    async def hear(incoming: Incoming) -> None:
        made.heard.append(incoming)
        await handler(made, incoming)

    running = asyncio.create_task(made.transport.run(hear))
    try:
        await until(service.discord.gateway.connections, "the bot is connected")
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await made.transport.close()


async def silent(_bot: Bot, _incoming: Incoming) -> None:
    """Says nothing."""


async def until(look: Callable[[], Any], what: str) -> Any:
    """Wait until something is so; what it then is. Fails with `what` after the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := await seen if inspect.isawaitable(seen := look()) else seen):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)
    return found
