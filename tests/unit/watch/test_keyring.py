"""Keys: what a secret is good for, for how long, and that only its hash is kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from noc.watch.access.keyring import MOST, Keyring, digest
from noc.watch.store.queries import read_keys
from watching import watching

HOUR = 3_600_000


@pytest.fixture
async def keyring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with watching(tmp_path) as watch:
        keyring = Keyring(watch)
        await keyring.start()
        yield keyring


def everything(folder: Path) -> bytes:
    """All that the database's files hold."""
    return b"".join(path.read_bytes() for path in folder.glob("watch.db*"))


async def session(keyring: Keyring, person: str = "james", lasts_ms: int = HOUR) -> str:
    secret, _ = await keyring.make("session", person=person, role="operator", name="Firefox", lasts_ms=lasts_ms)
    return secret


async def test_a_secret_is_found_as_the_kind_it_was_made_for_alone(keyring: Keyring) -> None:
    secret = await session(keyring)
    found = keyring.find(secret, "session")
    assert found is not None
    assert (found.person, keyring.find(secret, "token"), keyring.find(secret[:-1], "session")) == ("james", None, None)


async def test_a_key_that_has_expired_is_none(keyring: Keyring) -> None:
    assert keyring.find(await session(keyring, lasts_ms=0), "session") is None


async def test_a_link_is_good_for_one_of_two_who_come_at_once(keyring: Keyring) -> None:
    secret, _ = await keyring.make("link", person="james", role="operator", name="link", lasts_ms=HOUR)
    taken = await asyncio.gather(keyring.take(secret, "link"), keyring.take(secret, "link"))
    assert sorted(key is None for key in taken) == [False, True]


async def test_keys_outlive_a_restart_and_what_was_taken_back_does_not(tmp_path: Path) -> None:
    async with watching(tmp_path) as watch:
        keyring = Keyring(watch)
        await keyring.start()
        kept, gone = await session(keyring), await session(keyring)
        found = keyring.find(gone, "session")
        assert found is not None
        await keyring.drop([found])
    async with watching(tmp_path) as watch:
        again = Keyring(watch)
        await again.start()
        assert again.find(kept, "session") is not None
        assert again.find(gone, "session") is None


async def test_a_key_that_is_taken_back_while_it_is_prolonged_stays_gone(keyring: Keyring) -> None:
    secret = await session(keyring)
    key = keyring.find(secret, "session")
    assert key is not None
    await asyncio.gather(keyring.prolong(key, HOUR), keyring.drop([key]))
    await keyring.prolong(key, HOUR)
    assert keyring.find(secret, "session") is None


async def test_a_prolonged_session_lasts_from_now_on(keyring: Keyring) -> None:
    secret = await session(keyring)
    before = keyring.find(secret, "session")
    assert before is not None
    await keyring.prolong(before, 2 * HOUR)
    after = keyring.find(secret, "session")
    assert after is not None
    assert (after.expires > before.expires, after.used is not None) == (True, True)


async def test_one_person_holds_so_many_and_the_oldest_makes_room(keyring: Keyring) -> None:
    secrets = [await session(keyring) for _ in range(MOST["session"] + 1)]
    other = await session(keyring, "johan")
    assert len(keyring.of("session", "james")) == MOST["session"]
    assert keyring.find(secrets[-1], "session") is not None
    assert keyring.find(other, "session") is not None


async def test_the_database_holds_no_secret(tmp_path: Path) -> None:
    async with watching(tmp_path) as watch:
        keyring = Keyring(watch)
        await keyring.start()
        secret = await session(keyring)
        assert [key.hash for key in read_keys(watch.store.engine)] == [digest(secret)]
    stored = everything(tmp_path)
    assert digest(secret).encode() in stored
    assert secret.encode() not in stored
