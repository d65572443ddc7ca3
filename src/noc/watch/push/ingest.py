"""The push listener's application: a bare ASGI callable, because this path is walked by every node all day."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import replace
from typing import Any, Final

from noc.watch.clock import now
from noc.watch.errors import StoreTrouble
from noc.watch.push.telemetry import MAX_BODY, read_telemetry
from noc.watch.push.wire import BadPush, read_push, token_of
from noc.watch.service.watch import Watch

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

BODY_DEADLINE_S: Final = 5.0
COMMIT_DEADLINE_S: Final = 10.0
UNKNOWN: Final = "Monitor not found or not active."
CLOSE: Final[Header] = (b"connection", b"close")
CORS: Final[tuple[Header, ...]] = (
    (b"allow", b"GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, PATCH"),
    (b"access-control-allow-headers", b"content-type"),
)


class PushApp:
    """`/api/push/<token>` and nothing else. No word of a request's path ever reaches a log: it is a secret."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that the pushes are for."""
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        token = token_of(scope["path"])
        if scope["method"] == "OPTIONS" and token is not None:
            await _answer(send, 204, b"", CORS)
            return
        node = self._node_of(token or "", scope["client"][0])
        if node is None or token is None:
            await _refuse(send, 404, UNKNOWN)
        elif scope["method"] == "HEAD":
            await _answer(send, 200, b'{"ok":true}')
        else:
            await self._take(node, scope["query_string"], receive, send)

    def _node_of(self, token: str, address: str) -> str | None:
        """The node that may push with this token from this address; both refusals look the same from outside."""
        owner = self._watch.config.by_token.get(hashlib.sha256(token.encode("utf-8", "replace")).hexdigest())
        if owner is None or str(self._watch.config.nodes[owner].node.tunnel) == address:
            return owner
        self._watch.foreign(owner, address)
        return None

    async def _take(self, node: str, query: bytes, receive: Receive, send: Send) -> None:
        body, whole = await _body(receive)
        moment = now()  # only now: what the judge decided while the body was on its way must not lie in the future
        try:
            beat = read_push(query, node, moment.wall)
        except BadPush as refusal:
            await _refuse(send, 404, str(refusal))
            return
        telemetry, warn = read_telemetry(body) if whole else (None, f"the body is too slow, or over {MAX_BODY} bytes")
        try:
            async with asyncio.timeout(COMMIT_DEADLINE_S):
                await self._watch.push(replace(beat, telemetry=telemetry, warn=warn), moment)
        except (StoreTrouble, TimeoutError):
            await _refuse(send, 503, "The watch cannot store pushes now.", ((b"retry-after", b"2"),))
            return
        document = {"ok": True, "warn": warn} if warn else {"ok": True}
        await _answer(send, 200, _json(document), () if whole else (CLOSE,))


async def _body(receive: Receive) -> tuple[bytes, bool]:
    """The request's body, and whether it is all of it: what is too large or too slow is left unread."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > MAX_BODY:
                    return bytes(body), False
                if not message.get("more_body"):
                    return bytes(body), message["type"] == "http.request"
    except TimeoutError:
        return bytes(body), False


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


async def _refuse(send: Send, status: int, msg: str, headers: Iterable[Header] = ()) -> None:
    await _answer(send, status, _json({"ok": False, "msg": msg}), headers)


async def _answer(send: Send, status: int, body: bytes, headers: Iterable[Header] = ()) -> None:
    length = () if status == 204 else ((b"content-length", str(len(body)).encode()),)
    kind = (b"content-type", b"application/json; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [kind, *length, *headers]})
    await send({"type": "http.response.body", "body": body})
