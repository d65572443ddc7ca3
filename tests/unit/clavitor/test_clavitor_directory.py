"""The directory as the service reads it: what HQ writes is found, and what is not whole is not used."""

import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clavitor.candidates import AROUND, MOST, candidates
from clavitor.directory import Node, open_directory, parse_head
from clavitor.errors import DirectoryError
from clavitor.fields import account_name
from clavitor.tenants import read_key, tenant_id
from noc.placement import handles
from noc.placement.errors import BadHandle
from tenant_directory import KEY, NODES, TenantDirectory

ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
once = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def directory(tmp_path: Path) -> TenantDirectory:
    return TenantDirectory(tmp_path)


@given(st.text(min_size=1, max_size=70))
def test_a_name_has_the_id_that_hq_gives_it(name: str) -> None:
    try:
        spelt = account_name({"name": name})
    except Exception:  # noqa: BLE001 - whatever the service does not take, HQ does not
        with pytest.raises(BadHandle):
            handles.tenant_id(KEY, name)
    else:
        assert tenant_id(KEY, spelt) == handles.tenant_id(KEY, name)


def test_a_name_in_another_case_has_the_same_id() -> None:
    assert tenant_id(KEY, account_name({"name": "JOHAN"})) == handles.tenant_id(KEY, "johan")


@once
@given(placed=st.dictionaries(ids, st.integers(0, 2), max_size=60), others=st.lists(ids, max_size=20))
def test_whoever_is_placed_is_found_and_nobody_else(
    directory: TenantDirectory, placed: dict[str, int], others: list[str]
) -> None:
    directory.put(placed, NODES, 1, 60)
    with closing(open_directory(directory.path)) as opened:
        assert {tenant: opened.find(tenant) for tenant in [*placed, *others]} == {
            tenant: placed.get(tenant) for tenant in [*placed, *others]
        }
        assert opened.homes == tuple(sorted(set(placed.values())))


def test_the_reads_for_one_tenant_are_as_many_as_for_another(
    directory: TenantDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [f"{number:032x}" for number in range(0, 2000, 2)]
    directory.put(dict.fromkeys(known, 1), NODES, 1, 60)
    reads = 0
    pread = os.pread

    def counted(*arguments: int) -> bytes:
        nonlocal reads
        reads += 1
        return pread(*arguments)

    counts = set()
    with closing(open_directory(directory.path)) as opened:
        monkeypatch.setattr(os, "pread", counted)
        for number in (0, 1, 500, 501, 1998, 1999, 2**127):
            reads = 0
            opened.find(f"{number:032x}")
            counts.add(reads)
    assert max(counts) - min(counts) <= 1
    assert max(counts) <= 12


@once
@given(at=st.integers(0, 38 * 20 - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_in_the_lines_is_seen(directory: TenantDirectory, at: int, bit: int) -> None:
    directory.write({f"user-{number}": "frankfurt" for number in range(20)})
    lines = bytearray(directory.body(1).read_bytes())
    lines[at] ^= 1 << bit
    directory.body(1).write_bytes(lines)
    with pytest.raises(DirectoryError, match="not those that its head names"):
        open_directory(directory.path)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda said: said | {"format": 2}, "format is 2"),
        (lambda said: said | {"version": 0}, "beyond"),
        (lambda said: said | {"count": 1_000_001}, "beyond"),
        (lambda said: said | {"count": 3}, "bytes"),
        (lambda said: said | {"nodes": []}, "beyond"),
        (lambda said: said | {"nodes": said["nodes"][:1]}, "node that its head does not have"),
        (lambda said: said | {"nodes": [*said["nodes"], {}]}, "incomplete"),
        (lambda said: said | {"nodes": [said["nodes"][0] | {"url": "http://a.test"}]}, "incomplete"),
        (lambda said: said | {"nodes": [said["nodes"][0] | {"url": "https://a.test; script-src *"}]}, "incomplete"),
        (lambda said: said | {"domain": "clavitor.test\r\n"}, "incomplete"),
        (lambda said: said | {"until": "tomorrow"}, "incomplete"),
        (lambda said: said | {"until": 1e300}, "beyond"),
        (lambda said: said | {"until": float("nan")}, "beyond"),
        (lambda said: {"format": 1}, "incomplete"),
        (lambda said: [said], "incomplete"),
    ],
)
def test_a_head_that_cannot_be_used_is_refused(
    directory: TenantDirectory, damage: Callable[[dict[str, object]], object], why: str
) -> None:
    directory.write({"johan": "frankfurt"})
    said = json.loads((directory.path / "head.json").read_bytes())
    directory.put_head(json.dumps(damage(said)).encode())
    with pytest.raises(DirectoryError, match=why):
        open_directory(directory.path)


@given(st.binary(max_size=300))
def test_whatever_is_no_head_is_refused_as_such(content: bytes) -> None:
    with pytest.raises(DirectoryError):
        parse_head(content)


def test_a_head_that_is_larger_than_any_is_not_read(directory: TenantDirectory) -> None:
    directory.put_head(b" " * (2 << 20))
    with pytest.raises(DirectoryError, match="too large"):
        open_directory(directory.path)


def test_lines_that_become_fewer_are_an_error_and_no_end_of_the_process(directory: TenantDirectory) -> None:
    directory.write({f"user-{number}": "frankfurt" for number in range(200)})
    with closing(open_directory(directory.path)) as opened:
        os.truncate(directory.body(1), 38)
        with pytest.raises(DirectoryError, match="fewer"):
            opened.find("f" * 32)


def test_the_lines_are_no_link_to_another_file(directory: TenantDirectory, tmp_path: Path) -> None:
    directory.write({"johan": "frankfurt"})
    directory.body(1).rename(tmp_path / "elsewhere")
    directory.body(1).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DirectoryError):
        open_directory(directory.path)


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "0g" * 32, "00" * 32 + "\n\n"])
def test_a_key_that_is_none_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(DirectoryError) as refusal:
        read_key(tmp_path / "key")
    assert not text or text not in str(refusal.value)


places = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
nodes = st.lists(st.builds(Node, st.uuids().map(str), st.just(""), st.booleans(), st.just(()), places), max_size=30)


@given(nodes)
def test_candidates_are_some_open_nodes_each_once(nodes: list[Node]) -> None:
    found = candidates(nodes)
    still_open = [node for node in nodes if node.open]
    assert len(found) == min(MOST, len(still_open))
    assert set(found) <= set(still_open)


@given(nodes)
def test_around_a_candidate_are_other_open_nodes_each_once(nodes: list[Node]) -> None:
    found = candidates(nodes)
    others = {node for node in nodes if node.open} - set(found)
    for around in found.values():
        assert len(around) == len(set(around)) == min(AROUND, len(others))
        assert set(around) <= others


def test_candidates_lie_far_from_one_another_with_the_nearest_others_around() -> None:
    towns = {"frankfurt": (50.1, 8.7), "mainz": (50.0, 8.3), "zurich": (47.4, 8.5), "sydney": (-33.9, 151.2)}
    world = towns | {"virginia": (38.9, -77.4), "saopaulo": (-23.5, -46.6), "singapore": (1.35, 103.8)}
    found = candidates([Node(name, "", True, (), place) for name, place in world.items()])
    assert {node.name for node in found} == {"frankfurt", "sydney", "virginia", "saopaulo", "singapore"}
    (frankfurt,) = (around for node, around in found.items() if node.name == "frankfurt")
    assert [node.name for node in frankfurt] == ["mainz", "zurich"]
