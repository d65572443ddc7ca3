"""What people do to incidents and windows, through a watch with its database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from noc.errors import NotFound
from noc.watch.clock import now
from noc.watch.config import Config
from noc.watch.errors import BadWindow, IncidentOver, NothingSaid, WindowFixed
from noc.watch.service.watch import Watch
from noc.watch.store.database import Store
from noc.watch.store.records import Beat, Deployment, Sighting
from noc.watch.store.schema import events, incidents, notes, outbox, windows
from watch_kit import to, write_fleet

WINDOW = """
[[maintenance]]
nodes = ["virginia"]
cron = "* * * * *"
minutes = 5
zone = "UTC"
reason = "always"
"""


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    directory = write_fleet(tmp_path / "fleet")
    file = directory / "fleet.toml"
    file.write_text(file.read_text() + WINDOW)
    config = Config.read(directory)
    store = Store(tmp_path / "watch.db", to("nowhere"))
    watch = Watch(config, store, lambda: Config.read(directory), lambda _: [])
    await watch.start()
    yield watch
    await watch.stop()
    store.close()


async def push(watch: Watch, name: str = "frankfurt", *, up: bool = True) -> None:
    moment = now()
    await watch.take(Beat(name, moment.wall, up=up, msg="OK" if up else "killed-KILL", boot="b"), moment)


def rows(watch: Watch, table: object) -> list[dict[str, object]]:
    with watch.store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]  # type: ignore[call-overload]


async def test_an_acknowledgement_is_stored_and_announced(watch: Watch) -> None:
    await push(watch, up=False)
    await watch.acknowledge(1, "johan", "on my way")
    [incident] = rows(watch, incidents)
    assert (incident["acked_by"], incident["ack_note"]) == ("johan", "on my way")
    assert {row["kind"] for row in rows(watch, outbox)} == {"opened", "acknowledged"}


async def test_what_never_was_cannot_be_acknowledged(watch: Watch) -> None:
    with pytest.raises(NotFound, match="no incident 7"):
        await watch.acknowledge(7, "johan")


async def test_what_is_over_cannot_be_acknowledged(watch: Watch) -> None:
    sighting = Sighting("frankfurt", now().wall, ok=False, stage="connect", detail="refused", took_ms=1)
    for _ in range(2):
        watch.witnessed("frankfurt", sighting, now())
    watch.witnessed("frankfurt", Sighting("frankfurt", now().wall, ok=True, stage="", detail="", took_ms=1), now())
    await watch.save([])
    with pytest.raises(IncidentOver):
        await watch.acknowledge(1, "johan")


async def test_a_note_is_kept_with_who_wrote_it(watch: Watch) -> None:
    await push(watch, up=False)
    await watch.note(1, "james", "the provider says two hours")
    [note] = rows(watch, notes)
    assert (note["incident"], note["who"], note["text"]) == (1, "james", "the provider says two hours")
    assert "note" in {event["kind"] for event in rows(watch, events)}


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001])
async def test_a_note_says_something_and_not_too_much(watch: Watch, text: str) -> None:
    await push(watch, up=False)
    with pytest.raises(NothingSaid):
        await watch.note(1, "james", text)


async def test_a_silence_keeps_a_death_from_being_told(watch: Watch) -> None:
    await watch.silence(["frankfurt"], 60, "johan", "a new disk")
    await push(watch, up=False)
    assert rows(watch, incidents) == []
    [window] = rows(watch, windows)
    assert (window["kind"], window["who"], window["reason"]) == ("silence", "johan", "a new disk")


async def test_a_silence_that_is_closed_is_over(watch: Watch) -> None:
    name = await watch.silence(["frankfurt"], 60, "johan", "a new disk")
    await watch.close_window(name)
    await push(watch, up=False)
    assert len(rows(watch, incidents)) == 1


@pytest.mark.parametrize(
    ("scope", "minutes", "kind", "spec"),
    [
        (["atlantis"], 60, "silence", ""),
        ([], 60, "silence", ""),
        (["all"], 0, "silence", ""),
        (["all"], 100_000, "silence", ""),
        (["all"], 60, "weekly", "sometimes"),
        (["all"], 60, "cron", "* *"),
        (["all"], 60, "single", "2001-01-01 00:00"),
    ],
)
async def test_a_window_that_does_not_hold_together_is_refused(
    watch: Watch, scope: list[str], minutes: int, kind: str, spec: str
) -> None:
    with pytest.raises(BadWindow):
        await watch.put_window("w", kind, scope, minutes=minutes, who="johan", reason="", spec=spec)  # type: ignore[arg-type]
    assert rows(watch, windows) == []


async def test_windows_of_the_file_of_people_and_of_runs_are_shown(watch: Watch) -> None:
    await watch.put_window(
        "weekly-1", "weekly", ["all"], minutes=60, who="johan", reason="", spec="Sun 02:00", zone="Europe/Zurich"
    )
    await watch.deploy(Deployment("singapore", "run-7", now().wall + 60_000))
    assert {(view.source, view.kind) for view in watch.windows(now())} == {
        ("fleet", "cron"),
        ("person", "weekly"),
        ("run", "deployment"),
    }


async def test_a_window_of_the_file_is_not_closed_by_hand(watch: Watch) -> None:
    written = next(view for view in watch.windows(now()) if view.source == "fleet")
    with pytest.raises(WindowFixed):
        await watch.close_window(written.id)


async def test_a_window_that_is_not_there_cannot_be_closed(watch: Watch) -> None:
    with pytest.raises(NotFound):
        await watch.close_window("silence-00000000")


async def test_whoever_looks_at_public_addresses_is_asked_at_a_death(watch: Watch) -> None:
    asked: list[str] = []
    watch.suspects.append(asked.append)
    await push(watch, up=False)
    assert asked == ["frankfurt"]


async def test_hqs_own_samples_are_judged(watch: Watch) -> None:
    for _ in range(2):
        watch.house({"disk_pct": 97}, now())
    await watch.save([])
    assert [(row["node"], row["topic"]) for row in rows(watch, incidents)] == [("zurich", "hq-disk")]


async def test_an_hq_that_is_cut_off_is_one_incident(watch: Watch) -> None:
    for _ in range(2):
        watch.outside(ok=False, moment=now())
    await watch.save([])
    assert [(row["node"], row["verdict"]) for row in rows(watch, incidents)] == [("@fleet", "HQ")]


async def test_what_a_restart_finds_is_what_was_acknowledged_and_silenced(watch: Watch, tmp_path: Path) -> None:
    await push(watch, up=False)
    await watch.acknowledge(1, "johan", "mine")
    await watch.silence(["singapore"], 60, "johan", "work")
    again = Watch(watch.config, watch.store, lambda: watch.config, lambda _: [])
    await again.start()
    try:
        incident = again.judge.nodes["frankfurt"].incident
        assert incident is not None
        assert incident.acked_by == "johan"
        assert again.judge.nodes["singapore"].quiet
    finally:
        await again.stop()
