"""WebSockets: the server's side of RFC 6455, without extensions."""

import asyncio
import base64
import hashlib
import struct

PAYLOAD_BYTES = 4096


class Closed(Exception):
    """A WebSocket that is over, or has to be: the code and the reason of its close."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class WebSocket:
    """One connection, once its handshake is answered."""

    _GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    def greeting(cls, key: str) -> bytes:
        """The answer to a handshake (section 4.2.2)."""
        accept = base64.b64encode(hashlib.sha1(key.encode() + cls._GUID, usedforsecurity=False).digest()).decode()
        lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
        return "\r\n".join((*lines, f"Sec-WebSocket-Accept: {accept}", "", "")).encode()

    async def receive(self) -> bytes:
        """The next message. Raises Closed; pings are answered on the way."""
        message = b""
        while True:
            final, opcode, payload = await self._frame()
            if opcode == 8:
                raise Closed(struct.unpack("!H", payload[:2])[0] if len(payload) > 1 else 1005)
            if opcode == 9:
                self.send(payload, opcode=10)
            elif opcode in {0, 1, 2}:
                message += payload
                if len(message) > PAYLOAD_BYTES:
                    raise Closed(4002, "Error while decoding payload.")
                if final:
                    return message

    async def _frame(self) -> tuple[bool, int, bytes]:
        try:
            first, second = await self._reader.readexactly(2)
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8))
            if not second & 0x80 or first & 0x70 or length > PAYLOAD_BYTES:
                raise Closed(4002 if length > PAYLOAD_BYTES else 1002, "Error while decoding payload.")
            mask = await self._reader.readexactly(4)
            payload = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Closed(1006) from None
        return bool(first & 0x80), first & 0x0F, bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))

    def send(self, payload: bytes, *, opcode: int) -> None:
        """One frame: 1 text, 2 bytes, 8 close, 10 pong."""
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | opcode, 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
        self._writer.write(head + payload)

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye, and hang up."""
        if code not in {1005, 1006}:
            self.send(struct.pack("!H", code) + reason.encode(), opcode=8)
        self._writer.close()

    def drop(self) -> None:
        """Hang up without a word."""
        self._writer.transport.abort()
