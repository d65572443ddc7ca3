"""HTTP in threads, for the stand-ins whose connections do nothing but ask: one request, one answer."""

import hmac
import json
import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any, ClassVar

from noc.lab.services.refusals import Document, Refused


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = 60

    def do_GET(self) -> None:
        """Look."""
        self.answer(self.read)

    def do_POST(self) -> None:
        """Change something."""
        self.answer(self.write)

    def read(self) -> str | None:
        """What a GET is answered: JSON, or None where it was sent already. Raises Refused."""
        raise NotImplementedError

    def write(self) -> str | None:
        """What a POST is answered: JSON, or None where it was sent already. Raises Refused."""
        raise NotImplementedError

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - http.server's signature
        """Say nothing: a topic, a token or a key in a log would be one too many."""

    def answer(self, act: Callable[[], str | None]) -> None:
        """Send the JSON that `act` gives, or what it refuses; nothing where it has sent its answer itself (None)."""
        headers: dict[str, str] = {}
        try:
            status, text = 200, act()
        except Refused as refusal:
            status, text, headers = refusal.status, refusal.text, refusal.headers
        if text is None:
            return
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def read_body(self, limit: int) -> bytes | None:
        """The request's body; None where it says no length, or one over `limit` bytes: it ends the connection."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > limit:
            self.close_connection = True  # what it still sends is not read
            return None
        return self.rfile.read(int(length))

    def bears(self, token: str) -> bool:
        """Whether the request shows this token."""
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


def read_object(body: bytes) -> Document | None:
    """The JSON object that a body is; None for anything else."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


class ThreadedServer(ThreadingHTTPServer):
    """Answers each connection in a thread of its own: by TLS where it has a certificate, by plain HTTP otherwise."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[Handler], tls: ssl.SSLContext | None) -> None:
        super().__init__(address, handler)
        self._patience_s, self._tls = handler.timeout, tls

    def get_request(self) -> tuple[socket, Any]:
        """Accept a connection; its handshake is done by its own thread, so that a silent client blocks nobody."""
        connection, address = super().get_request()
        connection.settimeout(self._patience_s)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's signature
        """A connection that broke is the client's affair."""
