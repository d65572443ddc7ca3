"""What an IAM policy allows of a request: actions, resources and the conditions that ours uses, and no more.

Each resource that a call touches is judged for itself, as the original does it: the Service Authorization Reference for
EC2 names them. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from noc.lab.cloud.question import Question

TagsOf = Callable[[str, str], Mapping[str, str]]
"""The tags of a resource of a region, by its id."""

_MADE: Final = {
    "RunInstances": ("instance", "volume", "network-interface"),
    "CreateSecurityGroup": ("security-group",),
    "ImportKeyPair": ("key-pair",),
    "AllocateAddress": ("elastic-ip",),
}
_USED: Final = {
    "RunInstances": {
        "ImageId": "image",
        "SubnetId": "subnet",
        "NetworkInterface.1.SubnetId": "subnet",
        "NetworkInterface.1.SecurityGroupId.1": "security-group",
        "KeyName": "key-pair",
    },
    "CreateSecurityGroup": {"VpcId": "vpc"},
    "AuthorizeSecurityGroupIngress": {"GroupId": "security-group"},
    "RevokeSecurityGroupIngress": {"GroupId": "security-group"},
    "DeleteKeyPair": {"KeyName": "key-pair"},
    "DeleteSecurityGroup": {"GroupId": "security-group"},
    "ModifyInstanceAttribute": {"InstanceId": "instance"},
    "ModifyInstanceCreditSpecification": {"InstanceCreditSpecification.1.InstanceId": "instance"},
    "TerminateInstances": {"InstanceId.1": "instance"},
    "AssociateAddress": {"AllocationId": "elastic-ip", "InstanceId": "instance"},
    "ReleaseAddress": {"AllocationId": "elastic-ip"},
}
_OPERATORS: Final = frozenset({"StringEquals"})


@dataclass(frozen=True)
class Touched:
    """One thing that a call touches: the action that it takes, its ARN, and what conditions can ask of it."""

    action: str
    arn: str
    context: Mapping[str, str] = field(default_factory=dict)


def allows(policy: Mapping[str, Any], question: Question, tags_of: TagsOf) -> bool:
    """Whether a policy allows all that a request does."""
    return all(_allowed(policy, each) for each in touched(question, tags_of))


def touched(question: Question, tags_of: TagsOf) -> Iterator[Touched]:
    """All that a request touches."""
    prefix = {"service-quotas": "servicequotas"}.get(question.service, question.service)
    action, context = f"{prefix}:{question.operation}", {"aws:RequestedRegion": question.region}
    if question.call == "account:EnableRegion":
        context |= {"account:TargetRegion": str(question.fields.get("RegionName"))}
    made, used = _MADE.get(question.operation, ()), _USED.get(question.operation, {})
    for kind in made:
        tags = question.tags(kind)
        asked = context | {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        yield Touched(action, _arn(kind, question, "new"), asked)
        if tags:
            yield Touched(
                "ec2:CreateTags", _arn(kind, question, "new"), asked | {"ec2:CreateAction": question.operation}
            )
    for name, kind in used.items():
        if name in question.fields:
            there = str(question.fields[name])
            tags = {f"aws:ResourceTag/{key}": value for key, value in tags_of(kind, there).items()}
            owner = {"ec2:Owner": tags_of("owner", there).get("owner", "")} if kind == "image" else {}
            yield Touched(action, _arn(kind, question, there), context | tags | owner)
    if not made and not used:
        yield Touched(action, "*", context)


def _arn(kind: str, question: Question, name: str) -> str:
    owner = "" if kind == "image" else "123456789012"
    return f"arn:aws:ec2:{question.region}:{owner}:{kind}/{name}"


def _allowed(policy: Mapping[str, Any], each: Touched) -> bool:
    holds = [statement for statement in policy["Statement"] if _speaks_of(statement, each)]
    return bool(holds) and all(statement["Effect"] == "Allow" for statement in holds)


def _speaks_of(statement: Mapping[str, Any], each: Touched) -> bool:
    actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
    conditions = statement.get("Condition", {})
    assert set(conditions) <= _OPERATORS, "a condition that the stand-in cannot judge"
    return (
        any(fnmatchcase(each.action.lower(), pattern.lower()) for pattern in actions)
        and any(fnmatchcase(each.arn, pattern) for pattern in resources)
        and all(
            each.context.get(key) in _listed(wanted) for pairs in conditions.values() for key, wanted in pairs.items()
        )
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
