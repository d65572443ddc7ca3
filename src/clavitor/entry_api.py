"""Entries over HTTP: create, read, list, change, delete, export. All of it is ciphertext."""

import json
import sqlite3
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from clavitor import accounts, entries, fields
from clavitor.access import Access
from clavitor.app import Route
from clavitor.database import Database
from clavitor.entries import Change, Entry
from clavitor.errors import HttpError
from clavitor.http import JSON_TYPE, Headers, Request, Response
from clavitor.sessions import Session

PAGE = 100
EXPORT_FORMAT = "clavitor-export-1"


class EntryApi:
    """Handlers under `/api/v1/entries` and `/api/v1/export`.

    Args:
        database: where entries are kept.
        access: tells who asks.
    """

    def __init__(self, database: Database, access: Access) -> None:
        self._database, self._access = database, access

    def routes(self) -> list[Route]:
        """What these handlers answer to."""
        return [
            Route("GET", "/api/v1/entries", self.index),
            Route("POST", "/api/v1/entries", self.create),
            Route("GET", "/api/v1/entries/{id}", self.read),
            Route("PUT", "/api/v1/entries/{id}", self.update),
            Route("DELETE", "/api/v1/entries/{id}", self.delete),
            Route("GET", "/api/v1/export", self.export),
        ]

    async def index(self, request: Request) -> Response:
        """A page of entries; `next` is what the following page's `after` must be, null on the last one."""
        session = await self._access.session(request)
        name, _, after = request.query.partition("=")
        if request.query and name != "after":
            raise HttpError(400, "the only parameter is after")
        found = await self._page(session, fields.entry_id(after) if after else "")
        more = found[-1].id if found and await self._page(session, found[-1].id, limit=1) else None
        return Response.of({"entries": [_as_dict(entry) for entry in found], "next": more})

    async def create(self, request: Request) -> Response:
        """Store a new entry under the id that the client drew and bound into the ciphertext."""
        session = await self._access.session(request)
        document = request.json()
        entry = fields.entry_id(fields.text(document, "id"))
        blob = _blob(document)

        def store(db: sqlite3.Connection) -> Entry:
            if accounts.by_id(db, session.account) is None:
                raise HttpError(401, "sign in first")
            return entries.create(db, session.account, entry, blob, time.time())

        return _state(await self._database.write(store), status=201, location=True)

    async def read(self, request: Request, entry: str) -> Response:
        """One entry."""
        session = await self._access.session(request)
        found = await self._database.read(lambda db: entries.read(db, session.account, fields.entry_id(entry)))
        return Response.of(_as_dict(found), headers=_etag(found))

    async def update(self, request: Request, entry: str) -> Response:
        """Replace the version that If-Match names."""
        session = await self._access.session(request)
        change = Change(fields.entry_id(entry), fields.expected_version(request.headers), _blob(request.json()))
        changed = await self._database.write(lambda db: entries.update(db, session.account, change, time.time()))
        return _state(changed, status=200)

    async def delete(self, request: Request, entry: str) -> Response:
        """Delete the version that If-Match names."""
        session = await self._access.session(request)
        expected, identity = fields.expected_version(request.headers), fields.entry_id(entry)
        await self._database.write(lambda db: entries.delete(db, session.account, identity, expected))
        return Response(204)

    async def export(self, request: Request) -> Response:
        """Everything that is needed, with the password, to read the account without this service."""
        session = await self._access.session(request)
        account = await self._database.read(lambda db: accounts.by_id(db, session.account))
        if account is None:
            raise HttpError(401, "sign in first")
        head = {
            "format": EXPORT_FORMAT,
            "name": account.name,
            "salt": fields.encode(account.locks.salt),
            "iterations": account.locks.iterations,
            "wrapped_key": fields.encode(account.locks.wrapped_key),
        }
        disposition = 'attachment; filename="clavitor-export.json"'
        headers = (("content-type", JSON_TYPE), ("cache-control", "no-store"), ("content-disposition", disposition))
        return Response(200, self._export(session, head), headers)

    async def _export(self, session: Session, head: dict[str, object]) -> AsyncIterator[bytes]:
        yield json.dumps(head).removesuffix("}").encode() + b', "entries": ['
        after, separator = "", "\n"
        while found := await self._page(session, after):
            for entry in found:
                yield (separator + json.dumps(_as_dict(entry))).encode()
                separator = ",\n"
            after = found[-1].id
        yield b"\n]}\n"

    async def _page(self, session: Session, after: str, limit: int = PAGE) -> list[Entry]:
        return await self._database.read(lambda db: entries.page(db, session.account, after, limit))


def _blob(document: dict[str, object]) -> bytes:
    return fields.octets(document, "blob", entries.MIN_BLOB, entries.MAX_BLOB)


def _as_dict(entry: Entry) -> dict[str, object]:
    updated = datetime.fromtimestamp(entry.updated, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"id": entry.id, "version": entry.version, "updated": updated, "blob": fields.encode(entry.blob)}


def _etag(entry: Entry) -> Headers:
    return (("etag", f'"{entry.version}"'),)


def _state(entry: Entry, *, status: int, location: bool = False) -> Response:
    headers = _etag(entry)
    if location:
        headers = (*headers, ("location", f"/api/v1/entries/{entry.id}"))
    document = _as_dict(entry)
    del document["blob"]
    return Response.of(document, status=status, headers=headers)
