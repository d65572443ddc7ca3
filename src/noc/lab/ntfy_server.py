"""A stand-in for an ntfy server (https://docs.ntfy.sh/publish/): what HQ uses of it, and what it refuses.

One standard-library file, because it is copied to the lab's internet machine and runs there alone. Messages are kept
in memory, at most 10,000. docs/lab.md lists each refusal of the original with its source and the test that provokes it.
"""

import argparse
import hmac
import json
import re
import secrets
import ssl
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

MESSAGE_BYTES = 4096
JSON_BYTES = 2 * MESSAGE_BYTES
BURST = 60
REFILL_S = 5.0
KEPT = 10_000
KEPT_FIELDS = ("sequence_id", "title", "tags", "click", "actions", "icon", "markdown")
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")


class Refused(Exception):
    """A request that ntfy answers with an error document: HTTP status, ntfy's own code, and its sentence."""

    def __init__(self, status: int, code: int, error: str) -> None:
        super().__init__(error)
        self.status, self.code, self.error = status, code, error


class Bucket:
    """The requests that one visitor may make: 60 at once, then one more every 5 s (ntfy's defaults)."""

    def __init__(self, now: float) -> None:
        self._tokens, self._at = float(BURST), now

    def take(self, now: float) -> bool:
        """Use up one request at the time `now` (seconds); whether there was one left."""
        self._tokens = min(float(BURST), self._tokens + (now - self._at) / REFILL_S)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Topics:
    """All messages, and who may send how many; safe for use by several threads."""

    def __init__(self) -> None:
        self._messages: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._visitors: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def admit(self, visitor: str) -> None:
        """Count a visitor's request to publish. Raises Refused when there were too many."""
        with self._lock:
            now = time.monotonic()
            if not self._visitors.setdefault(visitor, Bucket(now)).take(now):
                raise Refused(429, 42901, "limit reached: too many requests, please be nice")

    def publish(self, document: dict[str, Any]) -> dict[str, Any]:
        """Keep a message and return it as ntfy does. Raises Refused for what the original refuses."""
        message = _message(document, time.time())
        with self._lock:
            self._messages.append(message)
        return message

    def since(self, topic: str, after: str) -> list[dict[str, Any]]:
        """Messages of a topic in order of arrival: `all`, those after a message's id, or since a Unix time."""
        with self._lock:
            found = [message for message in self._messages if message["topic"] == topic]
        ids = [message["id"] for message in found]
        if after in ids:
            return found[ids.index(after) + 1 :]
        return [message for message in found if message["time"] >= int(after)] if after.isdecimal() else found


def _message(document: dict[str, Any], now: float) -> dict[str, Any]:
    text, priority, tags = document.get("message", ""), document.get("priority", 3), document.get("tags", [])
    if not isinstance(text, str) or not isinstance(tags, list):
        raise Refused(400, 40024, "invalid request: request body must be valid JSON")
    if len(text.encode()) > MESSAGE_BYTES:
        raise Refused(400, 40014, "invalid request: attachments not allowed")
    if not isinstance(priority, int) or not 1 <= priority <= 5:
        raise Refused(400, 40007, "invalid priority parameter")
    kept: dict[str, Any] = {key: document[key] for key in KEPT_FIELDS if key in document}
    return {
        "id": secrets.token_urlsafe(9)[:12],
        "time": int(now),
        "received_at": round(now, 3),
        "event": "message",
        "topic": document["topic"],
        "message": text or "triggered",
        "priority": priority,
        **kept,
    }


class Handler(BaseHTTPRequestHandler):
    """One connection: `POST /` with JSON, `POST /topic` with text and headers, `GET /topic/json?poll=1`."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    server: "Server"

    def do_POST(self) -> None:
        """Publish a message."""
        self._answer(self._publish)

    do_PUT = do_POST  # noqa: N815

    def do_GET(self) -> None:
        """Read a topic's messages as JSON lines, or the server's health."""
        self._answer(self._read)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - http.server's signature
        """Say nothing: a topic or a token in a log would be one too many."""

    def _publish(self) -> str:
        self._check_token()
        path = unquote(urlsplit(self.path).path).strip("/")
        document = self._text_document(path) if path else self._json_document()
        if not isinstance(document.get("topic"), str) or not _TOPIC.fullmatch(document["topic"]):
            raise Refused(400, 40009, "invalid request: topic invalid")
        self.server.topics.admit(self.client_address[0])
        self._check_access()
        if "X-Sequence-ID" in self.headers:
            document["sequence_id"] = self.headers["X-Sequence-ID"]
        return json.dumps(self.server.topics.publish(document)) + "\n"

    def _read(self) -> str:
        parts = urlsplit(self.path)
        if parts.path == "/v1/health":
            return '{"healthy":true}\n'
        self._check_token()
        self._check_access()
        topic, _, kind = parts.path.strip("/").partition("/")
        query = parse_qs(parts.query)
        if kind != "json" or not _TOPIC.fullmatch(topic) or query.get("poll", ["0"])[0] not in {"1", "true"}:
            raise Refused(404, 40401, "page not found")
        messages = self.server.topics.since(topic, query.get("since", ["all"])[0])
        return "".join(json.dumps(message) + "\n" for message in messages)

    def _body(self, limit: int, refusal: Refused) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > limit:
            self.close_connection = True  # what it still sends is not read
            raise refusal
        return self.rfile.read(int(length))

    def _check_token(self) -> None:
        given = self.headers.get("Authorization", "")
        if given and not hmac.compare_digest(given.encode(), f"Bearer {self.server.token}".encode()):
            self.close_connection = True
            raise Refused(401, 40101, "unauthorized")

    def _check_access(self) -> None:
        if not self.headers.get("Authorization", ""):
            raise Refused(403, 40301, "forbidden")

    def _json_document(self) -> dict[str, Any]:
        body = self._body(JSON_BYTES, Refused(413, 41303, "JSON body too large"))
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Refused(400, 40024, "invalid request: request body must be valid JSON")
        return document

    def _text_document(self, topic: str) -> dict[str, Any]:
        body = self._body(MESSAGE_BYTES, Refused(400, 40014, "invalid request: attachments not allowed"))
        document: dict[str, Any] = {"topic": topic, "message": body.decode(errors="replace")}
        if "Title" in self.headers:
            document["title"] = self.headers["Title"]
        if "Priority" in self.headers:
            document["priority"] = int(self.headers["Priority"]) if self.headers["Priority"].isdecimal() else 0
        if "Tags" in self.headers:
            document["tags"] = [tag.strip() for tag in self.headers["Tags"].split(",")]
        return document

    def _answer(self, act: Any) -> None:  # noqa: ANN401 - a bound method
        try:
            status, text = 200, act()
        except Refused as refusal:
            link = "https://ntfy.sh/docs/publish/"
            document = {"code": refusal.code, "http": refusal.status, "error": refusal.error, "link": link}
            status, text = refusal.status, json.dumps(document) + "\n"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """The server: TLS where it has a certificate, plain HTTP otherwise."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], token: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(address, Handler)
        self.token, self.topics, self._tls = token, Topics(), tls

    def get_request(self) -> tuple[socket, Any]:
        """Accept a connection; its handshake is done by its own thread, so that a silent client blocks nobody."""
        connection, address = super().get_request()
        connection.settimeout(Handler.timeout)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's signature
        """A connection that broke is the client's affair."""


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True, help="address:port")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    options = parser.parse_args()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.certificate, options.key)
    host, _, port = options.listen.rpartition(":")
    Server((host, int(port)), options.token_file.read_text().strip(), tls).serve_forever()


if __name__ == "__main__":
    main()
