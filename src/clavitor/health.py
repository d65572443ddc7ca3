"""`GET /health`: which release and process answers, and whether its database takes a write."""

import asyncio
import sqlite3
import time

from clavitor.database import Database
from clavitor.http import Request, Response
from clavitor.release import Identity

FRESH = 1.0  # seconds for which one probe speaks for all who ask
DEADLINE = 2.0


class Health:
    """Answers for one process.

    Args:
        identity: of this process.
        database: the one whose writes are probed, with a real commit: a full or read-only disk shows at once.
    """

    def __init__(self, identity: Identity, database: Database) -> None:
        self._identity, self._database = identity, database
        self._verdict, self._probed_at = "unknown", float("-inf")
        self._turn = asyncio.Lock()

    async def get(self, _: Request) -> Response:
        """200 where the database takes writes, 503 with SQLite's name of the cause otherwise."""
        verdict = await self._probe()
        document = {
            "status": "ok" if verdict == "ok" else "fail",
            "version": self._identity.version,
            "build": self._identity.build,
            "started_at": self._identity.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "boot_id": self._identity.boot_id,
            "db": verdict,
        }
        return Response.of(document, status=200 if verdict == "ok" else 503)

    async def _probe(self) -> str:
        async with self._turn:
            if time.monotonic() - self._probed_at > FRESH:
                self._verdict = await self._write()
                self._probed_at = time.monotonic()
            return self._verdict

    async def _write(self) -> str:
        try:
            async with asyncio.timeout(DEADLINE):
                await self._database.write(_touch)
        except TimeoutError:
            return "no answer"
        except sqlite3.Error as error:
            return str(getattr(error, "sqlite_errorname", "error"))
        return "ok"


def _touch(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE node SET probed = ?", (time.time(),))
