"""The gateway: which sessions there are, and what they are sent."""

import hmac
import secrets
import time
from collections import OrderedDict, deque

from noc.lab.services import KEPT
from noc.lab.services.discord.bot import Bot
from noc.lab.services.discord.channels import Channels
from noc.lab.services.discord.session import Session
from noc.lab.services.discord.websocket import Closed, WebSocket
from noc.lab.services.refusals import Document

SESSIONS_A_DAY = 1000
GUILDS = 1


class Gateway:
    """Who is connected, and what they are sent."""

    def __init__(self, bot: Bot, channels: Channels, heartbeat_s: float, identify_s: float) -> None:
        self._bot, self._channels = bot, channels
        self.heartbeat_s, self._identify_s = heartbeat_s, identify_s
        self.sessions: OrderedDict[str, Session] = OrderedDict()
        self.closes: deque[int] = deque(maxlen=KEPT)
        self.scheme, self.privileged = "ws", 0
        self.identifies = self.resumes = self.beats = 0
        self._identified_at = -identify_s

    def check_token(self, data: Document) -> None:
        """Raises Closed 4004 for a token that is not the bot's; here it comes without `Bot`."""
        if not hmac.compare_digest(str(data.get("token")).encode(), self._bot.token.encode()):
            raise Closed(4004, "Authentication failed.")

    def begin(self, intents: int) -> Session | None:
        """A new session; None where the last one began less than five seconds ago. One too many costs the token."""
        if self.identifies >= SESSIONS_A_DAY:
            self._bot.token = secrets.token_urlsafe(32)
            raise Closed(4004, "Authentication failed.")
        if time.monotonic() - self._identified_at < self._identify_s:
            return None
        self._identified_at = time.monotonic()
        self.identifies += 1
        session = Session(secrets.token_hex(16), intents)
        self.sessions[session.id] = session
        if len(self.sessions) > 100:
            self.sessions.popitem(last=False)
        return session

    def url(self, host: str) -> str:
        """Its address, as who asked by that host reaches it."""
        return f"{self.scheme}://{host}/gateway/"

    def welcome(self, session: Session, host: str) -> None:
        """Tell who the bot is and, where it asked for that, what its guild looks like."""
        bot = self._bot
        guilds = [{"id": self._channels.guild, "unavailable": True}] if bot.member else []
        application = {"id": bot.id, "flags": 0}
        ready = {"v": 10, "user": bot.document, "guilds": guilds, "session_id": session.id, "application": application}
        session.dispatch("READY", ready | {"resume_gateway_url": self.url(host), "session_type": "normal"})
        if guilds and session.intents & GUILDS:
            session.dispatch("GUILD_CREATE", self._channels.guild_document())

    def dispatch(self, name: str, data: Document) -> None:
        """Send an event to every session."""
        for session in self.sessions.values():
            session.dispatch(name, data)

    def connections(self) -> list[WebSocket]:
        """Those that are connected and identified."""
        return [session.connection.socket for session in self.sessions.values() if session.connection]
