"""One connection of the push listener: HTTP/1.1 in, answers out in the same order, each wait with its end.

The parser is httptools'. What waits has a deadline that the listener's sweep looks at; no request starts a timer.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

import httptools

from noc.watch.push.bounds import (
    ANSWER_DEADLINE_S,
    BODY_DEADLINE_S,
    HEAD_DEADLINE_S,
    KEEP_ALIVE_S,
    LINGER_S,
    MAX_HEAD,
    MOST_LEFT_UNREAD,
    MOST_PIPELINED,
)
from noc.watch.push.telemetry import MAX_BODY

if TYPE_CHECKING:
    from noc.watch.push.listener import PushListener

log = logging.getLogger(__name__)

Headers = tuple[tuple[bytes, bytes], ...]

CLOSE: Final[Headers] = ((b"connection", b"close"),)
_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_KIND: Final = b"content-type: application/json; charset=utf-8\r\ncontent-length: %d\r\n"
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(slots=True)
class Exchange:
    """One request, and the way to answer it.

    Attributes:
        target: path and query as they came.
        body: its beginning, where it was too long or too slow.
        whole: whether `body` is all of it.
        address: who asks.
        last: whether the connection ends with the answer.
    """

    connection: "Connection"
    method: bytes
    target: bytes
    body: bytes
    whole: bool
    address: str
    last: bool
    answered: bool = False

    def answer(self, status: int, body: bytes, headers: Headers = ()) -> None:
        """Answer, unless that was done."""
        if not self.answered:
            self.answered = True
            self.connection.send(self, status, body, headers)


class Handler(Protocol):
    """Answers requests, each at once or later."""

    def take(self, exchange: Exchange) -> None:
        """Answer a request."""

    def late(self, exchange: Exchange) -> None:
        """Answer a request that was taken, and has waited for its answer too long."""


class Connection(asyncio.Protocol):
    """Reads requests, hands them on one at a time, and hangs up on whoever keeps it waiting."""

    def __init__(self, listener: "PushListener", handler: Handler) -> None:
        """Take who counts connections, and who answers."""
        self._listener, self._handler = listener, handler
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self.address = ""
        self._target = b""
        self._body = bytearray()
        self._head = 0
        self._in_head = True
        self._line: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._handing_on = False
        self._leaving = False
        self._unread = 0
        self._read_by = self._answer_by = inf

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request's head its time, where there is room for another connection."""
        self._transport = transport
        self.address = transport.get_extra_info("peername")[0]
        self._read_by = self._listener.now() + HEAD_DEADLINE_S
        if not self._listener.enter(self):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the base class' signature
        """Forget everything; an answer that comes later is dropped."""
        self._transport, self._current = None, None
        self._line.clear()
        self._listener.leave(self)

    def data_received(self, data: bytes) -> None:
        """Parse, and count while the head is not complete."""
        if self._leaving:
            self._pass_over(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.finish()  # what was asked is answered in HTTP/1.1; nothing else is spoken here
        except httptools.HttpParserError:
            self._answer_unread(400, b'{"ok":false,"msg":"The request is not HTTP."}')
        if self._in_head and not self._leaving:  # what is left of a body that is too long is no head
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.abort()

    def eof_received(self) -> bool:
        """The peer has nothing more to say; what it asked is still answered."""
        self._leaving = True
        return self._waiting()

    def pause_writing(self) -> None:
        """Whoever does not read its answers gets no more of them."""
        self.abort()

    def on_message_begin(self) -> None:
        """A request begins: its head has a deadline of its own."""
        self._target, self._head, self._in_head = b"", 0, True
        self._read_by = self._listener.now() + HEAD_DEADLINE_S

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; only the question whether the body may come is heard."""
        if len(name) == 6 and name.lower() == b"expect" and value.lower() == b"100-continue" and not self._waiting():
            self._write(_CONTINUE)

    def on_headers_complete(self) -> None:
        """The head is here."""
        self._in_head = False
        self._read_by = self._listener.now() + BODY_DEADLINE_S

    def on_body(self, part: bytes) -> None:
        """Take a part of the body; what is too long is left unread."""
        if not self._leaving:
            self._body += part
            if len(self._body) > MAX_BODY:
                self._complete(whole=False)

    def on_message_complete(self) -> None:
        """The request is here."""
        if not self._leaving:
            self._complete(whole=True)

    def look(self, now: float) -> None:
        """Act on a deadline that has passed."""
        if self._answer_by <= now and self._current is not None:
            self._handler.late(self._current)
        elif self._read_by <= now:
            if self._in_head or self._leaving:
                self.abort()
            else:
                self._complete(whole=False)

    def finish(self) -> None:
        """End the connection once what it asked is answered."""
        self._leaving = True
        if not self._waiting() and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Hang up."""
        self._leaving = True
        if self._transport is not None:
            self._transport.abort()

    def send(self, exchange: Exchange, status: int, body: bytes, headers: Headers) -> None:
        """Write the answer of the request in hand, and go on with the next."""
        if exchange is not self._current:
            return  # the peer is gone
        last = exchange.last or (self._leaving and not self._line)
        self._write(
            _answer(exchange.method, status, self._listener.date, body, (*headers, *CLOSE) if last else headers)
        )
        self._current, self._answer_by = None, inf
        if last:
            self._leave(at_once=exchange.whole)
        else:
            self._hand_on()

    def _complete(self, *, whole: bool) -> None:
        """Queue the request that was read; one that is not whole is the last."""
        keeps = whole and self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"
        method = self._parser.get_method()
        self._line.append(Exchange(self, method, self._target, bytes(self._body), whole, self.address, not keeps))
        self._body.clear()
        self._head, self._in_head = 0, True
        self._leaving = not keeps
        self._read_by = self._listener.now() + (KEEP_ALIVE_S if keeps else ANSWER_DEADLINE_S + LINGER_S)
        if len(self._line) > MOST_PIPELINED:
            self.abort()
        else:
            self._hand_on()

    def _hand_on(self) -> None:
        """Let the requests that wait be answered, in turn; those that are answered at once in one go."""
        if self._handing_on:
            return
        self._handing_on = True
        while self._line and self._current is None:
            self._current = exchange = self._line.popleft()
            self._answer_by = self._listener.now() + ANSWER_DEADLINE_S
            try:
                self._handler.take(exchange)
            except Exception:  # whatever it was, the other connections go on
                log.exception("a push could not be answered")
                exchange.last = True
                exchange.answer(500, b'{"ok":false,"msg":"The watch failed."}')
        self._handing_on = False

    def _answer_unread(self, status: int, body: bytes) -> None:
        """Answer what could not be read, where nothing is owed before that; either way it is the end."""
        self._leaving = True
        if not self._waiting():
            self._write(_answer(b"", status, self._listener.date, body, CLOSE))
            self._leave(at_once=False)

    def _pass_over(self, data: bytes) -> None:
        self._unread += len(data)
        if self._unread > MOST_LEFT_UNREAD:
            self.abort()

    def _waiting(self) -> bool:
        return self._current is not None or bool(self._line)

    def _leave(self, *, at_once: bool) -> None:
        """Close; a peer that may still be sending is read for a while, so that it does not lose the answer."""
        self._leaving = True
        if self._transport is None:
            return
        if at_once:
            self._transport.close()
        else:
            self._read_by = self._listener.now() + LINGER_S
            self._transport.write_eof()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _answer(method: bytes, status: int, date: bytes, body: bytes, headers: Headers) -> bytes:
    parts = [_LINES[status], date]
    if status != HTTPStatus.NO_CONTENT:
        parts.append(_KIND % len(body))
    parts += [b"%b: %b\r\n" % header for header in headers]
    parts += (b"\r\n", b"" if method == b"HEAD" else body)
    return b"".join(parts)
