"""The fleet's machines as Terraform, in its JSON syntax: for who keeps a cloud by Terraform and not by `noc launch`.

https://developer.hashicorp.com/terraform/language/syntax/json. `terraform fmt` leaves JSON alone, so its form is ours.
No secret stands in it: the host key that a machine shows is read from its console before the first contact.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet, Node

FILE: Final = "terraform/main.tf.json"
FLEET_TAG: Final = "noc:fleet"
NODE_TAG: Final = "noc:node"
PUBLIC_PORTS: Final = {"http": 80, "https": 443}
EVERYBODY: Final = {"ipv4": ("cidr_ipv4", "0.0.0.0/0"), "ipv6": ("cidr_ipv6", "::/0")}

Block = dict[str, Any]


def terraform_files(fleet: Fleet, inventory: Inventory) -> dict[str, str]:
    """The file by its path in the fleet directory; none while HQ has no SSH key, or no node is at AWS."""
    nodes = [node for node in fleet.nodes if node.provider == "aws" and node.region and node.instance_type]
    key = inventory.hub.ssh_key
    if not nodes or key is None:
        return {}
    return {FILE: json.dumps(terraform(fleet, nodes, key), indent=2) + "\n"}


def terraform(fleet: Fleet, nodes: Sequence[Node], hub_ssh_key: str) -> Block:
    """The configuration: a provider a region, and for each node group, rules, machine and address.

    Args:
        fleet: the fleet file.
        nodes: those at AWS, with a region and a type.
        hub_ssh_key: HQ's public SSH key, one OpenSSH line.
    """
    regions = sorted({str(node.region) for node in nodes})
    return {
        "//": "Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.",
        "terraform": {
            "required_version": ">= 1.5",
            "required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.30, < 7.0"}},
        },
        "variable": {
            "ssh": {
                "type": "bool",
                "default": True,
                "description": "Whether HQ may enter by 22: true until a node is provisioned, false afterwards.",
            }
        },
        "provider": {"aws": [_provider(fleet, region) for region in regions]},
        "data": {
            "aws_ami": {node.name: _image(fleet, node) for node in nodes},
            "aws_vpc": {alias(region): {"provider": _of(region), "default": True} for region in regions},
        },
        "resource": {
            "aws_key_pair": {alias(region): _key_pair(fleet, region, hub_ssh_key) for region in regions},
            "aws_security_group": {node.name: _group(fleet, node) for node in nodes},
            "aws_vpc_security_group_ingress_rule": dict(
                rule for node in nodes for rule in (*_public_rules(node), _ssh_rule(fleet, node))
            ),
            "aws_vpc_security_group_egress_rule": dict(rule for node in nodes for rule in _way_out(node)),
            "aws_instance": {node.name: _instance(fleet, node) for node in nodes},
            "aws_eip": {node.name: _address(fleet, node) for node in nodes if node.public != "ipv6"},
        },
        "output": {
            "addresses": {
                "description": "noc adopt --terraform reads this: terraform output -json | noc adopt --terraform -",
                "value": {node.name: f"${{aws_eip.{node.name}.public_ip}}" for node in nodes if node.public != "ipv6"},
            }
        },
    }


def alias(region: str) -> str:
    """A region as the name of a provider's configuration: `eu_central_1`."""
    return region.replace("-", "_")


def _of(region: str | None) -> str:
    return f"aws.{alias(str(region))}"


def _tags(fleet: Fleet, node: Node) -> dict[str, str]:
    return {FLEET_TAG: fleet.name, NODE_TAG: node.name, "Name": f"{fleet.name}-{node.name}"}


def _provider(fleet: Fleet, region: str) -> Block:
    return {"alias": alias(region), "region": region, "default_tags": {"tags": {FLEET_TAG: fleet.name}}}


def _image(fleet: Fleet, node: Node) -> Block:
    return {
        "provider": _of(node.region),
        "most_recent": True,
        "owners": [fleet.launch.image_owner],
        "filter": [
            {"name": "name", "values": [fleet.launch.image_name]},
            {"name": "architecture", "values": ["arm64"]},
        ],
    }


def _key_pair(fleet: Fleet, region: str, line: str) -> Block:
    return {"provider": _of(region), "key_name": f"noc-{fleet.name}", "public_key": line}


def _group(fleet: Fleet, node: Node) -> Block:
    return {
        "provider": _of(node.region),
        "name": f"noc-{fleet.name}-{node.name}",
        "description": f"noc: {node.name} of {fleet.name}",
        "vpc_id": f"${{data.aws_vpc.{alias(str(node.region))}.id}}",
        "tags": _tags(fleet, node),
    }


def _rule(node: Node, port: int, source: Block) -> Block:
    ports = {"ip_protocol": "tcp", "from_port": port, "to_port": port}
    return {"provider": _of(node.region), "security_group_id": _group_id(node), **ports, **source}


def _group_id(node: Node) -> str:
    return f"${{aws_security_group.{node.name}.id}}"


def _public_rules(node: Node) -> list[tuple[str, Block]]:
    return [
        (f"{node.name}_{name}_{kind}", _rule(node, port, {key: everybody}))
        for name, port in PUBLIC_PORTS.items()
        for kind, (key, everybody) in EVERYBODY.items()
    ]


def _ssh_rule(fleet: Fleet, node: Node) -> tuple[str, Block]:
    rule = _rule(node, 22, {"cidr_ipv4": f"{fleet.hub.address}/32", "count": "${var.ssh ? 1 : 0}"})
    return f"{node.name}_ssh", rule


def _way_out(node: Node) -> list[tuple[str, Block]]:
    """Terraform takes away the rule by which a new group lets everything out."""
    base = {"provider": _of(node.region), "security_group_id": _group_id(node), "ip_protocol": "-1"}
    return [(f"{node.name}_{kind}", {**base, key: everybody}) for kind, (key, everybody) in EVERYBODY.items()]


def _instance(fleet: Fleet, node: Node) -> Block:
    made: Block = {
        "provider": _of(node.region),
        "ami": f"${{data.aws_ami.{node.name}.id}}",
        "instance_type": node.instance_type,
        "key_name": f"${{aws_key_pair.{alias(str(node.region))}.key_name}}",
        "vpc_security_group_ids": [_group_id(node)],
        "associate_public_ip_address": False,
        "disable_api_termination": True,
        "credit_specification": {"cpu_credits": "unlimited"},
        "metadata_options": {"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
        "root_block_device": {
            "volume_size": fleet.budget.disk_gb,
            "volume_type": "gp3",
            "encrypted": True,
            "delete_on_termination": True,
        },
        "tags": _tags(fleet, node),
        "volume_tags": _tags(fleet, node),
        # A newer image must not replace a node, and the runner sets its credit once it is provisioned.
        "lifecycle": {"ignore_changes": ["ami", "associate_public_ip_address", "credit_specification"]},
    }
    return made | ({"ipv6_address_count": 1} if node.public != "ipv4" else {})


def _address(fleet: Fleet, node: Node) -> Block:
    machine = f"${{aws_instance.{node.name}.id}}"
    return {"provider": _of(node.region), "domain": "vpc", "instance": machine, "tags": _tags(fleet, node)}
