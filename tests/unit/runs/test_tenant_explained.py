"""Where nobody can take a tenant, whoever asks hears of every node why: through the runner's real door."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from noc.cli.tenant import app
from noc.errors import NocError
from noc.runs.paths import Paths
from noc.runs.runner import tenancy
from runner_house import House
from runs_kit import NAMES, World
from tenant_kit import TenantNodes


@pytest.fixture
def door(tmp_path: Path, placing: Paths, world: World, house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(tenancy, "open_site", TenantNodes(tmp_path / "nodes", placing, world).site)
    monkeypatch.setenv("NOC_RUNNER_SOCKET", str(house.paths.runner_socket))
    return house


def test_a_refusal_tells_of_every_node_as_data(door: House) -> None:
    with pytest.raises(NocError) as caught:
        door.client.ask("tenant-place", handle="mia", days=0, wishes={"residency": "AQ"})
    told = caught.value.as_dict()
    assert (told["code"], "exit" in told) == ("NOC-E886", False)
    assert {each["node"]: each["reason"] for each in told["considered"]} == dict.fromkeys(NAMES, "outside")


@pytest.mark.parametrize(("options", "rows"), [(("--explain",), len(NAMES)), ((), 0)])
def test_the_command_shows_the_nodes_where_it_is_asked_to(door: House, options: tuple[str, ...], rows: int) -> None:
    shown = CliRunner().invoke(app, ["place", "mia", "--residency", "AQ", *options])
    assert shown.output.count("it is not in AQ") == rows
    assert isinstance(shown.exception, NocError)
