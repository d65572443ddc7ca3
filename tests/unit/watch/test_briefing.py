"""Briefings: what they say, and that each comes once."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.watch.alerts.backlog import read_backlog
from noc.watch.alerts.briefer import USEFUL_MS, Briefer
from noc.watch.alerts.briefing import write_briefing, write_news
from noc.watch.alerts.facts import DAY_MS, Facts, read_facts
from noc.watch.clock import now
from noc.watch.store.database import Store
from noc.watch.store.records import AlertFailed, Event, Incident, IncidentSaved, Sighting, Window
from noc.watch.store.writer import Writer
from watch_kit import to, write_fleet

ZURICH = ZoneInfo("Europe/Zurich")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZURICH).timestamp() * 1000)


AT = ms("2026-03-04 08:00")
OPEN = Incident(7, "frankfurt", "missed", "2 pushes missed", AT - 7_200_000)
QUIET = Facts(AT, (), {"virginia": "up", "frankfurt": "up"}, (), {}, {}, {})


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return load(write_fleet(tmp_path / "fleet"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "watch.db", to("ntfy"))
    yield store
    store.close()


def test_a_quiet_day_is_three_short_lines(fleet: Fleet) -> None:
    assert write_briefing(QUIET, fleet) == {
        "title": "clavitor: 2 of 2 nodes up, 0 incidents open",
        "text": "every live node is up\nno incident within the day",
    }


def test_what_needs_a_person_comes_first(fleet: Fleet) -> None:
    facts = replace(
        QUIET,
        incidents=(OPEN, replace(OPEN, id=8, node="virginia", ended=AT - 60_000)),
        states={"virginia": "up", "frankfurt": "down"},
        silences=(("virginia", AT + 3_600_000),),
        certificates={"virginia": AT + 3 * DAY_MS, "frankfurt": AT + 60 * DAY_MS},
        versions={"virginia": "1.2.0"},
        waiting={"mail": 2},
    )
    assert write_briefing(facts, fleet)["text"].splitlines() == [
        "! SEV2 frankfurt, liveness: nobody has taken over for 2 h",
        "! 2 messages could not go out on mail",
        "! the certificate of virginia ends in 3 d",
        "down: frankfurt",
        "1 incident over, the longest virginia for 1 h 59 min",
        "silenced until 09:00:00: virginia",
        "now on 1.2.0: virginia",
    ]


def test_an_incident_that_somebody_has_taken_over_needs_nobody_else(fleet: Fleet) -> None:
    text = write_briefing(replace(QUIET, incidents=(replace(OPEN, acked=AT - 1, acked_by="mia"),)), fleet)["text"]
    assert not any(line.startswith("!") for line in text.splitlines())


def test_a_day_is_read_from_the_database(store: Store) -> None:
    over = replace(OPEN, id=8, ended=AT - DAY_MS + 1)
    long_over = replace(OPEN, id=9, ended=AT - DAY_MS - 1)
    store.write([IncidentSaved(OPEN, "opened"), IncidentSaved(over), IncidentSaved(long_over)])
    store.write([AlertFailed("ntfy", (f"7-{OPEN.started // 1000}-opened",), "no answer")])
    store.write([Event("version", "virginia", AT - 5, detail={"version": "1.2.0"})])
    store.write(
        [Sighting("virginia", AT - 5, ok=True, stage="", detail="", took_ms=3.0, certificate_until=AT + DAY_MS)]
    )
    silence = Window("silence-1", "silence", ("virginia",), "", "UTC", 60, AT - 60_000, "", "mia", AT - 60_000)
    store.write([silence, replace(silence, id="silence-2", starts=AT - DAY_MS)])
    facts = read_facts(store.engine, {"virginia": "up"}, AT)
    assert [incident.id for incident in facts.incidents] == [7, 8]
    assert (facts.versions, facts.certificates) == ({"virginia": "1.2.0"}, {"virginia": AT + DAY_MS})
    assert (facts.silences, facts.waiting) == ((("virginia", AT + 59 * 60_000),), {"ntfy": 1})


@asynccontextmanager
async def briefing(store: Store, fleet: Fleet) -> AsyncIterator[Briefer]:
    writer = Writer(store, committed=lambda _: None, failed=lambda _trouble, _lost: None, kept=lambda _: None)
    yield Briefer(store.engine, writer.submit, lambda: fleet, lambda: {"virginia": "up"})
    await writer.close()


def notes(store: Store) -> list[tuple[str, str]]:
    return [(note.id, note.kind) for note in read_backlog(store.engine, "ntfy").notes]


async def test_a_briefing_of_one_name_is_queued_once(store: Store, fleet: Fleet) -> None:
    for _ in range(2):
        async with briefing(store, fleet) as briefer:
            await briefer.queue("day", "20260304T0800", "", [])
            await briefer.queue("run", "20260304T090000000-beef", "deploy 1.2.0 to 2 nodes: done", [])
    assert notes(store) == [
        ("briefing-day-20260304T0800", "briefing"),
        ("briefing-run-20260304T090000000-beef", "briefing"),
    ]


async def test_a_briefing_that_could_not_go_out_for_hours_is_no_news(store: Store, fleet: Fleet) -> None:
    async with briefing(store, fleet) as briefer:
        await briefer.queue("milestone", "M4-1", "M4: go, decided by mia", [])
    [note] = read_backlog(store.engine, "ntfy").notes
    assert 0 < note.expires - now().wall <= USEFUL_MS


def test_news_of_a_run_say_what_needs_a_person_and_what_is_open(fleet: Fleet) -> None:
    facts = replace(QUIET, incidents=(OPEN,), states={"virginia": "up", "frankfurt": "down"})
    told = write_news("deploy 1.2.0 to 2 nodes: not as planned", ["1 of 2 done, 1 failed", "by mia"], facts, fleet)
    assert told == {
        "title": "clavitor: deploy 1.2.0 to 2 nodes: not as planned",
        "text": "1 of 2 done, 1 failed\nby mia\n"
        "! SEV2 frankfurt, liveness: nobody has taken over for 2 h\ndown: frankfurt\n1 incident open",
    }


def test_lines_from_elsewhere_end_the_days_briefing(fleet: Fleet) -> None:
    assert write_briefing(QUIET, fleet, ["audit: 7:ab"])["text"].splitlines()[-1] == "audit: 7:ab"
