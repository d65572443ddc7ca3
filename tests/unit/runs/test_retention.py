"""What goes and what stays: rules over any stock of runs, releases and backups."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.backing import Backup
from noc.fleet.keeping import Keep
from noc.runs.retention.selection import Fate, Kind
from noc.runs.retention.selection import select as select_by
from noc.runs.retention.stock import BackupItem, Item, RunItem, Stock, began

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SHAS = [letter * 64 for letter in "abcdef"]
NODES = ["virginia", "frankfurt", "singapore"]
AGES = st.integers(-10, 2_000)
SOME = st.sets(st.sampled_from(NODES)).map(frozenset)


BACKUPS = Backup(hourly=2, daily=3, weekly=2)


def select(stock: Stock, keep: Keep, now: datetime) -> tuple[Fate, ...]:
    return select_by(stock, keep, BACKUPS, now)


def run_name(age_days: float, number: int = 0) -> str:
    return f"{NOW - timedelta(days=age_days):%Y%m%dT%H%M%S}000-{number:04x}"


@st.composite
def run_items(draw: st.DrawFn) -> tuple[RunItem, ...]:
    found = []
    for number, age in enumerate(draw(st.lists(AGES, max_size=12))):
        nodes = draw(SOME)
        item = RunItem(
            run_name(age, number),
            began(run_name(age)),
            draw(st.integers(0, 10_000)),
            nodes=nodes,
            good=frozenset(draw(st.sets(st.sampled_from(sorted(nodes)))) if nodes else ()),
            releases=frozenset(draw(st.sets(st.sampled_from(SHAS), max_size=3))),
            audit=draw(st.integers(0, 50)),
            whole=draw(st.booleans()),
        )
        found.append(item)
    return tuple(sorted(found, key=lambda run: run.name, reverse=True))


def backup(node: str, age_days: float) -> BackupItem:
    return BackupItem(f"{node}/{age_days}", NOW - timedelta(days=age_days), 5, node)


@st.composite
def stocks(draw: st.DrawFn) -> Stock:
    runs = draw(run_items())
    return Stock(
        runs=runs,
        releases=tuple(Item(sha, NOW - timedelta(days=draw(AGES)), 900) for sha in SHAS),
        backups=tuple(backup(node, age) for node in NODES for age in sorted(draw(st.sets(AGES, max_size=12)))),
        recorded=dict.fromkeys(draw(st.sets(st.sampled_from(SHAS))), "a node runs it"),
        owed=frozenset(draw(st.sets(st.sampled_from(SHAS), max_size=1))),
        planned=frozenset(draw(st.sets(st.sampled_from(SHAS), max_size=1))),
        under_way=draw(st.sampled_from([None, *(run.name for run in runs)])),
    )


@st.composite
def keeps(draw: st.DrawFn) -> Keep:
    days, least = st.integers(1, 1_500), st.integers(1, 5)
    return Keep(runs=draw(days), releases=draw(days), releases_least=draw(least)).model_copy(
        update={"runs_least": draw(least)}  # below what a fleet file may say: it would hide all other rules
    )


def names(fates: tuple[Fate, ...], kind: Kind, *, goes: bool) -> set[str]:
    return {fate.item.name for fate in fates if fate.kind == kind and fate.goes == goes}


def without(stock: Stock, fates: tuple[Fate, ...]) -> Stock:
    """The stock after a prune."""
    return replace(
        stock,
        runs=tuple(run for run in stock.runs if run.name not in names(fates, "run", goes=True)),
        releases=tuple(each for each in stock.releases if each.name not in names(fates, "release", goes=True)),
        backups=tuple(each for each in stock.backups if each.name not in names(fates, "backup", goes=True)),
    )


@given(stocks(), keeps())
def test_a_release_that_is_run_owed_or_planned_never_goes(stock: Stock, keep: Keep) -> None:
    gone = names(select(stock, keep, NOW), "release", goes=True)
    assert not gone & (stock.recorded.keys() | stock.planned)


@given(stocks(), keeps())
def test_a_release_that_a_run_which_stays_tells_of_never_goes(stock: Stock, keep: Keep) -> None:
    fates = select(stock, keep, NOW)
    stay = names(fates, "run", goes=False)
    told = {sha for run in stock.runs if run.name in stay for sha in run.releases}
    assert not names(fates, "release", goes=True) & told


@given(stocks(), keeps())
def test_the_newest_run_of_a_node_never_goes(stock: Stock, keep: Keep) -> None:
    gone = names(select(stock, keep, NOW), "run", goes=True)
    newest = {max((run.name for run in stock.runs if node in run.nodes), default="") for node in NODES}
    assert not gone & newest


@given(stocks(), keeps())
def test_what_a_node_ran_before_its_newest_good_run_is_still_there(stock: Stock, keep: Keep) -> None:
    gone = names(select(stock, keep, NOW), "release", goes=True)
    for node in NODES:
        good = [run for run in stock.runs if node in run.good and run.releases]
        assert not good or not gone & max(good, key=lambda run: run.name).releases


@given(stocks(), keeps())
def test_a_run_that_is_under_way_or_without_an_end_never_goes(stock: Stock, keep: Keep) -> None:
    gone = names(select(stock, keep, NOW), "run", goes=True)
    assert not gone & ({run.name for run in stock.runs if not run.whole} | {stock.under_way})


@given(stocks(), keeps())
def test_the_audit_is_held_against_no_less_than_before(stock: Stock, keep: Keep) -> None:
    left = without(stock, select(stock, keep, NOW)).runs
    assert max((run.audit for run in left), default=0) == max((run.audit for run in stock.runs), default=0)


@given(stocks(), keeps())
def test_what_is_young_or_from_a_clock_that_was_ahead_never_goes(stock: Stock, keep: Keep) -> None:
    days = {"run": keep.runs, "release": keep.releases}
    gone = [fate for fate in select(stock, keep, NOW) if fate.goes and fate.kind in days]
    assert all(NOW - fate.item.at >= timedelta(days=days[fate.kind]) for fate in gone)


@given(stocks(), keeps())
def test_the_newest_backup_of_a_node_never_goes(stock: Stock, keep: Keep) -> None:
    gone = names(select(stock, keep, NOW), "backup", goes=True)
    for node in NODES:
        of_node = [each for each in stock.backups if each.node == node]
        assert not of_node or max(of_node, key=lambda each: each.at).name not in gone


@given(stocks(), keeps())
def test_so_many_of_the_newest_stay(stock: Stock, keep: Keep) -> None:
    stay = names(select(stock, keep, NOW), "run", goes=False)
    assert stay >= {run.name for run in stock.runs[: keep.runs_least]}


@given(stocks(), keeps())
def test_a_second_prune_finds_nothing(stock: Stock, keep: Keep) -> None:
    left = without(stock, select(stock, keep, NOW))
    assert not any(fate.goes for fate in select(left, keep, NOW))


@given(stocks(), keeps())
def test_whoever_keeps_longer_keeps_more(stock: Stock, keep: Keep) -> None:
    longer = keep.model_copy(update={"runs": keep.runs * 2, "releases": keep.releases * 2})
    fates, others = select(stock, keep, NOW), select(stock, longer, NOW)
    for kind in ("run", "release"):
        assert names(others, kind, goes=True) <= names(fates, kind, goes=True)


@given(stocks(), keeps())
def test_what_stays_says_why_and_what_goes_does_not(stock: Stock, keep: Keep) -> None:
    assert all(fate.goes == (not fate.why) for fate in select(stock, keep, NOW))


def test_what_is_old_and_needed_by_nobody_goes() -> None:
    runs = tuple(
        RunItem(run_name(age), began(run_name(age)), 10, nodes=frozenset(NODES), audit=2_000 - age, whole=True)
        for age in (10, 500, 900)
    )
    releases = tuple(Item(sha, NOW - timedelta(days=age), 9) for sha, age in zip(SHAS, (1, 400, 800), strict=False))
    keep = Keep(releases_least=1).model_copy(update={"runs_least": 1})
    fates = select(Stock(runs, releases, (backup("virginia", 0),)), keep, NOW)
    assert names(fates, "run", goes=True) == {run_name(500), run_name(900)}
    assert names(fates, "release", goes=True) == {SHAS[1], SHAS[2]}


def test_fewer_runs_than_estimates_rest_on_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="runs_least"):
        Keep(runs_least=5)
