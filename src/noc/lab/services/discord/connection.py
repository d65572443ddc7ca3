"""One connection to the gateway (https://docs.discord.com/developers/events/gateway#connections)."""

import asyncio
import json
import time
import zlib
from collections import deque

from noc.lab.services.discord.gateway import Gateway
from noc.lab.services.discord.session import Session
from noc.lab.services.discord.websocket import Closed, WebSocket
from noc.lab.services.refusals import Document

EVENTS_PER_MINUTE = 120
PRIVILEGED, INTENTS = 1 << 1 | 1 << 8 | 1 << 15, (1 << 26) - 1


class Connection:
    """What the bot sends there, and how it is answered."""

    def __init__(self, gateway: Gateway, socket: WebSocket, host: str, compress: str) -> None:
        self._gateway, self.socket, self._host = gateway, socket, host
        self._deflate = zlib.compressobj() if compress == "zlib-stream" else None
        self._session: Session | None = None
        self._minute: deque[float] = deque(maxlen=EVENTS_PER_MINUTE)

    def send(self, payload: Document) -> None:
        """Send one payload, in the compression that the client asked for."""
        text = json.dumps(payload).encode()
        if self._deflate is None:
            return self.socket.send(text, opcode=1)
        return self.socket.send(self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH), opcode=2)

    async def serve(self) -> None:
        """Talk until one of the two has enough."""
        interval = self._gateway.heartbeat_s
        self.send({"op": 10, "s": None, "t": None, "d": {"heartbeat_interval": int(interval * 1000)}})
        deadline = time.monotonic() + interval * 1.5
        try:
            while True:
                payload = await asyncio.wait_for(self.socket.receive(), deadline - time.monotonic())
                if self._handle(payload):
                    deadline = time.monotonic() + interval * 1.5
        except TimeoutError:
            self._end(4009, "Session timed out.")
        except Closed as closed:
            self._end(closed.code, closed.reason)

    def _end(self, code: int, reason: str) -> None:
        self._gateway.closes.append(code)
        self.socket.close(code, reason)
        if self._session and self._session.connection is self:
            self._session.connection = None
            if code in {1000, 1001, 4009}:
                self._gateway.sessions.pop(self._session.id, None)

    def _handle(self, payload: bytes) -> bool:
        """One payload of the client; whether it was a heartbeat."""
        now = time.monotonic()
        if len(self._minute) == EVENTS_PER_MINUTE and now - self._minute[0] < 60:
            raise Closed(4008, "Rate limited.")
        self._minute.append(now)
        try:
            document = json.loads(payload)
            op, data = document["op"], document.get("d")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Closed(4002, "Error while decoding payload.") from None
        if op == 1:
            self._gateway.beats += 1
            self.send({"op": 11, "s": None, "t": None, "d": None})
            return True
        if op in {2, 6} and isinstance(data, dict):
            self._identify(data) if op == 2 else self._resume(data)
        elif op not in {3, 4, 8}:
            raise Closed(4001, "Unknown opcode.")
        elif self._session is None:
            raise Closed(4003, "Not authenticated.")
        return False

    def _identify(self, data: Document) -> None:
        if self._session is not None:
            raise Closed(4005, "Already authenticated.")
        self._gateway.check_token(data)
        intents = data.get("intents")
        if not isinstance(intents, int) or not 0 <= intents <= INTENTS:
            raise Closed(4013, "Invalid intent(s).")
        if intents & PRIVILEGED & ~self._gateway.privileged:
            raise Closed(4014, "Disallowed intent(s).")
        session = self._gateway.begin(intents)
        if session is None:
            return self.send({"op": 9, "s": None, "t": None, "d": False})
        self._session, session.connection = session, self
        return self._gateway.welcome(session, self._host)

    def _resume(self, data: Document) -> None:
        self._gateway.check_token(data)
        session = self._gateway.sessions.get(str(data.get("session_id")))
        if session is None:
            return self.send({"op": 9, "s": None, "t": None, "d": False})
        if not isinstance(data.get("seq"), int) or data["seq"] > session.seq:
            raise Closed(4007, "Invalid seq.")
        if session.connection:
            session.connection.socket.close(4000)
        self._gateway.resumes += 1
        self._session, session.connection = session, self
        for event in [event for event in session.events if event["s"] > data["seq"]]:
            self.send(event)
        return session.dispatch("RESUMED", {"_trace": []})
