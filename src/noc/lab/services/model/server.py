"""The model over HTTP: `GET …/v1/models`, `POST …/v1/chat/completions`, and the side entrance."""

import json
import ssl
from urllib.parse import urlsplit

from noc.lab.services import SIDE_ENTRANCE, serving
from noc.lab.services.model.completion import chunks, completion
from noc.lab.services.model.mind import Mind
from noc.lab.services.model.refusals import Refused, check, told_refusal
from noc.lab.services.refusals import Document

BODY_BYTES = 4 * 2**20


class Handler(serving.Handler):
    """One connection."""

    server: "Server"

    def do_DELETE(self) -> None:  # noqa: N802 - http.server's name
        """Forget everything."""
        self.answer(self._forget)

    def read(self) -> str:
        """List the models, or tell what was asked."""
        path = urlsplit(self.path).path
        if path == f"{SIDE_ENTRANCE}requests":
            return json.dumps({"requests": self.server.mind.asked()})
        self._check_key()
        if not path.endswith("/v1/models"):
            raise self._unknown()
        rows = [{"id": each, "object": "model", "created": 0, "owned_by": "stand-in"} for each in self.server.models]
        return json.dumps({"object": "list", "data": rows})

    def _forget(self) -> str:
        if urlsplit(self.path).path != SIDE_ENTRANCE:
            raise self._unknown()
        self.server.mind.reset()
        return "{}"

    def write(self) -> str | None:
        """Complete a chat, or take what is to be answered."""
        path, mind = urlsplit(self.path).path, self.server.mind
        if path == f"{SIDE_ENTRANCE}script":
            mind.tell(self._document()["answers"])
            return "{}"
        if path == f"{SIDE_ENTRANCE}mode":
            mind.obedient = bool(self._document()["obedient"])
            return "{}"
        self._check_key()
        if not path.endswith("/v1/chat/completions"):
            raise self._unknown()
        return self._complete(self._document())

    def _complete(self, request: Document) -> str | None:
        """A completion as a document, or None where it was streamed."""
        check(request, self.server.models)
        answer = self.server.mind.answer(request)
        if "refuse" in answer:
            raise told_refusal(answer["refuse"])
        whole = completion(request["model"], answer, len(json.dumps(request["messages"])))
        if not request.get("stream"):
            return json.dumps(whole)
        self._stream(whole, cut="cut" in answer, usage=bool((request.get("stream_options") or {}).get("include_usage")))
        return None

    def _stream(self, whole: Document, *, cut: bool, usage: bool) -> None:
        """Server-sent events; the connection's end is the stream's end."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        for number, chunk in enumerate(chunks(whole, usage=usage)):
            if cut and number == 2:
                return
            self._event(json.dumps(chunk))
        self._event("[DONE]")

    def _event(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()

    def _unknown(self) -> Refused:
        return Refused(404, f"Invalid URL ({self.command} {urlsplit(self.path).path})")

    def _check_key(self) -> None:
        if self.bears(self.server.key):
            return
        self.close_connection = True  # what it still sends is not read
        if not self.headers.get("Authorization", ""):
            raise Refused(401, "You didn't provide an API key.")
        raise Refused(401, "Incorrect API key provided.", code="invalid_api_key")

    def _document(self) -> Document:
        body = self.read_body(BODY_BYTES)
        if body is None:
            raise Refused(413, "Request body too large.")
        document = serving.read_object(body)
        if document is None:
            raise Refused(400, "We could not parse the JSON body of your request.")
        return document


class Server(serving.ThreadedServer):
    """The server, which offers `models` to callers who show `key`."""

    def __init__(
        self, address: tuple[str, int], key: str, models: tuple[str, ...], tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(address, Handler, tls)
        self.key, self.models, self.mind = key, models, Mind()
