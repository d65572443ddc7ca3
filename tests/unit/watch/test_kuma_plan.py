"""What a sync of Uptime Kuma rests on, without one: addresses, intervals, groups of the page."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.inventory import load_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.watch.errors import KumaAddress, KumaClientMissing
from noc.watch.kuma.address import base_url
from noc.watch.kuma.page import Group, arranged
from noc.watch.kuma.wanted import wishes
from noc.watch.kuma.wire import Wire
from watch_kit import write_fleet

NODES = st.sampled_from(["a", "b", "c", "d"])
NAMES = st.sampled_from(["x", "y", "z"])
OTHERS = st.lists(st.integers(100, 103).map(lambda number: {"id": number}), max_size=2).map(tuple)
GROUPS = st.lists(
    st.builds(Group, NAMES, st.lists(NODES, unique=True).map(tuple), OTHERS, st.integers(1, 50)),
    unique_by=(lambda group: group.name, lambda group: group.id),
)
WANTED = st.dictionaries(NAMES, st.lists(NODES, unique=True, max_size=4), max_size=3)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return load(write_fleet(tmp_path))


@pytest.mark.parametrize(
    "url", ["https://kuma.example.com/", "http://127.0.0.1:3001", "http://[::1]:3001", "http://127.84.0.1:3001"]
)
def test_an_address_over_tls_or_where_nobody_else_listens_is_taken(fleet: Fleet, url: str) -> None:
    assert base_url(url, fleet) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://kuma.example.com",
        "http://192.0.2.9",
        "kuma.example.com",
        "ftp://x",
        "https://u:p@x",
        "https://x/y",
        "https://x:y",
        "",
    ],
)
def test_other_addresses_are_refused(fleet: Fleet, url: str) -> None:
    with pytest.raises(KumaAddress):
        base_url(url, fleet)


@pytest.mark.parametrize(("push_s", "interval"), [(5, 20), (20, 20), (30, 30), (30.5, 31)])
def test_an_interval_that_it_does_not_take_is_the_next_that_it_does(
    tmp_path: Path, push_s: float, interval: int
) -> None:
    place = write_fleet(tmp_path, push_interval=push_s)
    wished = wishes(load(place), load_inventory(place), ntfy_token="t")
    assert wished.monitors[0].settings["interval"] == interval
    assert bool(wished.remarks) == (interval != push_s)


def test_no_secret_is_in_what_wishes_look_like(tmp_path: Path) -> None:
    place = write_fleet(tmp_path)
    wished = wishes(load(place), load_inventory(place), ntfy_token="tk_secret", tokens={"virginia": "push-secret"})
    assert "secret" not in repr(wished)


def test_the_way_to_the_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socketio", None)
    with pytest.raises(KumaClientMissing) as raised:
        Wire("http://127.0.0.1:9")
    assert "noc[kuma]" in raised.value.fix


@given(WANTED, GROUPS)
def test_groups_that_were_arranged_stay_so(wanted: dict[str, list[str]], there: list[Group]) -> None:
    once = arranged(wanted, there)
    assert arranged(wanted, once) == once


@given(WANTED, GROUPS)
def test_each_node_is_where_it_belongs_and_nowhere_else(wanted: dict[str, list[str]], there: list[Group]) -> None:
    found = {group.name: [*group.nodes] for group in arranged(wanted, there) if group.nodes}
    assert found == {name: nodes for name, nodes in wanted.items() if nodes}


@given(WANTED, GROUPS)
def test_nothing_of_others_is_lost(wanted: dict[str, list[str]], there: list[Group]) -> None:
    kept = {group.id: group.others for group in arranged(wanted, there)}
    assert all(kept[group.id] == group.others for group in there if group.others)
