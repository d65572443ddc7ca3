"""What a push is answered with: who pushes, what it says, and that it is on the disk."""

import asyncio
from functools import partial
from math import ceil
from typing import Final

import orjson

from noc.watch.clock import now
from noc.watch.errors import StoreTrouble
from noc.watch.push.connection import Exchange, Headers
from noc.watch.push.gate import Gate, TooOften
from noc.watch.push.telemetry import MAX_BODY, read_telemetry
from noc.watch.push.wire import BadPush, read_push, split_target, token_of
from noc.watch.service.watch import Watch

UNKNOWN: Final = "Monitor not found or not active."
STORED: Final = b'{"ok":true}'
RETRY_AFTER_S: Final = 2
CORS: Final[Headers] = (
    (b"allow", b"GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, PATCH"),
    (b"access-control-allow-headers", b"content-type"),
)


class Ingest:
    """`/api/push/<token>` and nothing else. No word of a request's target ever reaches a log: it is a secret."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that the pushes are for."""
        self._watch = watch
        self._gate = Gate(lambda: watch.config)

    def take(self, exchange: Exchange) -> None:
        """Answer a request: at once where it is refused, else when it is stored."""
        path, query = split_target(exchange.target)
        token = token_of(path)
        if exchange.method == b"OPTIONS" and token is not None:
            exchange.answer(204, b"", CORS)
            return
        try:
            node = self._gate.admit(token or "", exchange.address, now())
        except TooOften as refusal:
            _refuse(exchange, 429, "Too many pushes.", max(1, ceil(refusal.wait)))
            return
        if node is None:
            _refuse(exchange, 404, UNKNOWN)
        elif exchange.method == b"HEAD":
            exchange.answer(200, STORED)
        else:
            self._store(node, query, exchange)

    def late(self, exchange: Exchange) -> None:
        """Answer a push that is not on the disk in time; it may get there yet, and a retry of it counts once."""
        _refuse(exchange, 503, "The watch cannot store pushes now.", RETRY_AFTER_S)

    def report(self) -> None:
        """Tell the watch of tokens that came from addresses not their own."""
        self._gate.report(self._watch.foreign)

    def _store(self, node: str, query: str, exchange: Exchange) -> None:
        telemetry, warn = read_telemetry(exchange.body)
        if not exchange.whole:
            telemetry, warn = None, f"the body is too slow, or over {MAX_BODY} bytes"
        moment = now()
        try:
            beat = read_push(query, node, moment.wall, telemetry, warn)
            stored = self._watch.take(beat, moment)
        except BadPush as refusal:
            _refuse(exchange, 404, str(refusal))
        except StoreTrouble:
            self.late(exchange)
        else:
            stored.add_done_callback(partial(self._stored, exchange, warn))

    def _stored(self, exchange: Exchange, warn: str, stored: "asyncio.Future[None]") -> None:
        if stored.cancelled() or stored.exception() is not None:
            self.late(exchange)
        else:
            exchange.answer(200, orjson.dumps({"ok": True, "warn": warn}) if warn else STORED)


def _refuse(exchange: Exchange, status: int, msg: str, retry_after: int = 0) -> None:
    headers = ((b"retry-after", b"%d" % retry_after),) if retry_after else ()
    exchange.answer(status, orjson.dumps({"ok": False, "msg": msg}), headers)
