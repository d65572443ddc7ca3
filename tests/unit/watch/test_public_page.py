"""The public page from a watch to a reader: Caddy serves what a real publisher wrote, until nobody writes any more."""

import asyncio
import http.client
import json
import os
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shutil import which

import pytest

from noc.hub.publicsite import status_page
from noc.watch.clock import Moment, now
from noc.watch.errors import CannotPublish
from noc.watch.public import publisher as publishing
from noc.watch.public.folder import Folder
from noc.watch.public.publisher import Publisher
from noc.watch.service.watch import Watch
from noc.watch.store.maintained import read_maintained
from noc.watch.store.records import Beat, Event, Incident, IncidentSaved
from watch_kit import Server, free_port, token, until, until_true, write_fleet
from watching import watching

SECRETS = ("s3cret-words", "127.84.0", "192.0.2", "clavitor-alerts", "johan", "SIGKILL", token("frankfurt"))


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    """A watch in this process, of three live nodes."""
    async with watching(tmp_path) as watch:
        yield watch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "public").mkdir()
    return tmp_path / "public"


@pytest.fixture
def caddy(tmp_path: Path, folder: Path) -> Iterator[int]:
    """Caddy with the site that HQ gets, on a port of the loopback address."""
    program = which("caddy")
    assert program, "caddy is missing: sh tools/packages.sh test"
    port = free_port()
    site = status_page(f"http://127.0.0.1:{port}", str(folder))
    (tmp_path / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{site}")
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    with (tmp_path / "caddy.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")],
            stdout=log,
            stderr=log,
            env=environment,
        )
    try:
        until(lambda: answers(port), what="caddy answers")
        yield port
    finally:
        process.terminate()
        process.wait(15)


def answers(port: int) -> bool:
    try:
        get(port, "/")
    except OSError:
        return False
    return True


def get(port: int, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


async def published(watch: Watch, folder: Path, moment: Moment | None = None) -> dict[str, str]:
    """Publish once; every file by its name."""
    await Publisher(watch, folder).publish(moment or now())
    return contents(folder)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "fresh"
    }


async def test_a_fresh_page_is_served_with_its_feeds_and_badges(watch: Watch, folder: Path, caddy: int) -> None:
    moment = now()
    await watch.take(Beat("frankfurt", moment.wall), moment)
    await published(watch, folder)
    status, text, headers = get(caddy, "/")
    assert (status, "Frankfurt" in text) == (200, True)
    assert headers["cache-control"] == "public, max-age=30, must-revalidate"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    state = json.loads(get(caddy, "/status.json")[1])
    assert {each["name"]: each["state"] for each in state["nodes"]}["frankfurt"] == "operational"
    for path in ("/status.css", "/status.js", "/feed.xml", "/feed.json", "/badge/fleet.svg", "/badge/virginia.svg"):
        assert get(caddy, path)[0] == 200, path


async def test_a_badge_that_did_not_change_is_not_sent_again(watch: Watch, folder: Path, caddy: int) -> None:
    await published(watch, folder)
    tag = get(caddy, "/badge/virginia.svg")[2]["etag"]
    await published(watch, folder)
    assert get(caddy, "/badge/virginia.svg", **{"If-None-Match": tag})[0] == 304


def test_where_nothing_was_ever_published_the_page_says_so(caddy: int) -> None:
    status, text, headers = get(caddy, "/")
    assert (status, headers["cache-control"]) == (503, "no-store")
    assert "says nothing about the service" in text


async def test_a_page_whose_generator_is_dead_lapses_without_anybodys_help(
    watch: Watch, folder: Path, caddy: int
) -> None:
    """It was written 85 s ago and nobody has written since; its 90 s end while this test looks."""
    real = now()
    await published(watch, folder, Moment(real.mono - 85, real.wall - 85_000))
    assert get(caddy, "/")[0] == 200
    until(lambda: get(caddy, "/")[0] == 503, within=20, what="the page lapses")
    assert json.loads(get(caddy, "/status.json")[1]) == {"state": "unknown"}
    assert "not known" in get(caddy, "/badge/frankfurt.svg")[1]
    assert get(caddy, "/feed.xml")[0] == 503


async def test_the_machinery_of_the_page_is_not_part_of_it(watch: Watch, folder: Path, caddy: int) -> None:
    await published(watch, folder)
    mark = next((folder / "fresh").iterdir()).name
    (folder / ".index.html.new").write_text("half of it")
    assert [get(caddy, path)[0] for path in (f"/fresh/{mark}", "/fresh/", "/.index.html.new")] == [404, 404, 404]


async def test_hostile_nodes_and_peoples_words_never_become_public(watch: Watch, folder: Path) -> None:
    moment = now()
    hostile = "s3cret-words <b>127.84.0.12</b> johan"
    telemetry: dict[str, float | int | str | None] = {hostile: 1, "db_integrity": hostile}
    await watch.take(Beat("frankfurt", moment.wall, msg=hostile, boot=hostile, telemetry=telemetry), moment)
    incident = Incident(
        1,
        "frankfurt",
        "death",
        f"SIGKILL {hostile}",
        moment.wall - 5_000,
        end_reason=hostile,
        acked=moment.wall,
        acked_by="johan",
        ack_note=hostile,
    )
    await watch.save([IncidentSaved(incident), Event("note", "frankfurt", moment.wall, 1, {"text": hostile})])
    files = await published(watch, folder)
    assert "Disruption: frankfurt" in files["index.html"]
    assert [(name, secret) for name, text in files.items() for secret in SECRETS if secret in text] == []


async def test_a_node_that_is_no_longer_public_takes_its_badge_along(watch: Watch, folder: Path) -> None:
    assert "badge/singapore.svg" in await published(watch, folder)
    write_fleet(watch.config.directory, live=["virginia", "frankfurt"])
    await watch.reload()
    files = await published(watch, folder)
    assert "badge/singapore.svg" not in files
    assert "singapore" not in files["status.json"]


async def test_everybody_may_read_the_files_whatever_the_watchs_own_mask(watch: Watch, folder: Path) -> None:
    before = os.umask(0o077)
    try:
        await published(watch, folder)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder / "badge").iterdir()} == {0o644}
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in ("badge", "fresh")} == {0o755}


async def test_trouble_with_the_database_publishes_nothing_and_says_why(watch: Watch, folder: Path) -> None:
    with watch.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE incidents RENAME TO away")
    with pytest.raises(CannotPublish):
        await Publisher(watch, folder).publish(now())
    assert contents(folder) == {}


async def test_a_watch_that_cannot_store_lets_the_page_lapse(
    watch: Watch, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "EVERY_S", 0.01)
    watch.broken = True
    publisher, rounds = Publisher(watch, folder), list[int]()
    monkeypatch.setattr(publisher._changed, "clear", lambda: rounds.append(1))
    task = asyncio.create_task(publisher.run())
    await until_true(lambda: len(rounds) > 2)
    task.cancel()
    assert contents(folder) == {}


async def test_an_incident_is_published_before_the_next_round(
    watch: Watch, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "EVERY_S", 600)
    task = asyncio.create_task(Publisher(watch, folder).run())
    try:
        await asyncio.to_thread(until, (folder / "status.json").exists, what="the first round")
        await watch.save([IncidentSaved(Incident(1, "frankfurt", "missed", "", now().wall - 1_000))])
        await asyncio.to_thread(
            until, lambda: "disrupted" in (folder / "status.json").read_text(), what="the incident is public"
        )
    finally:
        task.cancel()


def test_a_reader_never_sees_half_of_a_file(folder: Path) -> None:
    """What a writer left half written, killed in the middle of it, is beside the page and not in its place."""
    files = {"index.html": b"a" * 50_000}
    Folder(folder).write(files, at=0, until=1)
    end = time.monotonic() + 0.3
    child = os.fork()
    if child == 0:
        for number in range(10**9):
            Folder(folder).write({"index.html": bytes([97 + number % 26]) * 50_000}, at=0, until=1)
    try:
        while time.monotonic() < end:
            content = (folder / "index.html").read_bytes()
            assert (len(content), len(set(content))) == (50_000, 1)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    content = (folder / "index.html").read_bytes()
    assert (len(content), len(set(content))) == (50_000, 1)


def test_a_watch_that_is_killed_takes_its_page_along(tmp_path: Path, folder: Path, caddy: int) -> None:
    """The whole way: a watch process publishes, is killed, and Caddy alone stops showing what it wrote."""
    program = (
        "from noc.watch.public import publisher; publisher.VALID_S = 3; publisher.EVERY_S = 1; "
        "from noc.cli.main import run; run()"
    )
    server = Server(tmp_path, write_fleet(tmp_path / "fleet"), program=program)
    server.more = ["--public", str(folder)]
    with server:
        until(lambda: get(caddy, "/")[0] == 200, what="the page is published")
        server.kill()
        until(lambda: get(caddy, "/")[0] == 503, within=20, what="the page lapses")


async def test_maintenance_is_announced_public_and_leaves_no_mark_on_the_day(watch: Watch, folder: Path) -> None:
    """A node that is taken down in its maintenance, by somebody who says why: the public hears when, and not why."""
    moment = now()
    await watch.take(Beat("frankfurt", moment.wall), moment)
    await watch.silence(["frankfurt"], 30, "johan", "s3cret-words")
    state = json.loads((await published(watch, folder))["status.json"])
    frankfurt = next(each for each in state["nodes"] if each["name"] == "frankfurt")
    assert frankfurt["state"] == "maintenance"
    assert [each["nodes"] for each in state["maintenance"]] == [["frankfurt"]]
    assert not any("s3cret" in text or "johan" in text for text in contents(folder).values())
    maintained = read_maintained(watch.store.engine, moment.wall - 1)
    assert [(each.scope, each.until is not None) for each in maintained] == [(("frankfurt",), True)]
