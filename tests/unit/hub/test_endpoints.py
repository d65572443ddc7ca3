"""Where nodes were heard from, over a restart of the tunnel: with a `wg` that writes down what it is told."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.hub import endpoints
from noc.hub.endpoints import FILE, Endpoints, read_endpoints
from noc.mesh.keys import generate

FIRST, SECOND = generate()[1], generate()[1]


@dataclass(frozen=True)
class Peer:
    """One peer; its address is this machine's own, where a packet harms nobody."""

    public_key: str
    address: str = "127.0.0.1"


@pytest.fixture
def wg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with `shows`, what `wg show` answers, and `told`, what `wg set` was told."""
    program = tmp_path / "bin" / "wg"
    program.parent.mkdir()
    show, told = tmp_path / "shows", tmp_path / "told"
    show.write_text("")
    told.write_text("")
    program.write_text(f'#!/bin/sh\n[ "$1" = show ] && exec cat {show}\necho "$@" >>{told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(endpoints, "NOTE_S", 0)
    return tmp_path


def test_a_hub_that_starts_looks_for_nodes_where_they_were(wg: Path) -> None:
    (wg / "shows").write_text(f"{FIRST}\t192.0.2.7:4711\n{SECOND}\t[2001:db8::7]:4711\n")
    Endpoints(wg).note("wg0")
    (wg / "shows").write_text(f"{FIRST}\t(none)\n{SECOND}\t(none)\n")
    assert Endpoints(wg).recall("wg0", [Peer(FIRST), Peer(SECOND)]) == 2
    assert (wg / "told").read_text().splitlines() == [
        f"set wg0 peer {FIRST} endpoint 192.0.2.7:4711",
        f"set wg0 peer {SECOND} endpoint [2001:db8::7]:4711",
    ]


def test_what_the_tunnel_hears_itself_is_newer(wg: Path) -> None:
    (wg / "shows").write_text(f"{FIRST}\t192.0.2.7:4711\n")
    Endpoints(wg).note("wg0")
    (wg / "shows").write_text(f"{FIRST}\t198.51.100.7:4711\n")
    assert Endpoints(wg).recall("wg0", [Peer(FIRST)]) == 0


def test_a_node_that_is_no_peer_any_more_is_not_looked_for(wg: Path) -> None:
    (wg / "shows").write_text(f"{FIRST}\t192.0.2.7:4711\n")
    Endpoints(wg).note("wg0")
    (wg / "shows").write_text("")
    assert Endpoints(wg).recall("wg0", [Peer(SECOND)]) == 0


def test_one_that_is_not_heard_keeps_its_last_place(wg: Path) -> None:
    (wg / "shows").write_text(f"{FIRST}\t192.0.2.7:4711\n")
    kept = Endpoints(wg)
    kept.note("wg0")
    (wg / "shows").write_text(f"{FIRST}\t(none)\n{SECOND}\t192.0.2.8:1\n")
    kept.note("wg0")
    assert read_endpoints(wg / FILE) == {FIRST: "192.0.2.7:4711", SECOND: "192.0.2.8:1"}


@pytest.mark.parametrize("text", ["", "[]", '{"k": "1.2.3.4:1 allowed-ips 0.0.0.0/0"}', '{"k": 7}', "\xff"])
def test_a_damaged_file_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, "latin-1")
    assert read_endpoints(tmp_path / FILE) == {}


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=30)))
def test_no_word_reaches_the_tunnel_but_an_endpoint(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, str]
) -> None:
    file = tmp_path_factory.mktemp("state") / FILE
    file.write_text(json.dumps(said))
    assert all(" " not in place and place.count(":") for place in read_endpoints(file).values())
