"""A machine's security group: 80 and 443 for everybody, and 22 for HQ alone while there is a reason."""

from typing import Any

from noc.cloud.ec2.machine import SSH_PORT, group_rules, ssh_rule, tag_list
from noc.cloud.ec2.owned import Described, Owned


def ensure_group(owned: Owned, network: str, hub_address: str) -> str:
    """The node's security group with all that it lets in, 22 from HQ included; returns its id."""
    found = owned.groups()
    group = found[0] if found else _make(owned, network)
    there = {(each.get("FromPort"), each.get("ToPort")) for each in group["IpPermissions"]}
    wanted = group_rules(hub_address, ssh=True)
    _allow(owned, group, [rule for rule in wanted if (rule["FromPort"], rule["ToPort"]) not in there])
    return str(group["GroupId"])


def let_in(owned: Owned, hub_address: str) -> None:
    """Open 22 to HQ alone; a rule for anybody else's address, an earlier HQ's too, is withdrawn first."""
    wanted = ssh_rule(hub_address)
    for group in owned.groups():
        rules = _ssh_rules(group)
        if [_sources(rule) for rule in rules] == [_sources(wanted)]:
            continue
        _withdraw(owned, group, rules)
        _allow(owned, group, [wanted])
        owned.tell(f"22 is open to {hub_address}")


def shut_out(owned: Owned) -> None:
    """Withdraw every rule for 22, whomever it lets in."""
    for group in owned.groups():
        if rules := _ssh_rules(group):
            _withdraw(owned, group, rules)
            owned.tell("22 is closed")


def _make(owned: Owned, network: str) -> Described:
    machine = owned.machine
    answer = owned.region.call(
        "ec2",
        "CreateSecurityGroup",
        GroupName=f"noc-{machine.fleet}-{machine.node}",
        Description=f"noc: {machine.node} of {machine.fleet}",
        VpcId=network,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tag_list(machine.tags)}],
    )
    owned.tell(f"security group {answer['GroupId']}")
    return {"GroupId": answer["GroupId"], "IpPermissions": []}


def _allow(owned: Owned, group: Described, rules: list[dict[str, Any]]) -> None:
    if rules:
        owned.region.call("ec2", "AuthorizeSecurityGroupIngress", GroupId=group["GroupId"], IpPermissions=rules)


def _withdraw(owned: Owned, group: Described, rules: list[dict[str, Any]]) -> None:
    if rules:
        owned.region.call("ec2", "RevokeSecurityGroupIngress", GroupId=group["GroupId"], IpPermissions=rules)


def _ssh_rules(group: Described) -> list[dict[str, Any]]:
    """Every rule by which 22 is open, one of all ports included."""
    return [
        rule
        for rule in group["IpPermissions"]
        if rule.get("FromPort") is None or rule["FromPort"] <= SSH_PORT <= rule["ToPort"]
    ]


def _sources(rule: dict[str, Any]) -> list[str]:
    return sorted(
        [each["CidrIp"] for each in rule.get("IpRanges", ())]
        + [each["CidrIpv6"] for each in rule.get("Ipv6Ranges", ())]
    )
