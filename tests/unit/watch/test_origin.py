"""A watch whose HQ was restored says so, once."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import select

from noc.fleet.load import load
from noc.watch.config import Config
from noc.watch.pages.sentences import sentence
from noc.watch.service.origin import FILE, LEAD_S, read_origin, start_restored
from noc.watch.service.watch import Watch
from noc.watch.store.database import Store
from noc.watch.store.records import Event
from noc.watch.store.schema import events

FLEET = Path(__file__).parents[3] / "fleet"
LAID = {"at": "2026-03-02T09:10:00Z", "backup": "2026-03-02T07:00:00Z", "fence": 41, "without": []}


def told(directory: Path) -> list[Event]:
    """Start a watch beside what a restore laid down, twice; the events of HQ."""

    async def once() -> None:
        store = Store(directory / "watch.db")
        watch = Watch(Config.read(FLEET), store, lambda: Config.read(FLEET), lambda _: ())
        await start_restored(watch, directory / FILE)
        await watch.stop()
        store.close()

    for _ in range(2):
        asyncio.run(once())
    store = Store(directory / "watch.db")
    with store.engine.connect() as connection:
        rows = connection.execute(select(events.c.node, events.c.detail).where(events.c.kind == "restored")).all()
    store.close()
    return [Event("restored", node, 0, detail=detail) for node, detail in rows]


def test_it_says_once_that_hq_was_restored_and_how_old_the_copy_was(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(LAID))
    (event,) = told(tmp_path)
    assert event.node == load(FLEET).hub.name
    assert sentence(event) == "was restored from its backup of 2026-03-02T07:00:00+00:00, 2 h 10 min old by then"


@pytest.mark.parametrize("text", ["", "{}", '{"at": "today"}', "\0" * 100])
def test_what_makes_no_sense_keeps_no_watch_from_starting(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert told(tmp_path) == []


def test_once_nobody_is_spared_any_more_the_word_of_it_goes(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(LAID))
    told(tmp_path)
    assert not (tmp_path / FILE).exists()


def test_nodes_have_time_to_find_hq_by_its_name(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(LAID))
    origin = read_origin(tmp_path / FILE)
    assert origin is not None
    assert origin.spared_until(600) == round((origin.at.timestamp() + LEAD_S + 1_200) * 1000)
