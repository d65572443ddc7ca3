"""Tenants at the runner's door: placed once, invited, shown, forgotten; audited without a handle."""

import getpass
import json
import shlex
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clavitor.database import prepare
from noc.errors import NocError
from noc.placement.body import read_body
from noc.placement.handles import tenant_id
from noc.runs.admission.superseded import note_superseded
from noc.runs.errors import CallerRefused
from noc.runs.paths import Paths
from noc.runs.runner import tenancy
from noc.runs.tenants import invitation
from runner_house import House
from runs_kit import NAMES, NOW, World
from tenant_kit import TenantNodes

SOURCE = Path(__file__).parents[3] / "src"
KEY = bytes.fromhex("5" * 64)
MIA = tenant_id(KEY, "mia")


@pytest.fixture
def nodes(tmp_path: Path, placing: Paths, world: World, monkeypatch: pytest.MonkeyPatch) -> TenantNodes:
    made = TenantNodes(tmp_path / "nodes", placing, world)
    monkeypatch.setattr(tenancy, "open_site", made.site)
    return made


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database of the service that makes invitations: the real one, as whoever runs the tests."""
    path = tmp_path / "clavitor.db"
    prepare(path)
    given = {"CLAVITOR_DB": path, "CLAVITOR_DOMAIN": "virginia.clavitor.test", "PYTHONPATH": SOURCE}
    words = ["env", *(f"{name}={value}" for name, value in given.items()), sys.executable, "-m", "clavitor", "invite"]
    monkeypatch.setattr(invitation, "_INVITE", f'exec {shlex.join(words)} --json --days "$1"')
    return path


@pytest.fixture
def door(nodes: TenantNodes, house: House) -> House:
    return house


def place(house: House, handle: str = "mia", days: int = 0, **fields: Any) -> dict[str, Any]:
    return house.client.ask("tenant-place", handle=handle, days=days, **fields)


def refused(house: House, op: str, **fields: Any) -> str:
    with pytest.raises(NocError) as caught:
        house.client.ask(op, **fields)
    return caught.value.code


def audit(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.client.ask("audit", limit=50)["entries"]
    return found


def test_a_tenant_is_placed_and_their_node_has_the_directory_that_says_so(door: House, nodes: TenantNodes) -> None:
    said = place(door)
    assert (said["new"], said["tenant"]["id"], said["trouble"]) == (True, MIA, "")
    held = nodes.held(said["tenant"]["node"])[1]
    assert NAMES[read_body(held)[MIA]] == said["tenant"]["node"]


def test_the_decision_names_every_node_with_its_reason(door: House, world: World) -> None:
    world.machines["frankfurt"].telemetry = {"db_size_mb": 1, "ram_mb": 1, "active_sessions": 500}
    reasons = {each["node"]: each["reason"] for each in place(door)["placed"]["considered"]}
    assert reasons.keys() == set(NAMES)
    assert reasons["frankfurt"] == "full"


def test_who_is_placed_stays_there(door: House, world: World) -> None:
    home = place(door)["tenant"]["node"]
    world.machines[home].telemetry = {"db_size_mb": 1, "ram_mb": 1, "active_sessions": 500}
    again = place(door, "MIA")
    assert (again["new"], again["tenant"]["node"]) == (False, home)


def test_another_node_is_refused_to_who_lives_elsewhere(door: House) -> None:
    home = place(door)["tenant"]["node"]
    other = next(name for name in NAMES if name != home)
    assert refused(door, "tenant-place", handle="mia", days=0, wishes={"node": other}) == "E793"


def test_two_placements_of_one_tenant_at_once_end_on_one_node(door: House) -> None:
    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(lambda node: _placed(door, node), NAMES * 2))
    assert len({node for node in said if node}) == 1
    assert door.client.ask("tenant-list")["directory"]["tenants"] == 1


def _placed(house: House, node: str) -> str:
    try:
        return str(place(house, wishes={"node": node})["tenant"]["node"])
    except NocError as error:
        return "" if error.code == "E793" else error.code


def test_to_look_changes_nothing(door: House, nodes: TenantNodes) -> None:
    said = place(door, look=True)
    assert said["new"]
    assert refused(door, "tenant-show", handle="mia") == "E791"
    assert not any("place tenant" in entry["what"] for entry in audit(door))


def test_tenants_who_were_just_placed_take_room_before_they_come(door: House, world: World) -> None:
    for name in NAMES:
        world.machines[name].telemetry = {"db_size_mb": 1, "ram_mb": 1, "active_sessions": 499}
    homes = {place(door, f"tenant-{number}")["tenant"]["node"] for number in range(3)}
    assert homes == set(NAMES)
    assert refused(door, "tenant-place", handle="one-too-many", days=0) == "E886"


def test_an_invitation_is_made_by_the_service_and_leads_to_the_fleet_s_own_name(door: House, database: Path) -> None:
    given = place(door, days=2)["invitation"]
    assert given["link"] == f"https://clavitor.test/#invitation={given['code']}"
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM invitations").fetchone() == (1,)


def test_a_node_that_makes_no_invitation_leaves_the_tenant_placed(door: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitation, "_INVITE", "echo no")
    assert refused(door, "tenant-place", handle="mia", days=7) == "E795"
    assert door.client.ask("tenant-show", handle="mia")["tenant"]["id"] == MIA


def test_who_is_placed_on_a_node_that_is_away_is_told_and_not_invited(
    door: House, nodes: TenantNodes, database: Path
) -> None:
    nodes.away = set(NAMES)
    assert refused(door, "tenant-place", handle="mia", days=7) == "E794"
    assert "cannot be reached" in place(door)["trouble"]


def test_a_tenant_is_shown_by_handle_and_by_id(door: House) -> None:
    home = place(door, wishes={"residency": "US"})["tenant"]
    assert home["residency"] == "US"
    assert home["url"] == f"https://{home['node']}.clavitor.test"
    assert door.client.ask("tenant-show", id=MIA) == door.client.ask("tenant-show", handle="mia") == {"tenant": home}


def test_tenants_are_listed_with_the_directory_and_how_each_node_stands(door: House, nodes: TenantNodes) -> None:
    nodes.away = {"singapore"}
    place(door, wishes={"node": "virginia"})
    said = door.client.ask("tenant-list")
    assert (said["directory"]["version"], said["directory"]["tenants"]) == (2, 1)
    assert [each["id"] for each in said["tenants"]] == [MIA]
    assert {each["node"]: (each["version"], each["tenants"]) for each in said["nodes"]}["virginia"] == (2, 1)
    assert door.client.ask("tenant-list", node="frankfurt")["tenants"] == []


def test_a_long_list_comes_in_pages(door: House) -> None:
    for number in range(3):
        place(door, f"tenant-{number}")
    first = door.client.ask("tenant-list", limit=2)
    rest = door.client.ask("tenant-list", limit=2, after=first["after"])
    assert [len(first["tenants"]), len(rest["tenants"]), rest["after"]] == [2, 1, None]


def test_whoever_is_forgotten_is_in_no_directory_any_more(door: House) -> None:
    place(door)
    assert door.client.ask("tenant-forget", handle="mia")["forgotten"]["id"] == MIA
    assert refused(door, "tenant-show", handle="mia") == "E791"
    assert refused(door, "tenant-forget", handle="mia") == "E791"


def test_whoever_lives_on_a_node_that_the_fleet_file_lost_can_be_forgotten_so_that_others_are_placed(
    door: House,
) -> None:
    place(door, wishes={"node": "virginia"})
    file = door.paths.fleet / "fleet.toml"
    head, _, rest = file.read_text().partition('[[nodes]]\nname = "virginia"')
    file.write_text(head + rest[rest.index("[[nodes]]") :])
    assert refused(door, "tenant-place", handle="noa", days=0) == "E880"
    assert door.client.ask("tenant-show", handle="mia")["tenant"]["url"] is None
    assert len(door.client.ask("tenant-list", node="virginia")["tenants"]) == 1
    door.client.ask("tenant-forget", handle="mia")
    assert place(door, "noa")["tenant"]["node"] in NAMES[1:]


def test_what_was_done_is_audited_by_tenant_id_and_no_handle_is_written_down(door: House) -> None:
    home = place(door, "margarethe")["tenant"]["node"]
    assert refused(door, "tenant-place", handle="margarethe-2", days=0, wishes={"residency": "CH"}) == "E886"
    door.client.ask("tenant-forget", handle="margarethe")
    entries, name = audit(door), tenant_id(KEY, "margarethe")
    found = {(entry["what"], entry.get("result")) for entry in entries}
    assert {(f"place tenant {name}", "ok"), (f"forget tenant {name}", "ok")} <= found
    assert {entry["detail"].get("node") for entry in entries if entry.get("result") == "ok"} >= {home}
    assert "margarethe" not in json.dumps(entries)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"handle": "x"}, "E887"),
        ({"handle": "mia\n"}, "E887"),
        ({"handle": "m" * 100_000}, "E887"),
        ({"handle": ["mia"]}, "E001"),
        ({"id": "mia"}, "E001"),
        ({"id": MIA, "handle": "mia"}, "E001"),
        ({}, "E001"),
        ({"handle": "mia", "days": 91}, "E001"),
        ({"handle": "mia", "days": "7"}, "E001"),
        ({"handle": "mia", "wishes": {"residency": "everywhere"}}, "E886"),
        ({"handle": "mia", "wishes": {"round_trips": {"virginia": ["fast"]}}}, "E889"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_makes_no_sense_is_refused_and_nobody_is_placed(door: House, fields: dict[str, Any], code: str) -> None:
    assert refused(door, "tenant-place", **{"days": 0, **fields}) == code
    assert door.client.ask("tenant-list")["tenants"] == []


@pytest.mark.parametrize("op", ["tenant-place", "tenant-list", "tenant-show", "tenant-forget"])
def test_a_fleet_that_places_nobody_says_so(house: House, world: World, nodes: TenantNodes, op: str) -> None:
    house.paths.directory_public_key.unlink()
    assert refused(house, op, handle="mia") == "E790"


def test_an_hq_that_another_one_replaced_places_nobody(door: House, nodes: TenantNodes) -> None:
    note_superseded(door.paths.superseded, 1, {"virginia": 9}, NOW)
    assert refused(door, "tenant-place", handle="mia", days=0) == "E549"
    assert [nodes.held(name)[0] for name in NAMES] == [0, 0, 0]


@pytest.mark.parametrize("role", ["viewer", "agent"])
@pytest.mark.parametrize("op", ["tenant-place", "tenant-list", "tenant-show", "tenant-forget"])
def test_whoever_is_no_operator_hears_of_no_tenant(door: House, role: str, op: str) -> None:
    place(door)
    file = door.paths.fleet / "fleet.toml"
    login = getpass.getuser()
    file.write_text(f'{file.read_text()}\n[[people]]\nname = "{login}"\nrole = "{role}"\n')
    assert refused(door, op, handle="mia", days=0) == CallerRefused.code
