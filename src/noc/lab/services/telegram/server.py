"""The Bot API over HTTP: `/bot<token>/<method>`, by GET or POST, a query, a form or JSON; and its side entrance."""

import json
import ssl
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from noc.lab.services import SIDE_ENTRANCE, serving
from noc.lab.services.telegram.account import Account
from noc.lab.services.telegram.methods import Methods
from noc.lab.services.telegram.refusals import Refused
from noc.lab.services.telegram.side_entrance import SideEntrance
from noc.lab.services.telegram.updates import LONGEST_POLL_S

BODY_BYTES = 1024 * 1024


class Handler(serving.Handler):
    """One connection."""

    timeout = LONGEST_POLL_S + 30
    server: "Server"

    def read(self) -> str:
        """Serve a method."""
        try:
            return json.dumps({"ok": True, "result": self._result()})
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise Refused.bad(f"can't parse the request: {type(error).__name__}") from error

    write = read

    def _result(self) -> Any:  # noqa: ANN401 - any JSON value
        parts = urlsplit(self.path)
        fields = {**_decoded(parse_qsl(parts.query)), **self._fields()}
        if (word := parts.path.removeprefix(SIDE_ENTRANCE)) != parts.path:
            return self.server.side_entrance.act(word, fields)
        token, _, method = parts.path.removeprefix("/bot").partition("/")
        return self.server.methods.call(token, method, fields)

    def _fields(self) -> dict[str, Any]:
        body = self.read_body(BODY_BYTES) if self.headers.get("Content-Length") else b""
        if body is None:
            raise Refused(413, "Request Entity Too Large")
        if self.headers.get_content_type() == "application/json" and body:
            found = json.loads(body)
            return found if isinstance(found, dict) else {}
        return _decoded(parse_qsl(body.decode()))


def _decoded(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """A form's fields; those that are objects or lists come as JSON."""
    return {name: json.loads(value) if value[:1] in ("{", "[") and name != "text" else value for name, value in pairs}


class Server(serving.ThreadedServer):
    """The server, for the bot whose token this is."""

    def __init__(self, address: tuple[str, int], token: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(address, Handler, tls)
        account = Account()
        self.methods, self.side_entrance = Methods(account, token), SideEntrance(account)
