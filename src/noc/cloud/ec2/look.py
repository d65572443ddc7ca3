"""What a region has for a machine: every question that can be asked before one is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from noc.cloud.ec2.images import Image, find_image
from noc.cloud.ec2.port import Account, Region, named
from noc.cloud.ec2.regions import HOME, ON
from noc.cloud.errors import CloudRefused
from noc.fleet.launching import Launch

VCPU_QUOTA: Final = "L-1216C47A"
"""Running on-demand standard instances (A, C, D, H, I, M, R, T, Z), in vCPUs, of one region."""
HELD: Final = ("pending", "running")
T = TypeVar("T")


@dataclass(frozen=True)
class RegionSeen:
    """One region, as the account sees it.

    Attributes:
        region: its name.
        standing: in the words of the account API, "" where the account did not say.
        offered: whether it offers the type; None where that could not be asked.
        quota, used: vCPUs that may run, and that do; None where that could not be asked.
        image: what a machine would start from; None where there is none.
        refusals: what the cloud said to a question that has no answer, by the field's name.
    """

    region: str
    standing: str = ""
    offered: bool | None = None
    quota: int | None = None
    used: int | None = None
    image: Image | None = None
    refusals: Mapping[str, CloudRefused] = field(default_factory=dict)

    @property
    def is_on(self) -> bool:
        """Whether the account may use it."""
        return self.standing in ON


def whoami(account: Account) -> str:
    """Whose credentials they are, as an ARN. Raises CloudRefused and those below it."""
    return str(account.region(HOME).call("sts", "GetCallerIdentity")["Arn"])


def look(region: Region, standing: str, kind: str, settings: Launch, now: datetime) -> RegionSeen:
    """Ask a region all that matters for a machine of one type. A region that is off is asked nothing.

    Args:
        region: which.
        standing: what `standings` says of it.
        kind: the type of machine.
        settings: which image.
        now: the time, UTC.
    """
    if standing not in ON:
        return RegionSeen(region.name, standing)
    refusals: dict[str, CloudRefused] = {}

    def ask(what: str, question: Callable[[], T]) -> T | None:
        try:
            return question()
        except CloudRefused as refusal:
            refusals[what] = refusal
            return None

    return RegionSeen(
        region=region.name,
        standing=standing,
        offered=ask("offered", lambda: bool(_offers(region, kind))),
        quota=ask("quota", lambda: _quota(region)),
        used=ask("used", lambda: _used(region)),
        image=ask("image", lambda: find_image(region, settings, now)),
        refusals=refusals,
    )


def _offers(region: Region, kind: str) -> list[str]:
    wanted = named({"instance-type": [kind]})
    found = region.pages("ec2", "DescribeInstanceTypeOfferings", "InstanceTypeOfferings", Filters=wanted)
    return [each["InstanceType"] for each in found]


def _quota(region: Region) -> int:
    answer = region.call("service-quotas", "GetServiceQuota", ServiceCode="ec2", QuotaCode=VCPU_QUOTA)
    return int(answer["Quota"]["Value"])


def _used(region: Region) -> int:
    """vCPUs of all machines of the account that run there, whoever's they are."""
    wanted = named({"instance-state-name": HELD})
    found = region.pages("ec2", "DescribeInstances", "Reservations", Filters=wanted)
    options = [each.get("CpuOptions", {}) for reservation in found for each in reservation["Instances"]]
    return sum(each.get("CoreCount", 2) * each.get("ThreadsPerCore", 1) for each in options)
