"""One client's connection: HTTP/1.1 by h11 over a plain socket, each wait with a deadline.

Reads go through readiness, never through a cancellable `recv`: a wait that ends can then look once more, so that a
request which arrives in the very moment of a deadline is still answered.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from email.utils import formatdate
from http import HTTPStatus

import h11

from clavitor.errors import HttpError
from clavitor.http import Handler, Request, Response

IDLE = 75.0  # seconds without a request until the connection is closed
REQUEST = 30.0  # seconds for one whole request
SEND = 30.0  # seconds for one piece of an answer
LINGER = 1.0  # seconds in which the rest of a refused body is thrown away
MAX_HEAD = 16 * 1024
MAX_BODY = 128 * 1024
CHUNK = 64 * 1024
BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Connection:
    """Serves requests on one accepted socket until either side closes.

    Args:
        sock: accepted, non-blocking.
        peer: the client's address.
        handle: turns a request into a response; its exceptions are its own to answer.
    """

    def __init__(self, sock: socket.socket, peer: str, handle: Handler) -> None:
        self._sock, self._peer, self._handle = sock, peer, handle
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._draining = False
        self._patience = IDLE
        self._idle: asyncio.Timeout | None = None

    async def serve(self) -> None:
        """Answer requests until the connection ends; never raises but when cancelled."""
        try:
            while await self._serve_one():
                self._http.start_next_cycle()
        except (OSError, TimeoutError, h11.ProtocolError):
            pass  # the client is gone, too slow or speaks no HTTP: nobody is left to be told
        finally:
            self._sock.close()

    def drain(self, grace: float) -> None:
        """Answer what is under way or arrives within `grace` seconds with `Connection: close`, then end."""
        self._draining, self._patience = True, grace
        if self._idle is not None:
            soon = asyncio.get_running_loop().time() + grace
            self._idle.reschedule(min(soon, self._idle.when() or soon))

    async def _serve_one(self) -> bool:
        if not self._http.trailing_data[0] and not await self._arrives():
            return False
        try:
            async with asyncio.timeout(REQUEST):
                request = await self._read()
        except (HttpError, h11.RemoteProtocolError, TimeoutError) as error:
            await self._refuse(error)
            return False
        if request is None:
            return False
        await self._send(await self._handle(request), with_body=request.method != "HEAD")
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _arrives(self) -> bool:
        """Wait for the first byte of the next request; False when the wait has ended without one."""
        try:
            async with asyncio.timeout(self._patience) as self._idle:
                await self._readable()
        except TimeoutError:
            return self._has_bytes()
        finally:
            self._idle = None
        return True

    def _has_bytes(self) -> bool:
        try:
            return bool(self._sock.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._sock, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._sock)

    async def _receive(self) -> bytes:
        while True:
            try:
                return self._sock.recv(CHUNK)
            except BlockingIOError:
                await self._readable()

    async def _event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._receive())
        return event

    async def _read(self) -> Request | None:
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
        if int(headers.get("content-length", "0")) > MAX_BODY:
            raise HttpError(413, f"a request's body may be {MAX_BODY} bytes long")
        path, _, query = head.target.decode("ascii").partition("?")
        return Request(head.method.decode("ascii"), path, query, headers, await self._body(), self._peer)

    async def _body(self) -> bytes:
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                raise HttpError(413, f"a request's body may be {MAX_BODY} bytes long")
        return bytes(body)

    async def _refuse(self, error: Exception) -> None:
        """Answer what could not be read as a request, and throw the rest of it away so that the answer arrives."""
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        status = 408 if isinstance(error, TimeoutError) else 400
        if isinstance(error, HttpError):
            status = error.status
        elif isinstance(error, h11.RemoteProtocolError):
            status = error.error_status_hint
        self._draining = True
        await self._send(
            Response.of({"error": str(error) or "the request took too long"}, status=status), with_body=True
        )
        self._sock.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(LINGER):
            while await self._receive():
                pass

    async def _send(self, response: Response, *, with_body: bool) -> None:
        body = response.body
        headers = [*response.headers, ("date", formatdate(usegmt=True))]
        if isinstance(body, bytes) and response.status not in BODILESS:
            headers.append(("content-length", str(len(body))))
        if self._draining:
            headers.append(("connection", "close"))
        reason = HTTPStatus(response.status).phrase
        head = h11.Response(status_code=response.status, headers=headers, reason=reason.encode())
        if not isinstance(body, bytes):
            await self._write(head)
            await self._stream(body, with_body=with_body)
        else:
            await self._write(head, *([h11.Data(data=body)] if with_body and body else []), h11.EndOfMessage())

    async def _stream(self, body: AsyncIterator[bytes], *, with_body: bool) -> None:
        if with_body:
            async for piece in body:
                await self._write(h11.Data(data=piece))
        await self._write(h11.EndOfMessage())

    async def _write(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        async with asyncio.timeout(SEND):
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
