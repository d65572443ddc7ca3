"""A plan: what a run will do, as data that can be printed, compared by its digest, and refused."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from noc.errors import Usage
from noc.fleet.inventory import Inventory, Life
from noc.fleet.model import Fleet, Name, Node
from noc.release.manifest import Manifest, Sha256
from noc.runs.errors import NothingToInstall, PlanRefused

Action = Literal["deploy", "provision", "keygen"]
Fingerprint = Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]


class Options(BaseModel):
    """What a person said beside nodes and release.

    Attributes:
        address: a node's public address where it is given by hand, by node.
        host_key: fingerprint of a node's host key at first contact, by node.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Mapping[str, IPv4Address] = {}
    host_key: Mapping[str, Fingerprint] = {}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read what a client sent. Raises Usage with all that is wrong with it."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            wrong = [f"{' of '.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
            fix = "an address as 192.0.2.7, a fingerprint as ssh-keygen -l prints it: SHA256:…"
            raise Usage("the options cannot be used", why="; ".join(wrong), fix=fix) from None


class Plan(BaseModel):
    """One change of the fleet, before it happens.

    Attributes:
        action: what kind of run.
        nodes: in the order in which they are taken.
        release: content hash of the release, None where the action needs none.
        version, build: of that release, for people.
        options: see Options.
        created: when it was made, UTC.
        digest: sha256 of the canonical JSON of all the rest: what an approval binds to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    nodes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=244)]
    release: Sha256 | None = None
    version: str | None = None
    build: int | None = None
    options: Options = Options()
    created: AwareDatetime
    digest: str = ""

    def sealed(self) -> Self:
        """The same plan with the digest of its content."""
        return self.model_copy(update={"digest": self.content_digest()})

    def content_digest(self) -> str:
        """Hex sha256 of the plan as canonical JSON (sorted keys, no blanks), the digest left out."""
        content = self.model_dump(mode="json", exclude={"digest"})
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def label(self) -> str:
        """The plan in words: `deploy 1.4.2 (build 7) to 3 nodes`, `provision frankfurt with 1.4.2 (build 7)`."""
        release = f"{self.version} (build {self.build})"
        nodes = self.nodes[0] if len(self.nodes) == 1 else f"{len(self.nodes)} nodes"
        if self.action == "deploy":
            return f"deploy {release} to {nodes}"
        return f"{self.action} {nodes}" + (f" with {release}" if self.release else "")


def check(document: Mapping[str, Any], fleet: Fleet) -> Plan:
    """Read a plan that a client sent, and hold it against its digest and the fleet.

    Raises:
        PlanRefused: it cannot be read, was changed after it was made, or names a node that the fleet does not have.
    """
    fix = "give the command again: the runner then makes a new plan"
    try:
        plan = Plan.model_validate(document)
    except ValueError as error:
        raise PlanRefused("the plan cannot be read", why=str(error).splitlines()[0], fix=fix) from error
    if plan.digest != plan.content_digest():
        raise PlanRefused("the plan was changed after it was made", why="its digest does not match", fix=fix)
    if len(set(plan.nodes)) < len(plan.nodes):
        raise PlanRefused("the plan names a node twice", fix=fix)
    if unknown := set(plan.nodes) - {node.name for node in fleet.nodes}:
        raise PlanRefused(f"the plan names {min(unknown)}, which the fleet does not have", fix=fix)
    return plan


def plan_deploy(fleet: Fleet, inventory: Inventory, manifest: Manifest, names: Sequence[str], now: datetime) -> Plan:
    """Plan a rollout in the fleet's order; "all" stands for every node that runs the service.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a named node was never provisioned, or no node runs the service yet.
    """
    running = [node for node in fleet.select(names) if _runs(inventory, node)]
    idle = [node.name for node in fleet.select(names) if node not in running]
    if idle and "all" not in names:
        raise Usage(f"{', '.join(idle)}: not provisioned yet", fix=f"noc provision {' '.join(idle)}")
    if not running:
        raise Usage("no node runs the service yet", fix="noc provision NODE makes one")
    return _plan("deploy", running, manifest, Options(), now)


def plan_provision(
    fleet: Fleet,
    inventory: Inventory,
    manifests: Sequence[Manifest],
    names: Sequence[str],
    now: datetime,
    *,
    chosen: Manifest | None = None,
    options: Options | None = None,
) -> Plan:
    """Plan to make nodes live, with the release that the fleet runs unless another is chosen.

    Args:
        fleet: the fleet file.
        inventory: what is known of the machines.
        manifests: the releases in the store, newest build first.
        names: nodes, or "all" for every one that is not retired.
        now: the time, UTC.
        chosen: the release to install, None for the fleet's.
        options: addresses and host keys given by hand.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a node is retired, or an option is given for a node that is not provisioned here.
        NothingToInstall: the store is empty.
    """
    options = options or Options()
    selected = fleet.select(names)
    retired = [node.name for node in selected if inventory.record(node.name).life is Life.RETIRED]
    if retired and "all" not in names:
        raise Usage(f"{', '.join(retired)} is retired", fix="set its life in inventory.toml back to planned first")
    nodes = [node for node in selected if node.name not in retired]
    if stray := (set(options.address) | set(options.host_key)) - {node.name for node in nodes}:
        raise Usage(f"an option names {min(stray)}, which is not provisioned here")
    manifest = chosen or running_release(inventory, manifests)
    if manifest is None:
        raise NothingToInstall("no release in the store", fix="noc release add DIR on HQ")
    return _plan("provision", nodes, manifest, options, now)


def plan_keygen(fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime) -> Plan:
    """Plan a rotation of tunnel keys.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a node has no tunnel yet.
    """
    nodes = fleet.select(names)
    if fresh := [node.name for node in nodes if inventory.record(node.name).wireguard_key is None]:
        raise Usage(
            f"{', '.join(fresh)}: no tunnel to rotate a key of",
            why="the pair is made on the node, over its verified SSH channel",
            fix=f"noc provision {' '.join(fresh)}",
        )
    return _plan("keygen", nodes, None, Options(), now)


def running_release(inventory: Inventory, manifests: Sequence[Manifest]) -> Manifest | None:
    """The release that most live nodes were last proven to run, the newest build where none does, None without any."""
    known = {manifest.sha256: manifest for manifest in manifests}
    votes = Counter(record.release for record in inventory.nodes.values() if record.life is Life.LIVE)
    for sha, _count in votes.most_common():
        if sha in known:
            return known[sha]
    return max(manifests, key=lambda manifest: manifest.build, default=None)


def _runs(inventory: Inventory, node: Node) -> bool:
    return inventory.record(node.name).life in (Life.PROVISIONED, Life.LIVE)


def _plan(action: Action, nodes: Sequence[Node], manifest: Manifest | None, options: Options, now: datetime) -> Plan:
    return Plan(
        action=action,
        nodes=tuple(node.name for node in nodes),
        release=manifest.sha256 if manifest else None,
        version=manifest.version if manifest else None,
        build=manifest.build if manifest else None,
        options=options,
        created=now,
    ).sealed()
