"""The watch's local API for programs that wait for many things at once; the caller may speak for a person."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from noc.runs.site.unixhttp import HttpFailed, request
from noc.watch.errors import WatchUnreachable
from noc.watch.server.client import TIMEOUT_S, refusal

FOR = "Noc-For"
"""The header that names the person for whom the bot asks; the watch believes it from the bot's login alone."""


class WatchDoor:
    """A caller of the watch, for itself or for a person. One connection a request."""

    def __init__(self, path: Path, person: str = "") -> None:
        """Use the watch behind a socket.

        Args:
            path: the socket.
            person: for whom requests are, as fleet.toml names them; "" for the caller's own login.
        """
        self._path = path
        self._for = {FOR: quote(person)} if person else {}

    async def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - the JSON document that it answers with
        """Read something.

        Args:
            path: of the API, as `/api/v1/nodes`; a name in it is escaped by who puts it there.
            query: parameters.

        Raises:
            WatchUnreachable: nobody answers.
            NocError: the watch's own refusal, in its words.
        """
        return await self._call("GET", f"{path}?{urlencode(query)}" if query else path)

    async def post(self, path: str, document: object = None) -> Any:  # noqa: ANN401
        """Have something done, with a document as body. Returns and raises as `get`."""
        return await self._call("POST", path, document)

    async def put(self, path: str, document: object) -> Any:  # noqa: ANN401
        """Write something down under its name. Returns and raises as `get`."""
        return await self._call("PUT", path, document)

    async def _call(self, method: str, path: str, document: object = None) -> Any:  # noqa: ANN401
        try:
            status, body = await request(self._path, method, path, document, within_s=TIMEOUT_S, more=self._for)
        except HttpFailed as error:
            fix = "on HQ: systemctl status noc-watch"
            raise WatchUnreachable(f"the watch does not answer at {self._path}", why=str(error), fix=fix) from error
        if not 200 <= status < 300:
            raise refusal(status, body, path)
        try:
            return json.loads(body) if body else None
        except ValueError as error:
            raise refusal(status, body, path) from error
