"""The fleet as Terraform: held against the rules of its JSON syntax, and against what `noc launch` asks for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from noc.cloud.ec2.machine import Machine, Place, group_rules, run_instances
from noc.fleet.inventory import HubRecord, Inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.terraform import FILE, alias, terraform_files

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRlc3Q noc@zurich"
TOP = {"//", "terraform", "variable", "provider", "data", "resource", "output"}
REFERENCE = re.compile(r"\$\{((?:data\.)?[a-z_]+)\.([A-Za-z_][\w-]*)(?:\.[a-z_]+)?")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load(Path(__file__).parents[3] / "fleet")


@pytest.fixture(scope="module")
def made(fleet: Fleet) -> dict[str, Any]:
    text = terraform_files(fleet, Inventory(hub=HubRecord(ssh_key=KEY)))[FILE]
    document: dict[str, Any] = json.loads(text)
    return document


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


def _objects(made: dict[str, Any]) -> dict[str, set[str]]:
    """What is declared, by the word before its name in a reference."""
    data = {f"data.{kind}": set(named) for kind, named in made["data"].items()}
    return data | {kind: set(named) for kind, named in made["resource"].items()} | {"var": set(made["variable"])}


def test_there_is_none_before_hq_has_a_key(fleet: Fleet) -> None:
    assert terraform_files(fleet, Inventory()) == {}


def test_only_blocks_that_the_language_knows_stand_at_the_top(made: dict[str, Any]) -> None:
    assert set(made) == TOP


def test_every_name_is_an_identifier(made: dict[str, Any]) -> None:
    named = [name for names in _objects(made).values() for name in names]
    assert [name for name in named if not re.fullmatch(r"[A-Za-z_][\w-]*", name)] == []


def test_every_reference_leads_to_something(made: dict[str, Any]) -> None:
    there = _objects(made)
    found = [match.groups() for text in _texts(made) for match in REFERENCE.finditer(text)]
    assert found
    assert [pair for pair in found if pair[1] not in there.get(pair[0], ())] == []


def test_every_thing_is_in_its_nodes_region(made: dict[str, Any], fleet: Fleet) -> None:
    providers = {f"aws.{each['alias']}": each["region"] for each in made["provider"]["aws"]}
    machines = {name: providers[each["provider"]] for name, each in made["resource"]["aws_instance"].items()}
    assert machines == {node.name: node.region for node in fleet.nodes}


def test_each_region_has_one_provider(made: dict[str, Any], fleet: Fleet) -> None:
    aliases = [each["alias"] for each in made["provider"]["aws"]]
    assert sorted(aliases) == sorted({alias(str(node.region)) for node in fleet.nodes})


def test_an_address_comes_out_for_every_node(made: dict[str, Any], fleet: Fleet) -> None:
    assert set(made["output"]["addresses"]["value"]) == {node.name for node in fleet.nodes}


def test_it_holds_no_secret(made: dict[str, Any]) -> None:
    assert [text for text in _texts(made) if "PRIVATE KEY" in text or "SSH_HOST" in text] == []


def test_the_machine_is_the_one_that_launching_makes(made: dict[str, Any], fleet: Fleet) -> None:
    asked = run_instances(
        Machine("frankfurt", fleet.name, "eu-central-1", "t4g.nano", fleet.budget.disk_gb, ""),
        Place("ami-1", "/dev/xvda", "sg-1", "subnet-1", "key"),
    )
    machine, disk = made["resource"]["aws_instance"]["frankfurt"], asked["BlockDeviceMappings"][0]["Ebs"]
    assert machine["metadata_options"] == {
        "http_endpoint": asked["MetadataOptions"]["HttpEndpoint"],
        "http_tokens": asked["MetadataOptions"]["HttpTokens"],
        "http_put_response_hop_limit": asked["MetadataOptions"]["HttpPutResponseHopLimit"],
    }
    assert machine["root_block_device"] == {
        "volume_size": disk["VolumeSize"],
        "volume_type": disk["VolumeType"],
        "encrypted": disk["Encrypted"],
        "delete_on_termination": disk["DeleteOnTermination"],
    }
    assert machine["credit_specification"] == {"cpu_credits": asked["CreditSpecification"]["CpuCredits"]}
    assert machine["disable_api_termination"] == asked["DisableApiTermination"]
    assert machine["tags"] == {row["Key"]: row["Value"] for row in asked["TagSpecifications"][0]["Tags"]}


def test_the_doors_are_those_that_launching_opens(made: dict[str, Any], fleet: Fleet) -> None:
    rules = made["resource"]["aws_vpc_security_group_ingress_rule"]
    own = [rule for name, rule in rules.items() if name.startswith("frankfurt_")]
    opened = {(rule["from_port"], rule.get("cidr_ipv4") or rule["cidr_ipv6"]) for rule in own}
    wanted = {
        (rule["FromPort"], source)
        for rule in group_rules(str(fleet.hub.address), ssh=True)
        for source in (
            *(each["CidrIp"] for each in rule.get("IpRanges", ())),
            *(each["CidrIpv6"] for each in rule.get("Ipv6Ranges", ())),
        )
    }
    assert opened == wanted
