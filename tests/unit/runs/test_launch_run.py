"""Launching and terminating as runs: what is known before, what is written down when, and what a cut leaves."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch_kit import HUB_KEY, NOW, Room, room
from noc.cli.adopt import read_outputs
from noc.cloud.ec2.launch import settle
from noc.errors import Usage
from noc.fleet.inventory import Life, NodeRecord, load_inventory, save_inventory
from noc.fleet.terraform import terraform_files
from noc.runs.launch.adopt import addresses
from noc.runs.launch.plans import plan_adopt, plan_launch, plan_terminate
from noc.runs.launch.survey import survey_launch, survey_terminate
from noc.runs.plan.plan import Options


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr("noc.cloud.ec2.launch.POLL_S", 0.01)
    monkeypatch.setattr("noc.runs.launch.launch._POLL_S", 0.01)
    with room(tmp_path) as made:
        yield made


async def test_a_launched_node_has_the_address_and_the_key_that_its_machine_shows(hq: Room) -> None:
    verdicts = await hq.launch()
    record = hq.record()
    assert verdicts["frankfurt"].verdict == "launched"
    assert (record.life, record.host_key) == (Life.LAUNCHED, hq.hosts.fingerprint("frankfurt"))
    assert str(record.address) == hq.cloud.owned().addresses()[0]["PublicIp"]


async def test_the_machine_lets_hqs_key_in(hq: Room) -> None:
    await hq.launch()
    assert hq.hosts.lets_in["frankfurt"].split()[:2] == HUB_KEY.split()[:2]


async def test_launching_again_changes_nothing(hq: Room) -> None:
    await hq.launch()
    before = hq.record()
    verdicts = await hq.launch()
    assert (verdicts["frankfurt"].verdict, hq.record()) == ("unchanged", before)


def _history(directory: Path) -> str:
    return subprocess.run(["git", "log", "-p"], cwd=directory, capture_output=True, text=True, check=True).stdout


async def test_the_fingerprint_is_committed_before_the_machine_is_asked_for(hq: Room) -> None:
    hq.cloud.settle(failing={"RunInstances": "InsufficientInstanceCapacity"})
    await hq.launch()
    assert str(hq.record().host_key) in _history(hq.paths.fleet)


async def test_a_run_that_was_cut_after_its_machine_was_made_goes_on_with_it(hq: Room) -> None:
    hq.cloud.settle(failing={"AllocateAddress": "InternalError", "TerminateInstances": "InternalError"})
    await hq.launch()
    key = hq.record().host_key
    hq.cloud.settle(failing={})
    verdicts = await hq.launch()
    assert (verdicts["frankfurt"].good, hq.record().host_key) == (True, key)


async def test_a_machine_whose_key_nobody_knows_is_not_trusted(hq: Room) -> None:
    hq.cloud.launch()
    verdicts = await hq.launch()
    assert "nothing says which host key" in verdicts["frankfurt"].why


async def test_the_private_half_of_a_host_key_is_nowhere_on_hq(hq: Room) -> None:
    await hq.launch()
    text = hq.hosts.handed["frankfurt"].split("|")[1]
    files = [path for path in hq.paths.fleet.parent.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if text.encode() in path.read_bytes()] == []


async def test_one_that_is_refused_does_not_hold_the_others(hq: Room) -> None:
    hq.cloud.settle(off=["ap-east-1"])
    verdicts = await hq.launch("frankfurt", "hongkong", "london")
    assert {name: verdict.good for name, verdict in verdicts.items()} == {
        "frankfurt": True, "hongkong": False, "london": True,
    }  # fmt: skip


async def test_a_node_that_was_refused_is_planned_as_before(hq: Room) -> None:
    hq.cloud.settle(off=["ap-east-1"])
    await hq.launch("hongkong")
    assert hq.record("hongkong").life is Life.PLANNED


async def test_launching_a_live_node_again_leaves_its_door_shut(hq: Room) -> None:
    await hq.launch()
    settle(hq.cloud.owned())
    _set(hq, life=Life.LIVE)
    await hq.launch()
    (group,) = hq.cloud.owned().groups()
    assert {rule["FromPort"] for rule in group["IpPermissions"]} == {80, 443}


async def test_a_terminated_node_is_planned_and_forgotten(hq: Room) -> None:
    await hq.launch()
    await hq.terminate()
    assert hq.record() == NodeRecord()
    assert hq.hosts.handed == {}


async def test_the_watch_knows_before_a_live_machine_ends(hq: Room) -> None:
    await hq.launch()
    _set(hq, life=Life.LIVE)
    hq.cloud.settle(failing={"TerminateInstances": "InternalError"})
    await hq.terminate(force=True)
    assert (hq.watch.reloads, hq.record().life) == (1, Life.LAUNCHED)


def _set(hq: Room, node: str = "frankfurt", **changes: object) -> None:
    inventory = load_inventory(hq.paths.fleet)
    record = NodeRecord.model_validate({**inventory.record(node).model_dump(), **changes})
    save_inventory(hq.paths.fleet, inventory.model_copy(update={"nodes": {**inventory.nodes, node: record}}))


async def test_a_plan_says_what_would_be_made_and_what_it_costs(hq: Room) -> None:
    plan = await survey_launch(hq.site, hq.plan("frankfurt"))
    (row,) = plan.rows
    assert row.state == "change"
    assert row.differences[0].startswith("t4g.nano in eu-central-1 from nixos/26.05")
    assert row.differences[-1].endswith("a month")


async def test_a_plan_makes_nothing(hq: Room) -> None:
    await survey_launch(hq.site, hq.plan("frankfurt"))
    assert not [call for call in hq.cloud.front.account.calls if ":Describe" not in call and ":Get" not in call
                and ":List" not in call]  # fmt: skip


async def test_a_plan_for_a_machine_that_runs_is_unchanged(hq: Room) -> None:
    await hq.launch()
    plan = await survey_launch(hq.site, hq.plan("frankfurt"))
    assert [row.state for row in plan.rows] == ["unchanged"]


async def test_a_plan_names_every_refusal_with_its_fix(hq: Room) -> None:
    hq.cloud.settle(off=["ap-east-1"], no_image=["eu-west-2"], vcpus=1)
    plan = await survey_launch(hq.site, hq.plan("frankfurt", "hongkong", "london", "uae"))
    problems = {row.node: " ".join(row.problems) for row in plan.rows}
    assert {row.state for row in plan.rows} == {"blocked"}
    assert "--enable-regions" in problems["hongkong"]
    assert "image_name" in problems["london"]
    assert "Service Quotas" in problems["frankfurt"]
    assert "[[accepted]]" in problems["uae"]


async def test_a_plan_to_end_a_live_node_is_blocked(hq: Room) -> None:
    await hq.launch()
    _set(hq, life=Life.LIVE)
    outline = plan_terminate(hq.site.fleet, ["frankfurt"], NOW, Options())
    (row,) = (await survey_terminate(hq.site, outline)).rows
    assert (row.state, "--force" in row.problems[0]) == ("blocked", True)


async def test_a_plan_to_end_a_node_names_all_that_goes(hq: Room) -> None:
    await hq.launch()
    outline = plan_terminate(hq.site.fleet, ["frankfurt"], NOW, Options())
    (row,) = (await survey_terminate(hq.site, outline)).rows
    assert [words.split()[0] for words in row.differences] == ["machine", "address", "security", "what"]


def test_a_batch_leaves_out_who_was_left_out(hq: Room) -> None:
    assert "uae" not in plan_launch(hq.site.fleet, load_inventory(hq.paths.fleet), [], NOW, 3).nodes


def test_a_node_that_is_left_out_can_be_launched_by_its_name(hq: Room) -> None:
    assert hq.plan("uae").nodes == ("uae",)


def test_all_machines_at_once_are_never_ended(hq: Room) -> None:
    with pytest.raises(Usage):
        plan_terminate(hq.site.fleet, ["all"], NOW, Options())


def _terraform_says(hq: Room, address: str) -> str:
    """What `terraform output -json` prints of the rendered file, once the node's address is this."""
    (text,) = terraform_files(hq.site.fleet, load_inventory(hq.paths.fleet)).values()
    declared = json.loads(text.replace("${aws_eip.frankfurt.public_ip}", address))["output"]["addresses"]["value"]
    value = {"frankfurt": declared["frankfurt"]}
    return json.dumps({"addresses": {"sensitive": False, "type": ["object", {}], "value": value}})


async def test_by_hand_by_launch_and_by_terraform_the_inventory_is_the_same(hq: Room) -> None:
    await hq.launch()
    launched, key = hq.record(), hq.hosts.fingerprint("frankfurt")
    hq.forget()
    await hq.by_hand(str(launched.address), key)
    by_hand = hq.record()
    hq.forget()
    await hq.adopt(read_outputs(_terraform_says(hq, str(launched.address)))["frankfurt"], key)
    assert [by_hand, hq.record()] == [launched, launched]


async def test_machines_are_found_by_their_tags(hq: Room) -> None:
    made = hq.cloud.launch()
    plan = plan_adopt(hq.site.fleet, ["frankfurt", "london"], NOW, Options())
    assert await addresses(hq.site, plan) == {"frankfurt": made.address}
