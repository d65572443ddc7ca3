"""The day's briefing: what it says, and that it comes once a day."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.telling import Briefing
from noc.watch.alerts.backlog import read_backlog
from noc.watch.alerts.briefer import Briefer
from noc.watch.alerts.briefing import USEFUL_MS, due_at, is_due, write_briefing
from noc.watch.alerts.facts import DAY_MS, Facts, first_event, read_facts
from noc.watch.store.database import Store
from noc.watch.store.records import AlertFailed, Event, Incident, IncidentSaved, Sighting, Window
from noc.watch.store.writer import Writer
from watch_kit import to, write_fleet

ZURICH = ZoneInfo("Europe/Zurich")
EIGHT = Briefing()


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


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-04 07:59", "2026-03-03 08:00"),
        ("2026-03-04 08:00", "2026-03-04 08:00"),
        ("2026-03-29 09:00", "2026-03-29 08:00"),  # clocks were set forward in the night
        ("2026-10-25 09:00", "2026-10-25 08:00"),  # and back
    ],
)
def test_a_briefing_is_due_at_its_time_on_the_fleets_clocks(now: str, due: str) -> None:
    assert due_at(EIGHT, "Europe/Zurich", ms(now)) == ms(due)


def test_a_time_that_clocks_skip_is_due_when_they_skip_it() -> None:
    half_past_two = Briefing(at="02:30")
    assert due_at(half_past_two, "Europe/Zurich", ms("2026-03-29 12:00")) == ms("2026-03-29 03:00")


def test_never_is_never() -> None:
    assert due_at(Briefing(at="never"), "Europe/Zurich", AT) is None


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), st.integers(0, 23))  # noqa: DTZ001
def test_the_last_briefing_was_due_within_25_hours(now: datetime, hour: int) -> None:
    wall = round(now.replace(tzinfo=ZURICH).timestamp() * 1000)
    due = due_at(Briefing(at=f"{hour:02}:15"), "Europe/Zurich", wall)
    assert due is not None
    assert wall - 25 * 3_600_000 <= due <= wall


def test_a_briefing_that_comes_too_late_is_no_news_and_a_new_watch_has_nothing_to_tell() -> None:
    assert is_due(AT, AT + 60_000, AT - 1)
    assert not is_due(AT, AT + USEFUL_MS, AT - 1)
    assert not is_due(AT, AT + 60_000, None)
    assert not is_due(AT, AT + 60_000, AT)


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


async def test_a_day_has_one_briefing_however_often_the_watch_starts(store: Store, fleet: Fleet) -> None:
    store.write([Event("boot", "virginia", AT - DAY_MS)])
    for late in (0, 20_000, 3_600_000):
        async with briefing(store, fleet) as briefer:
            await briefer.look(AT + late)
            await briefer.look(AT + late + 1)
    [note] = read_backlog(store.engine, "ntfy").notes
    assert (note.kind, note.expires) == ("briefing", AT + USEFUL_MS)
    async with briefing(store, fleet) as briefer:
        await briefer.look(AT + DAY_MS)
    assert len(read_backlog(store.engine, "ntfy").notes) == 2


async def test_a_watch_that_was_away_at_the_time_tells_it_when_it_is_back(store: Store, fleet: Fleet) -> None:
    store.write([Event("boot", "virginia", AT - 60_000)])
    async with briefing(store, fleet) as briefer:
        await briefer.look(AT + USEFUL_MS - 1)
    assert len(read_backlog(store.engine, "ntfy").notes) == 1


async def test_an_empty_database_has_no_past(store: Store) -> None:
    assert first_event(store.engine) is None
