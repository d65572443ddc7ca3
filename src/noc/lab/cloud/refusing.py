"""What the original refuses and moto lets pass: each rule looks at one request, and names the code of its refusal."""

from collections.abc import Callable, Iterable
from typing import Final

from noc.lab.cloud.account import OPT_IN, Account
from noc.lab.cloud.policy import TagsOf, allows
from noc.lab.cloud.question import Question

Refusal = tuple[str, str]
GLOBAL: Final = frozenset({"account", "pricing"})
"""Services that answer for the account, whichever region is asked."""
VCPUS: Final = {"t4g.nano": 2, "t4g.micro": 2, "t4g.small": 2}
HELD: Final = ("pending", "running")


class World:
    """What rules may ask of moto: how much of a quota is used, and whose tags a thing carries."""

    def __init__(
        self, running: Callable[[str], Iterable[str]], addresses: Callable[[str], int], tags_of: TagsOf
    ) -> None:
        """Ask by these.

        Args:
            running: the types of a region's machines that count against its quota.
            addresses: how many elastic addresses a region holds.
            tags_of: see `noc.lab.cloud.policy`.
        """
        self.running, self.addresses, self.tags_of = running, addresses, tags_of


def refusal(question: Question, account: Account, world: World) -> Refusal | None:
    """The first refusal of a request, None where it may pass."""
    rules = (_expired, _throttled, _off, _not_permitted, _failing, _not_offered, _no_quota, _no_address, _too_many)
    return next((found for rule in rules if (found := rule(question, account, world))), None)


def _expired(question: Question, account: Account, _world: World) -> Refusal | None:
    if not account.settings.expired:
        return None
    code = "RequestExpired" if question.service == "ec2" else "ExpiredTokenException"
    code = "ExpiredToken" if question.service == "sts" else code
    return code, "The security token included in the request is expired"


def _throttled(_question: Question, account: Account, _world: World) -> Refusal | None:
    if account.refused >= account.settings.throttled:
        return None
    account.refused += 1
    return "RequestLimitExceeded", "Request limit exceeded."


def _off(question: Question, account: Account, _world: World) -> Refusal | None:
    if question.service in GLOBAL or account.is_on(question.region):
        return None
    if question.service == "sts":
        return "InvalidClientTokenId", "The security token included in the request is invalid"
    if question.service != "ec2":
        return "UnrecognizedClientException", "The security token included in the request is invalid."
    says = {
        "AuthFailure": "AWS was not able to validate the provided access credentials",
        "OptInRequired": "You are not subscribed to this service. Please go to http://aws.amazon.com to subscribe.",
    }
    return account.settings.off_says, says[account.settings.off_says]


def _not_permitted(question: Question, account: Account, world: World) -> Refusal | None:
    policy = account.settings.policy
    # Everybody may ask who they are: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    if policy is None or question.call == "sts:GetCallerIdentity" or allows(policy, question, world.tags_of):
        return None
    code = "UnauthorizedOperation" if question.service == "ec2" else "AccessDeniedException"
    return code, "You are not authorized to perform this operation."


def _failing(question: Question, account: Account, _world: World) -> Refusal | None:
    code = account.settings.failing.get(question.operation)
    return (code, f"{question.operation} is refused: {code}") if code else None


def _not_offered(question: Question, account: Account, _world: World) -> Refusal | None:
    if question.call != "ec2:RunInstances" or question.region not in account.settings.not_offered:
        return None
    return "Unsupported", "The requested configuration is currently not supported."


def _no_quota(question: Question, account: Account, world: World) -> Refusal | None:
    if question.call != "ec2:RunInstances":
        return None
    wanted = VCPUS.get(str(question.fields.get("InstanceType")), 2)
    used = sum(VCPUS.get(kind, 2) for kind in world.running(question.region))
    if used + wanted <= account.settings.vcpus:
        return None
    return (
        "VcpuLimitExceeded",
        f"You have requested more vCPU capacity than your current limit of {account.settings.vcpus}",
    )


def _no_address(question: Question, account: Account, world: World) -> Refusal | None:
    if question.call != "ec2:AllocateAddress" or world.addresses(question.region) < account.settings.addresses:
        return None
    return "AddressLimitExceeded", "The maximum number of addresses has been reached."


def _too_many(question: Question, account: Account, _world: World) -> Refusal | None:
    if question.call != "account:EnableRegion":
        return None
    if question.fields.get("RegionName") not in OPT_IN:
        return "ValidationException", "The region cannot be switched on or off."
    if len(account.enabling) < account.settings.enabled_at_once:
        return None
    return "TooManyRequestsException", "The operation failed because it was called too frequently and exceeded a limit."
