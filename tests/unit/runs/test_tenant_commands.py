"""`noc tenant`: what it prints, what it asks first, and the codes that it exits with."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from noc.cli.tenant import app
from noc.errors import NocError, Usage
from noc.placement.handles import tenant_id
from noc.runs.paths import Paths
from noc.runs.runner import tenancy
from runner_house import House
from runs_kit import NAMES, World
from tenant_kit import TenantNodes

MIA = tenant_id(bytes.fromhex("5" * 64), "mia")


@pytest.fixture
def door(tmp_path: Path, placing: Paths, world: World, monkeypatch: pytest.MonkeyPatch, house: House) -> House:
    made = TenantNodes(tmp_path / "nodes", placing, world)
    monkeypatch.setattr(tenancy, "open_site", made.site)
    monkeypatch.setenv("NOC_RUNNER_SOCKET", str(house.paths.runner_socket))
    monkeypatch.setenv("NOC_FLEET", str(placing.fleet))
    return house


def tenant(*words: str, given: str = "", status: int = 0) -> Result:
    said = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(words), input=given)
    assert said.exit_code == status, (said.output, said.exception)
    return said


def document(*words: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tenant(*words, "--json", **more).stdout)
    return found


def refusal(*words: str, given: str = "") -> NocError:
    error = CliRunner().invoke(app, list(words), input=given).exception
    assert isinstance(error, NocError)
    return error


def test_a_tenant_is_placed_and_every_node_is_explained(door: House) -> None:
    said = tenant("place", "mia", "--days", "0", "--explain").stdout
    assert re.search(rf"{MIA} lives on ({'|'.join(NAMES)})", said)
    assert all(re.search(rf"^{name} +(chosen|not-drawn)", said, re.MULTILINE) for name in NAMES)


def test_a_handle_can_be_kept_out_of_the_command_line(door: House) -> None:
    assert document("place", "-", "--days", "0", given="mia\n")["tenant"]["id"] == MIA


def test_a_plan_places_nobody_and_says_by_its_code_that_there_is_work(door: House) -> None:
    assert "would live on" in tenant("place", "mia", "--plan", status=3).stdout
    assert document("list")["tenants"] == []
    tenant("place", "mia", "--days", "0")
    tenant("place", "mia", "--plan", status=0)


def test_round_trips_that_cannot_be_are_named(door: House) -> None:
    words = ("place", "mia", "--days", "0", "--explain", "--round-trip", "virginia=0")
    assert "not believed: virginia" in tenant(*words).output


def test_a_round_trip_is_a_node_and_a_number(door: House) -> None:
    assert isinstance(refusal("place", "mia", "--round-trip", "virginia"), Usage)


def test_a_tenant_is_shown_by_handle_and_id(door: House) -> None:
    tenant("place", "mia", "--days", "0", "--node", "frankfurt")
    assert "lives on frankfurt, https://frankfurt.clavitor.test" in tenant("show", "mia").stdout
    assert document("show", "mia") == document("show", MIA, "--id")


def test_who_was_not_placed_is_not_found(door: House) -> None:
    assert refusal("show", "mia").exit_code == 4


def test_the_list_says_which_directory_every_node_answers_from(door: House) -> None:
    tenant("place", "mia", "--days", "0", "--node", "frankfurt")
    said = tenant("list").stdout
    assert re.search(rf"^{MIA} +frankfurt", said, re.MULTILINE)
    assert re.search(r"^frankfurt +1 +version 2", said, re.MULTILINE)
    assert "1 tenants, version 2, proven until" in said


def test_the_list_of_one_node_has_its_tenants_alone(door: House) -> None:
    tenant("place", "mia", "--days", "0", "--node", "frankfurt")
    assert [len(document("list", "--node", name)["tenants"]) for name in ("frankfurt", "virginia")] == [1, 0]


def test_nobody_is_forgotten_unconfirmed(door: House) -> None:
    tenant("place", "mia", "--days", "0")
    assert isinstance(refusal("forget", "mia"), Usage)
    assert isinstance(refusal("forget", "mia", "--yes", "0" * 32), Usage)
    assert document("show", "mia")["id"] == MIA


def test_who_is_forgotten_by_id_is_gone(door: House) -> None:
    tenant("place", "mia", "--days", "0")
    assert document("forget", "mia", "--yes", MIA)["forgotten"]["id"] == MIA
    assert refusal("show", "mia").exit_code == 4
