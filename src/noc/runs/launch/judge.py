"""What the facts of a preflight mean. Pure: everything was read before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from noc.cloud.ec2.look import RegionSeen
from noc.errors import NocError
from noc.fleet.cost import FleetCost
from noc.fleet.model import Fleet, Node
from noc.runs.launch.finding import Finding, failed, passed, unknown

VCPUS: Final = 2
"""Of the smallest machine of the family, as of the fleet's."""
LEAST_MEMORY: Final = 1024 * 1024 * 1024
LEAST_DISK: Final = 5 * 1024 * 1024 * 1024
MIB: Final = 1024 * 1024
HOUSE_FIX: Final = "a larger machine for HQ: docs/operators-guide.md says what it needs"
QUOTA_FIX: Final = "ask for more at Service Quotas, Amazon EC2, running on-demand standard instances"
DNS_CREDENTIALS: Final = {"cloudflare": "dns_token", "rfc2136": "dns_tsig"}


@dataclass(frozen=True)
class House:
    """What HQ is.

    Attributes:
        memory, disk: bytes, of all its memory and free where runs are kept.
        missing: programs that are not there.
        credentials: names of those that the runner was handed.
    """

    memory: int
    disk: int
    missing: tuple[str, ...] = ()
    credentials: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Certificates:
    """What the authority lets the domain have this week.

    Attributes:
        counted: whether HQ keeps count of what was issued.
        left: how many are left; None where the authority sets no limit.
        beyond: why those that are needed are too many, "" where they are not.
    """

    counted: bool
    left: int | None = None
    beyond: str = ""


@dataclass(frozen=True)
class Seen:
    """All facts of one preflight.

    Attributes:
        identity: whose credentials they are, as an ARN; or why that is not known.
        regions: by node, where the account could be asked.
        house: HQ.
        cost: the fleet's bill.
        certificates: what the authority lets the domain have.
        machines: nodes that have their machine already.
    """

    identity: str | NocError
    regions: Mapping[str, RegionSeen]
    house: House
    cost: FleetCost
    certificates: Certificates = Certificates(counted=False)
    machines: frozenset[str] = field(default=frozenset())


def judge(fleet: Fleet, seen: Seen) -> list[Finding]:
    """All findings: the account's, each node's, the fleet's, HQ's; none of them accepted yet."""
    nodes = [node for node in fleet.nodes if node.provider == "aws"]
    return [
        *_account(seen),
        *(
            finding
            for node in nodes
            for finding in judge_node(node, seen.regions.get(node.name), has_machine=node.name in seen.machines)
        ),
        *_fleet(fleet, seen),
        *_house(fleet, seen.house),
    ]


def _account(seen: Seen) -> Iterator[Finding]:
    if isinstance(seen.identity, NocError):
        yield _of("account", "credentials", seen.identity)
    else:
        yield passed("account", "credentials", seen.identity)


def judge_node(node: Node, region: RegionSeen | None, *, has_machine: bool) -> Iterator[Finding]:
    """What stands in the way of one node's machine, and what does not.

    Args:
        node: the node.
        region: its region; None where the account could not be asked.
        has_machine: whether its machine runs already, and counts as used.
    """
    if region is None:
        yield unknown(node.name, "region", "the account could not be asked", "see the finding on the credentials")
        return
    if not region.is_on:
        fix = "noc preflight --enable-regions asks for it and waits"
        yield failed(node.name, "region", f"{region.region} is {region.standing.lower() or 'unknown'}", fix)
        return
    yield passed(node.name, "region", f"{region.region} is on")
    yield _offered(node, region)
    yield _quota(node, region, has_machine=has_machine)
    yield _image(node, region)


def _offered(node: Node, region: RegionSeen) -> Finding:
    if refusal := region.refusals.get("offered"):
        return _of(node.name, "type", refusal)
    if region.offered:
        return passed(node.name, "type", f"{node.instance_type} is offered")
    fix = f"give {node.name} another instance_type or region, or accept it as left out: [[accepted]]"
    return failed(node.name, "type", f"{region.region} offers no {node.instance_type} at present", fix)


def _quota(node: Node, region: RegionSeen, *, has_machine: bool) -> Finding:
    if refusal := region.refusals.get("quota") or region.refusals.get("used"):
        return _of(node.name, "quota", refusal)
    assert region.quota is not None
    assert region.used is not None
    words = f"{region.used} of {region.quota} vCPUs are used"
    wanted = 0 if has_machine else VCPUS
    if region.used + wanted <= region.quota:
        return passed(node.name, "quota", words)
    return failed(node.name, "quota", f"{words}, {wanted} are needed", f"{QUOTA_FIX}, in {region.region}")


def _image(node: Node, region: RegionSeen) -> Finding:
    if region.image is None:
        return _of(node.name, "image", region.refusals["image"])
    return passed(node.name, "image", f"{region.image.name} of {region.image.created:%Y-%m-%d}")


def _fleet(fleet: Fleet, seen: Seen) -> Iterator[Finding]:
    cost = seen.cost
    words = f"${cost.usd:.2f} a month, ceiling ${cost.ceiling_usd:.0f}"
    if cost.over <= 0:
        yield passed("fleet", "ceiling", words)
    else:
        yield failed("fleet", "ceiling", words, f"noc cost --fit {cost.ceiling_usd:.0f}, or accept it: [[accepted]]")
    name = DNS_CREDENTIALS[fleet.dns.provider]
    if name in seen.house.credentials:
        yield passed("fleet", "dns", f"HQ has {name}")
    else:
        yield failed("fleet", "dns", f"HQ has no {name}", f"noc hub secret set {name}, as root on HQ")
    yield _certificates(fleet, seen.certificates)


def _certificates(fleet: Fleet, there: Certificates) -> Finding:
    if there.beyond:
        fix = "launch fewer nodes now, or rehearse: acme.staging in fleet.toml"
        return failed("fleet", "certificates", there.beyond, fix)
    if there.left is None:
        return passed("fleet", "certificates", "the authority sets no limit")
    if not there.counted:
        fix = f"noc hub install lets HQ keep count; until then look at crt.sh for {fleet.domain}"
        return unknown("fleet", "certificates", "nobody has counted what was issued this week", fix)
    return passed("fleet", "certificates", f"{there.left} of this week's are left")


def _house(fleet: Fleet, house: House) -> Iterator[Finding]:
    name = fleet.hub.name
    sizes = (("memory", house.memory, LEAST_MEMORY, ""), ("disk", house.disk, LEAST_DISK, " free"))
    for what, size, least, word in sizes:
        words = f"{size // MIB} MiB{word}"
        if size >= least:
            yield passed(name, what, words)
        else:
            yield failed(name, what, f"{words}, {least // MIB} are needed", HOUSE_FIX)
    if house.missing:
        yield failed(name, "programs", f"{', '.join(house.missing)} not found", "noc hub install on HQ")
    else:
        yield passed(name, "programs", "all are there")


def _of(subject: str, check: str, error: NocError) -> Finding:
    return failed(subject, check, f"{error.what}: {error.why}" if error.why else error.what, error.fix or "see why")
