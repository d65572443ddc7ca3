"""ntfy over HTTP: `POST /` with JSON, `POST /topic` with text and headers, `GET /topic/json?poll=1`."""

import ssl
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from noc.lab.services import serving
from noc.lab.services.ntfy.topics import MESSAGE_BYTES, Refused, Topics, is_topic, line

JSON_BYTES = 2 * MESSAGE_BYTES


class Handler(serving.Handler):
    """One connection."""

    timeout = 30
    server: "Server"

    do_PUT = serving.Handler.do_POST  # noqa: N815

    def write(self) -> str:
        """Publish a message."""
        self._check_token()
        path = unquote(urlsplit(self.path).path).strip("/")
        document = self._text_document(path) if path else self._json_document()
        if not is_topic(document.get("topic")):
            raise Refused(400, 40009, "invalid request: topic invalid")
        self.server.topics.admit(self.client_address[0])
        self._check_access()
        if "X-Sequence-ID" in self.headers:
            document["sequence_id"] = self.headers["X-Sequence-ID"]
        return line(self.server.topics.publish(document))

    def read(self) -> str:
        """A topic's messages as JSON lines, or the server's health."""
        parts = urlsplit(self.path)
        if parts.path == "/v1/health":
            return '{"healthy":true}\n'
        self._check_token()
        self._check_access()
        topic, _, kind = parts.path.strip("/").partition("/")
        query = parse_qs(parts.query)
        if kind != "json" or not is_topic(topic) or query.get("poll", ["0"])[0] not in {"1", "true"}:
            raise Refused(404, 40401, "page not found")
        messages = self.server.topics.since(topic, query.get("since", ["all"])[0])
        return "".join(line(message) for message in messages)

    def _check_token(self) -> None:
        if self.headers.get("Authorization", "") and not self.bears(self.server.token):
            self.close_connection = True  # what it still sends is not read
            raise Refused(401, 40101, "unauthorized")

    def _check_access(self) -> None:
        if not self.headers.get("Authorization", ""):
            raise Refused(403, 40301, "forbidden")

    def _json_document(self) -> dict[str, Any]:
        body = self.read_body(JSON_BYTES)
        if body is None:
            raise Refused(413, 41303, "JSON body too large")
        document = serving.read_object(body)
        if document is None:
            raise Refused(400, 40024, "invalid request: request body must be valid JSON")
        return document

    def _text_document(self, topic: str) -> dict[str, Any]:
        body = self.read_body(MESSAGE_BYTES)
        if body is None:
            raise Refused(400, 40014, "invalid request: attachments not allowed")
        document: dict[str, Any] = {"topic": topic, "message": body.decode(errors="replace")}
        if "Title" in self.headers:
            document["title"] = self.headers["Title"]
        if "Priority" in self.headers:
            document["priority"] = int(self.headers["Priority"]) if self.headers["Priority"].isdecimal() else 0
        if "Tags" in self.headers:
            document["tags"] = [tag.strip() for tag in self.headers["Tags"].split(",")]
        return document


class Server(serving.ThreadedServer):
    """The server, whose callers show `token`."""

    def __init__(self, address: tuple[str, int], token: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(address, Handler, tls)
        self.token, self.topics = token, Topics()
