"""The page of a large fleet: who is found, what comes first, and that nothing of it grows with the fleet."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from large_fleet import name_of, region_of, write_large
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.shares import MOST_NODES
from noc.watch.clock import now
from noc.watch.errors import BadRequest
from noc.watch.pages.large import FAILING_SHOWN, LARGE, MOST_WORDS, ROWS_SHOWN, Asked, LargeView, find
from noc.watch.pages.regions import regions
from noc.watch.pages.runs import RunBoard
from noc.watch.pages.statuses import Status, Told
from noc.watch.pages.views import changes
from noc.watch.pages.waiting import Waiting
from noc.watch.pages.web import Web
from noc.watch.service.watch import Watch
from noc.watch.store.records import Beat, Incident, State
from watching import watching

HUB = "127.84.0.1"
MOST_BYTES = 100_000
SOME = 300
AT_ONCE = 500
"""Pushes that the watch takes before the first of them is written."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_large(tmp_path_factory.mktemp("large") / "fleet", SOME, hub=HUB)


@pytest.fixture(scope="module")
def fleet(directory: Path) -> Fleet:
    return load(directory)


def status(name: str, state: State = "up", severity: str = "") -> Status:
    return Status(name, state, severity, 7 if severity else None, "", maintenance=False, since=None)


def every(fleet: Fleet, states: Mapping[int, State] | None = None) -> list[Status]:
    """All nodes up, but those whose numbers are given with another state; these first."""
    named = {name_of(number): state for number, state in (states or {}).items()}
    bad = [status(name, state, "SEV2" if state == "down" else "") for name, state in named.items()]
    return bad + [status(node.name) for node in fleet.nodes if node.name not in named]


def names(found: Sequence[Status]) -> list[str]:
    return [each.name for each in found]


def test_where_nothing_is_asked_for_only_those_that_need_a_look_are_shown(fleet: Fleet) -> None:
    found = find(fleet, every(fleet, {5: "down", 9: "late", 7: "unheard"}), Asked(), {})
    assert (found.count, names(found.shown), found.following) == (3, [name_of(n) for n in (5, 9, 7)], None)


def test_of_many_that_need_a_look_the_worst_are_shown_and_all_are_counted(fleet: Fleet) -> None:
    nodes = every(fleet, dict.fromkeys(range(1, 201), "down"))
    found = find(fleet, nodes, Asked(), {})
    assert (found.count, names(found.shown)) == (200, names(nodes[:FAILING_SHOWN]))


@given(st.integers(0, SOME))
def test_a_region_is_shown_in_parts_that_hold_each_of_its_nodes_once(fleet: Fleet, bad: int) -> None:
    nodes = every(fleet, {bad: "down"} if bad else {})
    asked: Asked | None = Asked(region="europe")
    seen: list[str] = []
    while asked is not None:
        found = find(fleet, nodes, asked, {})
        assert len(found.shown) <= ROWS_SHOWN
        seen += names(found.shown)
        asked = found.following
    assert sorted(seen) == sorted(node.name for node in fleet.nodes if fleet.region(node) == "europe")
    assert not bad or region_of(bad) != "europe" or seen[0] == name_of(bad)


def test_a_search_finds_the_nodes_that_have_all_words(fleet: Fleet) -> None:
    texts = {node.name: f"{node.name} {node.city.lower()} up" for node in fleet.nodes}
    found = find(fleet, every(fleet), Asked(words="FRANK up"), texts)
    assert found.count == 15
    assert all(name.startswith("frankfurt") for name in names(found.shown))


@pytest.mark.parametrize("query", [{"q": "x" * (MOST_WORDS + 1)}, {"start": "-1"}, {"start": "1" * 6}, {"start": "²"}])
def test_an_address_that_asks_for_no_nodes_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        Asked.of(query)


def test_words_go_before_a_region_and_an_address_leads_to_what_it_was_made_from() -> None:
    assert Asked.of({"q": " a b ", "region": "europe", "start": "40"}) == Asked(words="a b", start=40)
    for asked in (Asked(), Asked(region="europe"), Asked(words="a", start=80)):
        assert Asked.of(dict(asked.fields)) == asked


def test_the_region_with_the_worst_node_comes_first_and_says_how_many_are_how(fleet: Fleet) -> None:
    number = next(n for n in range(1, SOME) if region_of(n) == "asia-pacific")
    first, *others = regions(fleet, every(fleet, {number: "down"}), Told())
    assert (first.name, first.worst, first.severity, first.counts["down"]) == ("asia-pacific", "down", "SEV2", 1)
    assert {each.worst for each in others} == {"up"}
    assert sum(len(each.nodes) for each in (first, *others)) == SOME


def test_the_incident_that_speaks_for_a_region_stands_at_it(fleet: Fleet) -> None:
    lost = Incident(9, "@region/europe", "missed", "lost", 1, severity="SEV1")
    found = {each.name: each for each in regions(fleet, every(fleet), Told((lost,)))}
    assert (found["europe"].severity, found["europe"].incident, found["americas"].severity) == ("SEV1", 9, "")


async def web_of(watch: Watch, *, failing: int = 0) -> Web:
    """The pages of a watch: every node has pushed, and the first ones have then died."""
    numbers = range(1, len(watch.config.nodes) + 1)
    moment = now()
    beats = [Beat(name_of(number), moment.wall, boot="b", version="1.4.2") for number in numbers]
    deaths = [Beat(name_of(number), moment.wall, up=False, msg="killed-KILL") for number in numbers[:failing]]
    pushes = [*beats, *deaths]
    for start in range(0, len(pushes), AT_ONCE):
        await asyncio.gather(*(watch.take(push, moment) for push in pushes[start : start + AT_ONCE]))
    web = Web.of(watch, RunBoard(), Waiting(None))
    await web.dashboard.start()
    return web


def weight(parts: dict[str, str]) -> int:
    return sum(len(part.encode()) for part in parts.values())


@pytest.mark.parametrize(("count", "is_large"), [(LARGE, False), (LARGE + 1, True)])
async def test_a_fleet_is_shown_by_regions_from_sixty_one_nodes_on(
    tmp_path: Path, *, count: int, is_large: bool
) -> None:
    async with watching(tmp_path, fleet=write_large(tmp_path / "fleet", count, hub=HUB)) as watch:
        web = await web_of(watch)
        assert isinstance(web.view("/"), LargeView) is is_large
        rendered = await web.view("/").render()
        assert len(rendered.rows) == (0 if is_large else count)


@pytest.mark.parametrize("address", ["/", "/?region=europe", "/?q=frankfurt", "/?q=nobody"])
async def test_a_page_and_what_an_open_one_is_sent_stay_small_with_every_node_failing(
    tmp_path: Path, address: str
) -> None:
    fleet = write_large(tmp_path / "fleet", SOME, hub=HUB)
    async with watching(tmp_path, fleet=fleet) as watch:
        web = await web_of(watch, failing=SOME)
        view: Any = web.view(address)
        rendered = await view.render()
        assert weight(rendered.parts) < MOST_BYTES
        parts, rows = changes(rendered, await view.render(), view.table)
        assert weight(parts | rows) < MOST_BYTES


async def test_the_page_of_as_many_nodes_as_there_may_be_begins_with_the_one_that_fails(tmp_path: Path) -> None:
    async with watching(tmp_path, fleet=write_large(tmp_path / "fleet", hub=HUB)) as watch:
        web = await web_of(watch, failing=1)
        rendered = await web.view("/").render()
        assert list(rendered.rows) == [f"node-{name_of(1)}"]
        assert f"<b>1</b> of {MOST_NODES} needs a look" in rendered.parts["found"]
        assert weight(rendered.parts) < MOST_BYTES // 2


async def test_a_node_is_found_by_what_is_known_of_it(tmp_path: Path, directory: Path) -> None:
    async with watching(tmp_path, fleet=directory) as watch:
        web = await web_of(watch, failing=1)
        for words in (name_of(1), "down", "sev2", "1.4.2 down", "us-west-1 down"):
            rendered = await web.view(f"/?q={words.replace(' ', '+')}").render()
            assert list(rendered.rows) == [f"node-{name_of(1)}"], words


async def test_an_open_page_is_told_of_a_node_that_dies_in_a_message_that_stays_small(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.watch.pages.stream.LOOK_EVERY_S", 0.02)
    async with watching(tmp_path, fleet=directory) as watch:
        web = await web_of(watch)
        messages = web.stream.follow("root", "/", web.view("/"))
        try:
            assert f'id=\\"node-{name_of(200)}\\"' not in await anext(messages)
            moment = now()
            await watch.take(Beat(name_of(200), moment.wall, up=False, msg="killed-KILL"), moment)
            async with asyncio.timeout(30):
                while f'id=\\"node-{name_of(200)}\\"' not in (message := await anext(messages)):
                    pass
            assert len(message) < MOST_BYTES
        finally:
            web.stream.stop()
            await messages.aclose()


async def test_what_is_searched_for_is_shown_as_text(tmp_path: Path, directory: Path) -> None:
    async with watching(tmp_path, fleet=directory) as watch:
        web = await web_of(watch)
        rendered = await web.view("/?q=%3Cimg+src%3Dx%3E").render()
        assert "&lt;img src=x&gt;" in rendered.parts["found"]
        assert "<img" not in "".join(rendered.parts.values())
