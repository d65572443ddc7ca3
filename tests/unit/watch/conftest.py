"""What the watch's tests share: a database of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from noc.fleet.storing import Address
from noc.watch.store.database import Store
from noc.watch.store.engine import Where
from postgres_kit import Cluster, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One PostgreSQL for all tests, with a database of the newest schema to copy: `noc`."""
    with running() as cluster:
        cluster.run("CREATE DATABASE noc")
        Store(Address(user=cluster.user, host=str(cluster.socket), port=5432, name="noc")).close()
        yield cluster


@pytest.fixture
def database(postgres: Cluster) -> Iterator[Address]:
    """A database of PostgreSQL with the newest schema and nothing in it."""
    address = postgres.database("noc")
    yield address
    postgres.drop(address)


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """A database of each kind, one after the other: a file that is not there yet, and an empty one of PostgreSQL."""
    found: Where = tmp_path / "watch.db"
    if request.param == "postgresql":
        found = request.getfixturevalue("database")
    return found
