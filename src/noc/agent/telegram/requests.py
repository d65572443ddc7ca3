"""How the library's requests reach the API: verified, directly, and with answers of bounded size."""

import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx
from telegram.request import HTTPXRequest

ANSWER_S = 15.0
MAX_BYTES = 8 * 1024 * 1024
"""Bytes of an answer; a hundred updates of 4096 characters with all their marks are fewer."""


class Requests(HTTPXRequest):
    """Connections of one kind.

    Attributes:
        last: the body of the last answer, so that what the library cannot read of it can be passed over.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        """Use certificates; what the environment says of proxies does not count."""
        bounded: dict[str, Any] = {"transport": _Bounded(verify=tls), "trust_env": False}
        super().__init__(read_timeout=ANSWER_S, connect_timeout=ANSWER_S, pool_timeout=ANSWER_S, httpx_kwargs=bounded)
        self.last = b""

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:  # noqa: ANN401 - as the library's
        """Ask, and keep the answer."""
        status, self.last = await super().do_request(*args, **kwargs)
        return status, self.last


class _Bounded(httpx.AsyncHTTPTransport):
    """Ends an answer that is too large, instead of keeping it in memory."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=_Counted(answer.stream), extensions=answer.extensions
        )


class _Counted(httpx.AsyncByteStream):
    """A body that breaks off beyond its bound."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body, self._left = body, MAX_BYTES

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._body:
            self._left -= len(piece)
            if self._left < 0:
                raise httpx.ReadError(f"an answer of more than {MAX_BYTES} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._body.aclose()
