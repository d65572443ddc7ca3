"""What a node's machine should be, as data: a pure function of the fleet file and of what launching has to inject."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from noc.fleet.model import Fleet, Node

FLEET_TAG: Final = "noc:fleet"
NODE_TAG: Final = "noc:node"
PUBLIC_PORTS: Final = (80, 443)
SSH_PORT: Final = 22


@dataclass(frozen=True)
class Machine:
    """One machine to be.

    Attributes:
        node, fleet: by which it is found again; both are tags of everything that is made.
        region, type: where, and what.
        disk_gb: of its encrypted root disk.
        user_data: what is handed to it at its first boot; nothing but the host key that HQ knows before.
        public: which addresses the world reaches it by, as the fleet file has it.
    """

    node: str
    fleet: str
    region: str
    type: str
    disk_gb: int
    user_data: str = field(repr=False)
    public: str = "ipv4"

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything that is made for it."""
        return {FLEET_TAG: self.fleet, NODE_TAG: self.node, "Name": f"{self.fleet}-{self.node}"}

    @property
    def token(self) -> str:
        """Makes two calls to make it one: at most 64 characters, and another one for another host key.

        The cloud remembers a token beyond the machine's end: the node's next machine must not be its last one again.
        """
        return f"noc-{self.node}-{hashlib.sha256(self.user_data.encode()).hexdigest()[:24]}"


@dataclass(frozen=True)
class HostKey:
    """The host key that is injected for the first contact: both halves in OpenSSH's formats."""

    private: str = field(repr=False)
    public: str


def machine(fleet: Fleet, node: Node, host_key: HostKey | None = None) -> Machine:
    """The machine of a node, which has a region and a type; without a host key it is one to be found, not made."""
    assert node.region is not None
    assert node.instance_type is not None
    return Machine(
        node=node.name,
        fleet=fleet.name,
        region=node.region,
        type=node.instance_type,
        disk_gb=fleet.budget.disk_gb,
        user_data=user_data(host_key) if host_key else "",
        public=node.public,
    )


def user_data(key: HostKey) -> str:
    """What NixOS's image takes from its user data: its host key, `|` in the place of line breaks.

    The image has no cloud-init: a step of its boot reads these two lines, and takes neither without the other
    (nixpkgs, nixos/modules/virtualisation/ec2-data.nix).
    """
    private = key.private.strip().replace("\n", "|")
    return f"SSH_HOST_ED25519_KEY:{private}\nSSH_HOST_ED25519_KEY_PUB:{key.public.strip()}\n"


@dataclass(frozen=True)
class Place:
    """Where in its region a machine is made: image with the name of its root device, group, subnet, HQ's key pair."""

    image: str
    root_device: str
    group: str
    subnet: str
    key_pair: str


def run_instances(machine: Machine, place: Place) -> dict[str, Any]:
    """The arguments of RunInstances.

    Metadata only by session tokens and within one hop, so that nothing behind a proxy can ask for it; the disk
    encrypted and gone with the machine; CPU credit unlimited until it is provisioned, because a new machine has none.
    """
    network: dict[str, Any] = {
        "DeviceIndex": 0,
        "Groups": [place.group],
        "SubnetId": place.subnet,
        "AssociatePublicIpAddress": False,
    }
    if machine.public != "ipv4":
        network["Ipv6AddressCount"] = 1
    disk = {"VolumeSize": machine.disk_gb, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    made = ("instance", "volume", "network-interface")
    return {
        "ImageId": place.image,
        "InstanceType": machine.type,
        "KeyName": place.key_pair,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": machine.token,
        "UserData": machine.user_data,
        "CreditSpecification": {"CpuCredits": "unlimited"},
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"},
        "BlockDeviceMappings": [{"DeviceName": place.root_device, "Ebs": disk}],
        "NetworkInterfaces": [network],
        "DisableApiTermination": True,
        "TagSpecifications": [{"ResourceType": kind, "Tags": tag_list(machine.tags)} for kind in made],
    }


def group_rules(hub_address: str, *, ssh: bool) -> list[dict[str, Any]]:
    """What a security group lets in: 80 and 443 from everybody, and while a node is provisioned 22 from HQ alone."""
    everybody = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    rules = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **everybody} for port in PUBLIC_PORTS]
    if ssh:
        rules.append(ssh_rule(hub_address))
    return rules


def ssh_rule(hub_address: str) -> dict[str, Any]:
    """The rule by which HQ alone may enter."""
    source = [{"CidrIp": f"{hub_address}/32", "Description": "noc: HQ, while the node is provisioned or rescued"}]
    return {"IpProtocol": "tcp", "FromPort": SSH_PORT, "ToPort": SSH_PORT, "IpRanges": source}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
