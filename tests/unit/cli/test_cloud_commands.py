"""The commands about machines at a cloud: what they refuse before anything is asked, and what they print."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud_kit import FLEET
from launch_kit import HUB_KEY
from noc.cli.adopt import app as adopt
from noc.cli.adopt import read_outputs
from noc.cli.launch import app as launch
from noc.cli.preflight import app as preflight
from noc.cli.terminate import app as terminate
from noc.cli.terraform import app as terraform
from noc.cloud.ec2.policy import policy
from noc.errors import NotFound, Usage
from noc.fleet.inventory import HubRecord, Inventory, save_inventory
from noc.fleet.load import load
from noc.fleet.terraform import FILE


def call(app: Any, *args: object, given: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, [*map(str, args)], input=given)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The plan's fleet, on an HQ that has its key."""
    (tmp_path / "fleet.toml").write_text((FLEET / "fleet.toml").read_text())
    save_inventory(tmp_path, Inventory(hub=HubRecord(ssh_key=HUB_KEY)))
    return tmp_path


@pytest.mark.parametrize("args", [(), ("frankfurt", "--batch", "1")])
def test_a_launch_is_of_nodes_or_of_a_batch(args: tuple[str, ...]) -> None:
    with pytest.raises(Usage):
        call(launch, *args)


def test_an_end_that_nobody_confirms_is_refused() -> None:
    with pytest.raises(Usage, match="--yes frankfurt"):
        call(terminate, "frankfurt")


def test_an_end_that_is_confirmed_by_another_name_is_refused() -> None:
    with pytest.raises(Usage, match="frankfurt,london was to be confirmed"):
        call(terminate, "london", "frankfurt", "--yes", "frankfurt")


@pytest.mark.parametrize("args", [("frankfurt",), ("frankfurt", "--tags", "--terraform", "-")])
def test_adopting_needs_one_source(args: tuple[str, ...]) -> None:
    with pytest.raises(Usage, match="where the addresses come from"):
        call(adopt, *args)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"addresses": 1}', '{"addresses": {"value": [1]}}', "{"])
def test_what_is_no_output_of_terraform_is_refused(text: str) -> None:
    with pytest.raises(Usage, match="cannot be read"):
        read_outputs(text)


def test_a_node_without_an_address_yet_is_left_out() -> None:
    said = {"addresses": {"value": {"frankfurt": "192.0.2.7", "london": None}}}
    assert read_outputs(json.dumps(said)) == {"frankfurt": "192.0.2.7"}


def test_the_policy_is_printed_as_one_document(directory: Path) -> None:
    status, shown = call(preflight, "--policy", "-C", directory)
    assert (status, json.loads(shown)) == (0, policy(load(directory)))


def test_the_terraform_file_is_written_once(directory: Path) -> None:
    first, second = (json.loads(call(terraform, "-C", directory, "--json")[1])["changed"] for _ in range(2))
    assert (first, second, (directory / FILE).is_file()) == (True, False, True)


def test_the_terraform_file_can_be_printed_alone(directory: Path) -> None:
    assert "aws_instance" in json.loads(call(terraform, "-C", directory, "--print")[1])["resource"]
    assert not (directory / FILE).exists()


def test_without_a_key_of_hq_there_is_no_terraform_file(directory: Path) -> None:
    save_inventory(directory, Inventory())
    with pytest.raises(NotFound):
        call(terraform, "-C", directory)
