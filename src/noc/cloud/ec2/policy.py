"""The least that HQ's credentials need, as an IAM policy: to look everywhere, and to change what carries our tag.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html names resources and conditions.
"""

from typing import Any, Final

from noc.cloud.ec2.machine import FLEET_TAG
from noc.fleet.model import Fleet

LOOKS: Final = (
    "account:GetRegionOptStatus",
    "account:ListRegions",
    "ec2:DescribeAddresses",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstances",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "pricing:GetProducts",
    "servicequotas:GetServiceQuota",
    "sts:GetCallerIdentity",
)
MAKES: Final = {
    "ec2:RunInstances": ("instance", "volume", "network-interface"),
    "ec2:CreateSecurityGroup": ("security-group",),
    "ec2:ImportKeyPair": ("key-pair",),
    "ec2:AllocateAddress": ("elastic-ip",),
}
CHANGES: Final = (
    "ec2:AssociateAddress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:DeleteKeyPair",
    "ec2:DeleteSecurityGroup",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifyInstanceCreditSpecification",
    "ec2:ReleaseAddress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:TerminateInstances",
)


def policy(fleet: Fleet) -> dict[str, Any]:
    """The policy document for a fleet's credentials.

    What is made must carry the fleet's tag, what is changed must carry it already, images are the chosen owner's, and
    no region may be switched on but the fleet's.
    """
    asked = {"StringEquals": {f"aws:RequestTag/{FLEET_TAG}": fleet.name}}
    ours = {"StringEquals": {f"aws:ResourceTag/{FLEET_TAG}": fleet.name}}
    regions = sorted({node.region for node in fleet.nodes if node.provider == "aws" and node.region})
    makes = sorted({arn(kind) for kinds in MAKES.values() for kind in kinds})
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("Look", LOOKS, "*"),
            _allow("MakeTagged", sorted(MAKES), makes, asked),
            _allow(
                "TagWhatIsMade",
                "ec2:CreateTags",
                makes,
                {
                    "StringEquals": {
                        **asked["StringEquals"],
                        "ec2:CreateAction": sorted(action.partition(":")[2] for action in MAKES),
                    }
                },
            ),
            _allow("MakeInOurGroupWithOurKey", "ec2:RunInstances", [arn("key-pair"), arn("security-group")], ours),
            _allow("MakeInTheNetwork", ["ec2:CreateSecurityGroup", "ec2:RunInstances"], [arn("subnet"), arn("vpc")]),
            _allow(
                "MakeFromImage",
                "ec2:RunInstances",
                "arn:aws:ec2:*::image/*",
                {"StringEquals": {"ec2:Owner": fleet.launch.image_owner}},
            ),
            _allow(
                "ChangeOurs",
                CHANGES,
                [arn(kind) for kind in ("elastic-ip", "instance", "key-pair", "security-group")],
                ours,
            ),
            _allow(
                "SwitchRegionsOn",
                "account:EnableRegion",
                "*",
                {"StringEquals": {"account:TargetRegion": regions}},
            ),
        ],
    }


def arn(kind: str) -> str:
    """Everything of a kind, in every region of the account."""
    return f"arn:aws:ec2:*:*:{kind}/*"


def _allow(
    sid: str,
    action: str | tuple[str, ...] | list[str],
    resource: str | list[str],
    condition: Any = None,  # noqa: ANN401 - JSON
) -> dict[str, Any]:
    actions = action if isinstance(action, str) else list(action)
    statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})
