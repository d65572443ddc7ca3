"""Fixtures of the service's tests."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from clavitor import stretch
from clavitor.access import Access
from clavitor.account_api import AccountApi
from clavitor.app import App
from clavitor.counters import HourCounter
from clavitor.database import Database, prepare
from clavitor.entry_api import EntryApi
from clavitor.stretch import Stretcher
from clavitor_service import Service, Vault


@pytest.fixture
async def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vault]:
    monkeypatch.setattr(stretch, "COST", 16)  # the real cost is paid where a real process is asked
    path = tmp_path / "vault.db"
    prepare(path)
    with closing(Database(path)) as database, closing(Stretcher()) as stretcher:
        access = Access(database)
        routes = [*AccountApi(database, access, stretcher).routes(), *EntryApi(database, access).routes()]
        yield Vault(App(routes, HourCounter(), HourCounter()), database, path)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()
