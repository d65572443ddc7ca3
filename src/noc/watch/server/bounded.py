"""uvicorn's HTTP protocol with the bounds it lacks: a head's size and time, one address's connections, slow readers."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from noc.watch.push.bounds import HEAD_DEADLINE_S, MAX_HEAD, MOST_OF_ONE_ADDRESS

READ_DEADLINE_S: Final = 20.0
"""So long a peer may leave its connection full before it is hung up on."""


class BoundedProtocol(HttpToolsProtocol):
    """Hangs up on a head that is too large or too slow; a connection that says nothing at all counts as slow.

    One node that opens connection after connection is hung up on, so that the others are still heard.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own arguments
        """Take what uvicorn gives."""
        super().__init__(*args, **kwargs)
        self._head = 0
        self._timer: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request's head its time."""
        super().connection_made(transport)
        self._expect_head()
        if self.client and sum(self._same_address(each) for each in self.connections) > MOST_OF_ONE_ADDRESS:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._head_is_here()
        self._reader_reads()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count while the head is not complete."""
        super().data_received(data)
        if self._timer is not None:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.transport.close()

    def pause_writing(self) -> None:
        """The peer does not read what it asked for: it has some time to begin."""
        super().pause_writing()
        self._reader = self.loop.call_later(READ_DEADLINE_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._reader_reads()
        super().resume_writing()

    def on_message_begin(self) -> None:
        """A request begins: its head has a deadline of its own."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is here."""
        self._head_is_here()
        super().on_headers_complete()

    def _same_address(self, other: object) -> bool:
        assert isinstance(other, BoundedProtocol)
        return bool(self.client and other.client and self.client[0] == other.client[0])

    def _reader_reads(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _expect_head(self) -> None:
        self._head_is_here()
        self._timer = self.loop.call_later(HEAD_DEADLINE_S, self.transport.close)

    def _head_is_here(self) -> None:
        self._head = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
