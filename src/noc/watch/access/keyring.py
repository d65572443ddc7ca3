"""Keys that the watch gave away: sessions of pages, links to sign in, API tokens, leave to acknowledge.

A secret is 256 random bits; only its SHA-256 is kept, in memory and in the database.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from noc.fleet.model import Role
from noc.watch.clock import now
from noc.watch.service.watch import Watch
from noc.watch.store.queries import read_keys
from noc.watch.store.records import Key, KeyGone, KeyKind, KeySaved, Record

SECRET_BYTES: Final = 32
MOST: Final[dict[KeyKind, int]] = {"session": 20, "link": 5, "token": 50, "acknowledge": 10_000}
"""How many of a kind one person holds; another one takes the place of the oldest."""


def digest(secret: str) -> str:
    """What is kept of a secret: its SHA-256, hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class Keyring:
    """All keys by their hash, in step with the database, so that a look-up waits for no disk."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch whose database holds the keys."""
        self._watch = watch
        self._keys: dict[str, Key] = {}

    async def start(self) -> None:
        """Read the keys, and follow what is stored from now on."""
        self._watch.listeners.append(self._follow)
        found = await asyncio.to_thread(read_keys, self._watch.store.engine)
        self._keys = {key.hash: key for key in found} | self._keys

    def _follow(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record, KeySaved):
                self._keys[record.key.hash] = record.key
            elif isinstance(record, KeyGone):
                self._keys.pop(record.hash, None)

    def find(self, secret: str, kind: KeyKind) -> Key | None:
        """The key that a secret stands for; None where there is none of that kind, or it has expired."""
        key = self._keys.get(digest(secret))
        return key if key is not None and key.kind == kind and now().wall < key.expires else None

    def of(self, kind: KeyKind, person: str | None = None) -> list[Key]:
        """The keys of a kind that are good for something, of one person or of all, the oldest first."""
        wall = now().wall
        found = (key for key in self._keys.values() if key.kind == kind and wall < key.expires)
        return sorted((key for key in found if person in {None, key.person}), key=lambda key: key.created)

    async def make(
        self, kind: KeyKind, *, person: str, role: Role, name: str, lasts_ms: int, incident: int | None = None
    ) -> tuple[str, Key]:
        """Give a new key away; durable when this returns.

        Returns:
            Its secret, which nobody can ask for again, and the key.

        Raises:
            StoreTrouble: it could not be stored.
        """
        secret, wall = secrets.token_urlsafe(SECRET_BYTES), now().wall
        key = Key(digest(secret), kind, name, person, role, wall, wall + lasts_ms, incident)
        over = self.of(kind, person)[: 1 - MOST[kind]]
        gone = [KeyGone(each.hash) for each in (*over, *self._expired(wall))]
        await self._watch.save([*gone, KeySaved(key)])
        return secret, key

    async def take(self, secret: str, kind: KeyKind) -> Key | None:
        """Use a key up: whoever comes second with the same secret gets None. Raises StoreTrouble."""
        key = self.find(secret, kind)
        if key is not None:
            del self._keys[key.hash]  # before anything is awaited, so that two at once cannot both have it
            await self._watch.save([KeyGone(key.hash)])
        return key

    async def prolong(self, key: Key, lasts_ms: int) -> None:
        """Let a key last so long from now on, unless it was taken back meanwhile. Raises StoreTrouble."""
        wall = now().wall
        if key.hash not in self._keys:
            return
        await self._watch.save([KeySaved(replace(key, used=wall, expires=wall + lasts_ms))])

    async def change(self, key: Key, *, role: Role, expires: int) -> Key:
        """Let a key do something else, until another time (ms UTC); its secret stays. Raises StoreTrouble."""
        changed = replace(key, role=role, expires=expires)
        await self._watch.save([KeySaved(changed)])
        return changed

    async def drop(self, keys: Iterable[Key]) -> None:
        """Take keys back; they are good for nothing from this moment on. Raises StoreTrouble."""
        gone = [key.hash for key in keys if self._keys.pop(key.hash, None)]
        await self._watch.save([KeyGone(each) for each in gone])

    def _expired(self, wall: int) -> list[Key]:
        return [key for key in self._keys.values() if key.expires <= wall]
