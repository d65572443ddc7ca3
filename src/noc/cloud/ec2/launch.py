"""Making a node's machine: every part is looked for before it is made, so that giving the command again goes on.

Idempotence rests on the tags; the client token only covers two calls that are under way at the same time.
"""

import contextlib
import time
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from noc.cloud.ec2.door import ensure_group, let_in, shut_out
from noc.cloud.ec2.images import find_image
from noc.cloud.ec2.machine import FLEET_TAG, Place, run_instances, tag_list
from noc.cloud.ec2.owned import Described, Owned
from noc.cloud.ec2.port import named
from noc.cloud.ec2.regions import check_on
from noc.cloud.errors import CloudRefused, CloudUnreachable, TypeNotOffered
from noc.fleet.launching import Launch

STATE_WITHIN_S: Final = 180
POLL_S: Final = 2.0


@dataclass(frozen=True)
class Launched:
    """A machine that runs, how it is reached, and what it was made from."""

    instance: str
    address: IPv4Address | None
    address6: IPv6Address | None
    image: str


@dataclass(frozen=True)
class Hub:
    """What a machine has to know of HQ: the address that may enter, and the public SSH key that may."""

    address: str
    ssh_key: str


def launch(owned: Owned, hub: Hub, settings: Launch, now: datetime) -> Launched:
    """Make a node's machine, or go on with one that is there.

    A refusal leaves nothing of a machine that this call began to make; where the cloud did not answer, or refuses to
    take back as well, the next call finds what there is.

    Args:
        owned: what the cloud holds for the node.
        hub: who may enter.
        settings: which image.
        now: the time, UTC.

    Raises:
        CloudRefused and those below it.
    """
    check_on(owned.region)
    there = owned.instance()
    try:
        return _launched(owned, there or _run(owned, hub, settings, now), hub)
    except CloudUnreachable:
        raise
    except CloudRefused:
        if there is None:
            with contextlib.suppress(CloudRefused):
                terminate(owned)
        raise


def _launched(owned: Owned, there: Described, hub: Hub) -> Launched:
    there = _running(owned, there)
    let_in(owned, hub.address)
    address = None if owned.machine.public == "ipv6" else _address(owned, there["InstanceId"])
    sixth = [each["Ipv6Address"] for nic in there.get("NetworkInterfaces", ()) for each in nic.get("Ipv6Addresses", ())]
    return Launched(there["InstanceId"], address, IPv6Address(sixth[0]) if sixth else None, there["ImageId"])


def settle(owned: Owned) -> None:
    """Once it is provisioned: 22 withdrawn, and CPU credit as its price was calculated for."""
    shut_out(owned)
    there = owned.instance()
    if there is not None:
        credit = [{"InstanceId": there["InstanceId"], "CpuCredits": "standard"}]
        owned.region.call("ec2", "ModifyInstanceCreditSpecification", InstanceCreditSpecifications=credit)


def terminate(owned: Owned) -> None:
    """End a node's machine, and give back what was made for it: address, group, the last one's key pair."""
    region, there = owned.region, owned.instance()
    if there is not None:
        instance = there["InstanceId"]
        region.call("ec2", "ModifyInstanceAttribute", InstanceId=instance, DisableApiTermination={"Value": False})
        region.call("ec2", "TerminateInstances", InstanceIds=[instance])
        _gone(owned, instance)
        owned.tell(f"machine {instance} terminated")
    for address in owned.addresses():
        region.call("ec2", "ReleaseAddress", AllocationId=address["AllocationId"])
        owned.tell(f"address {address['PublicIp']} released")
    for group in owned.groups():
        region.call("ec2", "DeleteSecurityGroup", GroupId=group["GroupId"])
        owned.tell(f"security group {group['GroupId']} removed")
    name = _key_name(owned)
    if not owned.neighbours() and _key_pairs(owned, name):
        region.call("ec2", "DeleteKeyPair", KeyName=name)
        owned.tell(f"key pair {name} removed")


def _run(owned: Owned, hub: Hub, settings: Launch, now: datetime) -> Described:
    image = find_image(owned.region, settings, now)
    subnet, network = _subnet(owned)
    group, key_pair = ensure_group(owned, network, hub.address), _key_pair(owned, hub)
    place = Place(image.id, image.root_device, group, subnet, key_pair)
    made: Described = owned.region.call("ec2", "RunInstances", **run_instances(owned.machine, place))["Instances"][0]
    owned.tell(f"machine {made['InstanceId']} from {image.name}")
    return made


def _running(owned: Owned, there: Described) -> Described:
    """Wait until it runs; one that was stopped is not started: somebody stopped it."""
    end = time.monotonic() + STATE_WITHIN_S
    while there["State"]["Name"] != "running":
        node, name = owned.machine.node, there["State"]["Name"]
        if name in {"stopping", "stopped"}:
            fix = "start it at the cloud's console, or noc terminate it"
            raise CloudRefused(f"the machine of {node} is {name}", why=there["InstanceId"], fix=fix)
        if time.monotonic() > end:
            raise CloudUnreachable(f"the machine of {node} is still {name} after {STATE_WITHIN_S} s")
        time.sleep(POLL_S)
        there = owned.instance() or there
    return there


def _subnet(owned: Owned) -> tuple[str, str]:
    """A subnet of the default network in a zone that offers the type: its id and its network's."""
    region, wanted = owned.region, owned.machine.type
    where = {"LocationType": "availability-zone", "Filters": named({"instance-type": [wanted]})}
    offered = region.pages("ec2", "DescribeInstanceTypeOfferings", "InstanceTypeOfferings", **where)
    zones = {each["Location"] for each in offered}
    if not zones:
        fix = f"give {owned.machine.node} another instance_type or region, or accept it as left out: [[accepted]]"
        raise TypeNotOffered(f"{region.name} offers no {wanted}", fix=fix)
    subnets = region.pages("ec2", "DescribeSubnets", "Subnets", Filters=named({"default-for-az": ["true"]}))
    fitting = sorted((each["SubnetId"], each["VpcId"]) for each in subnets if each["AvailabilityZone"] in zones)
    if not fitting:
        fix = f"aws ec2 create-default-vpc --region {region.name}"
        raise CloudRefused(f"{region.name} has no default subnet in a zone that offers {wanted}", fix=fix)
    return fitting[0]


def _key_pair(owned: Owned, hub: Hub) -> str:
    """HQ's public key in this region; the image lets it in until the node's own configuration does."""
    name, region = _key_name(owned), owned.region
    if not _key_pairs(owned, name):
        tags = [{"ResourceType": "key-pair", "Tags": tag_list({FLEET_TAG: owned.machine.fleet})}]
        key = hub.ssh_key.encode()
        region.call("ec2", "ImportKeyPair", KeyName=name, PublicKeyMaterial=key, TagSpecifications=tags)
        owned.tell(f"key pair {name}")
    return name


def _key_name(owned: Owned) -> str:
    return f"noc-{owned.machine.fleet}"


def _key_pairs(owned: Owned, name: str) -> list[Described]:
    found: list[Described] = owned.region.call("ec2", "DescribeKeyPairs", Filters=named({"key-name": [name]}))[
        "KeyPairs"
    ]
    return found


def _address(owned: Owned, instance: str) -> IPv4Address:
    """The node's elastic address, associated with its machine."""
    found = owned.addresses()
    address = found[0] if found else _allocated(owned)
    if address.get("InstanceId") != instance:
        owned.region.call("ec2", "AssociateAddress", AllocationId=address["AllocationId"], InstanceId=instance)
    return IPv4Address(address["PublicIp"])


def _allocated(owned: Owned) -> Described:
    tags = [{"ResourceType": "elastic-ip", "Tags": tag_list(owned.machine.tags)}]
    made = owned.region.call("ec2", "AllocateAddress", Domain="vpc", TagSpecifications=tags)
    owned.tell(f"address {made['PublicIp']}")
    return made


def _gone(owned: Owned, instance: str) -> None:
    end = time.monotonic() + STATE_WITHIN_S
    while (state := owned.state(instance)) != "terminated":
        if time.monotonic() > end:
            raise CloudUnreachable(f"the machine of {owned.machine.node} is still {state} after {STATE_WITHIN_S} s")
        time.sleep(POLL_S)
