"""What is derived: its texts, and what counts as drift."""

from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.inventory import HubRecord, Inventory, Life, NodeRecord, load_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.nix import BANNER, nix_value
from noc.fleet.render import Drift, DriftKind, drift, render, write
from noc.mesh.keys import generate

PLAN = Path(__file__).parents[3] / "fleet"


@pytest.fixture
def fleet(fleet_file: Callable[..., Path]) -> Fleet:
    return load(fleet_file())


def test_the_plans_rendered_files_are_as_derived() -> None:
    assert drift(PLAN, render(load(PLAN), load_inventory(PLAN))) == []


def test_a_node_with_a_key_is_a_peer_and_one_without_is_not(fleet: Fleet) -> None:
    key = generate()[1]
    peers = render(fleet, Inventory(nodes={"frankfurt": NodeRecord(wireguard_key=key)}))["wireguard/peers.conf"]
    assert peers == f"{BANNER}\n\n[Peer]\n# frankfurt\nPublicKey = {key}\nAllowedIPs = 10.84.0.18/32\n"


def test_a_retired_node_is_no_peer(fleet: Fleet) -> None:
    record = NodeRecord(wireguard_key=generate()[1], life=Life.RETIRED)
    assert "[Peer]" not in render(fleet, Inventory(nodes={"frankfurt": record}))["wireguard/peers.conf"]


def test_the_hubs_public_key_is_rendered_once_known(fleet: Fleet) -> None:
    key = generate()[1]
    assert "wireguard/hans.pub" not in render(fleet, Inventory())
    assert render(fleet, Inventory(hub=HubRecord(wireguard_key=key)))["wireguard/hans.pub"] == f"{key}\n"


def test_a_nodes_nix_file_holds_its_variables_only(fleet: Fleet) -> None:
    assert render(fleet, Inventory())["nixos/nodes/frankfurt.nix"].splitlines()[1:] == [
        "{",
        "  clavitor.node = {",
        "    aliases = [ ];",
        '    hostName = "frankfurt";',
        '    pushTokenFile = "/etc/clavitor/environment";',
        '    region = "eu-central-1";',
        '    subdomain = "frankfurt";',
        '    tunnelAddress = "10.84.0.18";',
        "  };",
        "}",
    ]


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "null"),
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("${builtins.currentTime}", '"\\${builtins.currentTime}"'),
        ("$HOME", '"$HOME"'),
        ("two\nlines", '"two\\nlines"'),
    ],
)
def test_a_value_is_escaped_for_nix(value: str | None, literal: str) -> None:
    assert nix_value(value) == literal


@given(st.text())
def test_no_text_ends_a_nix_string_or_interpolates(value: str) -> None:
    inside = nix_value(value)[1:-1]
    unescaped = inside.replace("\\\\", "")
    assert '"' not in unescaped.replace('\\"', "")
    assert "${" not in unescaped.replace("\\${", "")


def test_a_written_directory_has_no_drift(tmp_path: Path, fleet: Fleet) -> None:
    files = render(fleet, Inventory())
    assert write(tmp_path, files) == sorted(files)
    assert drift(tmp_path, files) == []


def test_writing_again_changes_nothing(tmp_path: Path, fleet: Fleet) -> None:
    files = render(fleet, Inventory())
    write(tmp_path, files)
    assert write(tmp_path, files) == []


def test_each_kind_of_drift_is_told_with_its_difference(tmp_path: Path, fleet: Fleet) -> None:
    files = render(fleet, Inventory())
    write(tmp_path, files)
    (tmp_path / "wireguard/peers.conf").unlink()
    frankfurt = tmp_path / "nixos/nodes/frankfurt.nix"
    frankfurt.write_text(frankfurt.read_text().replace("10.84.0.18", "10.84.0.99"))
    (tmp_path / "nixos/nodes/atlantis.nix").write_text("{ }\n")

    found = {each.path: each for each in drift(tmp_path, files)}

    assert {path: each.kind for path, each in found.items()} == {
        "nixos/nodes/atlantis.nix": DriftKind.LEFT_OVER,
        "nixos/nodes/frankfurt.nix": DriftKind.DIFFERENT,
        "wireguard/peers.conf": DriftKind.MISSING,
    }
    assert (
        '-    tunnelAddress = "10.84.0.99";\n+    tunnelAddress = "10.84.0.18";\n'
        in found["nixos/nodes/frankfurt.nix"].diff
    )


@given(st.integers(0, 300), st.integers(0, 5), st.lists(st.sampled_from(["x\n", "y\n"]), max_size=4))
def test_a_difference_in_a_long_file_is_shown_where_it_is(place: int, gone: int, come: list[str]) -> None:
    old = [f"line {number}\n" for number in range(300)]
    new = [*old[:place], *come, *old[place + gone :]]
    found = Drift("main.tf", DriftKind.DIFFERENT, "".join(old), "".join(new)).diff
    assert found == "".join(unified_diff(old, new, "a/main.tf", "b/main.tf"))


def test_where_more_differs_than_anybody_reads_its_extent_is_told() -> None:
    old, new = ("".join(f"{letter}{number}\n" for number in range(20_000)) for letter in "ab")
    found = Drift("main.tf", DriftKind.DIFFERENT, f"same\n{old}", f"same\n{new}").diff
    assert found.splitlines()[2].startswith("@@ 20001 lines from 1 on become 20001: too many")


def test_other_line_ends_are_drift(tmp_path: Path, fleet: Fleet) -> None:
    files = render(fleet, Inventory())
    write(tmp_path, files)
    (tmp_path / "nixos/nodes/frankfurt.nix").write_bytes(
        files["nixos/nodes/frankfurt.nix"].replace("\n", "\r\n").encode()
    )
    assert [each.path for each in drift(tmp_path, files)] == ["nixos/nodes/frankfurt.nix"]


def test_writing_removes_what_is_left_over_and_nothing_else(tmp_path: Path, fleet: Fleet) -> None:
    (tmp_path / "nixos/nodes").mkdir(parents=True)
    (tmp_path / "nixos/nodes/atlantis.nix").write_text("{ }\n")
    (tmp_path / "nixos/nodes/notes.txt").write_text("ours\n")
    write(tmp_path, render(fleet, Inventory()))
    assert not (tmp_path / "nixos/nodes/atlantis.nix").exists()
    assert (tmp_path / "nixos/nodes/notes.txt").exists()
