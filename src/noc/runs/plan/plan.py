"""A plan: what a run will do, as data that can be printed, compared by its digest, and refused."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from noc.errors import Usage
from noc.fleet.model import Fleet, Name, OnFailure, Seconds, Waves, WhenDown
from noc.fleet.rotating import Secret
from noc.fleet.shares import MOST_NODES, counted, read_batch
from noc.release.manifest import Sha256
from noc.runs.errors import NodeBlocked, PlanRefused
from noc.runs.plan.phrase import phrase

Action = Literal[
    "deploy",
    "rollback",
    "provision",
    "keygen",
    "os-update",
    "reboot",
    "dns",
    "apex",
    "launch",
    "terminate",
    "adopt",
    "opt-in",
    "rescue",
    "move",
    "backup",
    "restore",
    "replace",
    "remove",
    "rotate",
    "drill",
]
Risk = Literal["low", "medium", "high"]
Standing = Literal["change", "unchanged", "down", "blocked"]
Fault = Literal["kill", "reboot", "cut", "disk-full", "clock", "bad-release", "hq-down"]
"""What a drill breaks."""
Fingerprint = Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]


class Options(BaseModel):
    """What a person said beside nodes and release.

    Attributes:
        address: a node's public address where it is given by hand, by node.
        host_key: fingerprint of a node's host key at first contact, by node.
        restore_data: a node that is turned back gets the database from before the change; later writes are lost.
        override_freeze: why the run may begin in a freeze, "" where it may not.
        hub: HQ's new address, where nodes get it as their tunnel's endpoint; None otherwise.
        force: a node that is live may lose its machine.
        retire: a node whose machine ends is to get no other.
        at: the time whose data a node gets back: that of its newest backup until then.
        secret: what is rotated; None otherwise.
        without: nodes that a rotation of HQ's tunnel key goes on without, where they are down.
        drill: the fault that is rehearsed, "" for none.
        hold: seconds that it lasts, None for as long as it takes to be noticed.
        at_once: a node that leaves does not serve on until its name is forgotten everywhere.
        gone: the machine of a node that leaves is no more, and is not asked for anything.
        without_backup: a node leaves without a last backup.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Mapping[str, IPv4Address] = {}
    host_key: Mapping[str, Fingerprint] = {}
    restore_data: bool = False
    override_freeze: Annotated[str, Field(max_length=200)] = ""
    hub: IPv4Address | None = None
    force: bool = False
    retire: bool = False
    at: AwareDatetime | None = None
    secret: Secret | None = None
    without: Annotated[tuple[Name, ...], Field(max_length=MOST_NODES)] = ()
    drill: Annotated[str, Field(pattern=r"^[a-z-]{0,20}$")] = ""
    hold: Annotated[float, Field(gt=0, le=3600)] | None = None
    at_once: bool = False
    gone: bool = False
    without_backup: bool = False

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read what a client sent. Raises Usage with all that is wrong with it."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            wrong = [f"{' of '.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
            fix = "an address as 192.0.2.7, a fingerprint as ssh-keygen -l prints it: SHA256:…"
            raise Usage("the options cannot be used", why="; ".join(wrong), fix=fix) from None


class Rules(BaseModel):
    """How a rollout proceeds; see `noc.fleet.model.Policy`, whose values stand where a command says nothing.

    Attributes:
        batch: nodes that are activated in one wave, once the canary is proven.
        max_failures: nodes that may fail before the rollout ends.
        on_failure: what becomes of the nodes that were changed already.
        down: what is done about a node that cannot be reached.
        down_wait: seconds to wait for it.
        soak, canary_soak: seconds for which a node, and the first one, has to stay steady.
        waves: whether there is one canary for all nodes, or regions are taken one after the other, each with its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: Annotated[int, Field(ge=1, le=MOST_NODES)] = 1
    max_failures: Annotated[int, Field(ge=0, le=MOST_NODES)] = 0
    on_failure: OnFailure = "stop"
    down: WhenDown = "skip"
    down_wait: Seconds = 120
    soak: Seconds = 3
    canary_soak: Seconds = 10
    waves: Waves = Field(default="fleet", exclude_if=lambda waves: waves == "fleet")

    @field_validator("batch", mode="before")
    @classmethod
    def _counted(cls, batch: Any, info: ValidationInfo[int | None]) -> Any:  # noqa: ANN401 - as it was said
        return batch if info.context is None else counted(read_batch(batch), info.context)

    @classmethod
    def read(cls, fleet: Fleet, said: Mapping[str, Any], nodes: int) -> Self:
        """The fleet's policy with what a command said laid over it.

        Args:
            fleet: the fleet file.
            said: what the command said, by the names of the policy.
            nodes: how many the rollout is over, of which a batch may be a share.

        Raises:
            Usage: with all that is wrong with what was said.
        """
        policy = {name: getattr(fleet.policy, name) for name in cls.model_fields}
        try:
            return cls.model_validate({**policy, **said}, context=nodes)
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
            raise Usage("the rollout cannot proceed so", why="; ".join(wrong), fix="noc deploy --help") from None


class PackageChange(BaseModel):
    """A package whose version changes; None where it is not installed before, or not afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(max_length=200)]
    old: Annotated[str | None, Field(max_length=200)]
    new: Annotated[str | None, Field(max_length=200)]


class NodePlan(BaseModel):
    """What a rollout would do to one node, by what the node said when it was asked.

    Attributes:
        node: its name.
        position: its place in the order, from 1.
        wave: 0 for the canary, then the batches; where regions are taken one by one, each begins with a wave of one.
        state: `change`, `unchanged`, `down` (cannot be reached) or `blocked` (see problems).
        running, target: the release that it runs, and is to run; None for none.
        config: the configuration that it is to have, as the bundle's hash; None where that stays.
        system: the set of packages that it is to have, by its hash; None where they stay.
        packages: those of the set.
        download: bytes that the node itself has to fetch from its archive for that.
        reboot: packages of which the old version runs until the machine starts anew.
        bytes: what has to be sent.
        disk_free, memory_free: bytes; None where the node did not say.
        differences: files that would change.
        problems: why it cannot be done, in words.
        notes: what is worth knowing and prevents nothing, in words.
        loss: what is lost since data is put back, in words; "" where none is.
        seconds: how long the node is expected to take, its part of the staging included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: Name
    position: Annotated[int, Field(ge=1)]
    wave: Annotated[int, Field(ge=0)] = 0
    state: Standing
    running: Sha256 | None = None
    target: Sha256 | None = None
    config: Sha256 | None = None
    system: Sha256 | None = None
    packages: Annotated[tuple[PackageChange, ...], Field(max_length=5000)] = ()
    download: Annotated[int, Field(ge=0)] = 0
    reboot: tuple[str, ...] = ()
    bytes: Annotated[int, Field(ge=0)] = 0
    disk_free: int | None = None
    memory_free: int | None = None
    differences: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    loss: str = ""
    seconds: float = 0


class PlannedFault(BaseModel):
    """One fault of a drill.

    Attributes:
        fault: what is broken.
        node: whose; HQ's name where it is HQ's own.
        hold_s: seconds after which it ends by itself; 0 for one that is over at once.
        left_out: why it is not made, in words; "" where it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: Fault
    node: Name
    hold_s: Annotated[float, Field(ge=0, le=3600)] = 0
    left_out: str = ""


class Estimate(BaseModel):
    """How long a rollout is expected to take, in seconds, beside what it may take.

    Attributes:
        stage_s: sending, all nodes together.
        activate_s: activating, proving and soaking, one wave after the other.
        total_s: from the survey to the last node: each is activated while later ones are sent theirs.
        bound_s: what the fleet allows.
        source: what it rests on, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage_s: float
    activate_s: float
    total_s: float
    bound_s: float
    source: str


class Plan(BaseModel):
    """One change of the fleet, before it happens.

    Attributes:
        action: what kind of run.
        nodes: in the order in which they are taken.
        regions: the region of each of them, where they are taken region by region; empty otherwise.
        release: content hash of the release, None where the action needs none, or where nodes differ.
        version, build: of that release, for people.
        configuration: whether nodes get the configuration that is rendered for them.
        system: whether nodes get the newest versions of the packages that they have; on NixOS, the system that the
            lock of nixpkgs leads to.
        lock: a new lock of nixpkgs, by its hash; None where the fleet's stays.
        options: see Options.
        rules: how a rollout proceeds.
        rows: what it does to each node; empty for actions that are no rollouts.
        records: every change of the zone in words, where the plan is about names.
        faults: what a drill breaks; empty for every other action.
        lab: whether the HQ that made the plan is one of a lab.
        estimate: how long it takes; None where that is not known.
        risk: what decides who has to agree.
        basis: hash of what the fleet was when the plan was made; a start is refused once that has moved.
        created: when it was made, UTC.
        digest: sha256 of the canonical JSON of all the rest: what an approval binds to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    nodes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_NODES)]
    regions: Annotated[tuple[str, ...], Field(max_length=MOST_NODES, exclude_if=lambda regions: not regions)] = ()
    release: Sha256 | None = None
    version: str | None = None
    build: int | None = None
    configuration: bool = False
    system: bool = False
    lock: Sha256 | None = None
    options: Options = Options()
    rules: Rules = Rules()
    rows: Annotated[tuple[NodePlan, ...], Field(max_length=MOST_NODES)] = ()
    records: Annotated[tuple[str, ...], Field(max_length=5000)] = ()
    faults: Annotated[tuple[PlannedFault, ...], Field(max_length=64)] = ()
    lab: bool = False
    estimate: Estimate | None = None
    risk: Risk = "low"
    basis: str = ""
    created: AwareDatetime
    digest: str = ""

    @property
    def phrase(self) -> str:
        """The digest's first bits as four words, for people to compare."""
        return phrase(self.digest)

    @property
    def is_rollout(self) -> bool:
        """Whether nodes that run are changed, one proven after the other."""
        return self.action in ("deploy", "rollback", "os-update")

    @property
    def has_work(self) -> bool:
        """Whether there is anything to do: always, unless every node with a row, and every name, is as it is wanted."""
        return bool(self.records or self.faults) or not self.rows or any(row.state != "unchanged" for row in self.rows)

    @property
    def blocked(self) -> tuple[NodePlan, ...]:
        """The nodes that keep a rollout from beginning. A way back begins without them, unless no node can take it."""
        refused = ("blocked", "down") if self.rules.down == "refuse" else ("blocked",)
        found = tuple(row for row in self.rows if row.state in refused)
        return () if self.action == "rollback" and len(found) < len(self.rows) else found

    @property
    def region_of(self) -> Mapping[str, str]:
        """The region of each node, by name; empty where nodes are not taken region by region."""
        return dict(zip(self.nodes, self.regions, strict=False))

    def row(self, node: str) -> NodePlan:
        """What is planned for a node. Raises KeyError where nothing is."""
        try:
            return next(row for row in self.rows if row.node == node)
        except StopIteration:
            raise KeyError(node) from None

    def sealed(self) -> Self:
        """The same plan with the digest of its content."""
        return self.model_copy(update={"digest": self.content_digest()})

    def content_digest(self) -> str:
        """Hex sha256 of the plan as canonical JSON (sorted keys, no blanks), the digest left out."""
        content = self.model_dump(mode="json", exclude={"digest"})
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def label(self) -> str:
        """The plan in words: `deploy 1.4.2 (build 7) to 3 nodes`, `provision frankfurt with 1.4.2 (build 7)`."""
        nodes = self.nodes[0] if len(self.nodes) == 1 else f"{len(self.nodes)} nodes"
        release = f"{self.version} (build {self.build})" if self.release else ""
        if self.options.hub:
            return f"move HQ to {self.options.hub} on {nodes}"
        if self.action == "deploy":
            parts = [release, "configuration" if self.configuration else "", "system" if self.system else ""]
            return f"deploy {' and '.join(filter(None, parts))} to {nodes}"
        if self.action == "dns":
            return f"dns: {len(self.records)} records"
        if self.action == "rotate":
            return f"rotate {self.options.secret} of {nodes}"
        if self.action == "drill":
            return f"drill {self.options.drill} on {nodes}" + (f" with {release}" if release else "")
        at = self.options.at
        brought = [release, f"the data of {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""]
        return f"{self.action} {nodes}" + (f" with {' and '.join(filter(None, brought))}" if any(brought) else "")


def canaries(rows: Sequence[NodePlan], regions: Mapping[str, str]) -> frozenset[str]:
    """The nodes that are activated alone and soak longest: the first that changes, or the first of each region.

    Args:
        rows: in the plan's order.
        regions: the region of each node, by name; nothing where there is one canary for all.
    """
    first: dict[str | None, str] = {}
    for row in rows:
        if row.state == "change":
            first.setdefault(regions.get(row.node), row.node)
    return frozenset(first.values())


def check_blocked(plan: Plan) -> None:
    """Refuse a plan that cannot be carried out. Raises NodeBlocked with every problem of every node."""
    if found := plan.blocked:
        names = ", ".join(row.node for row in found)
        why = "; ".join(f"{row.node}: {problem}" for row in found for problem in row.problems)
        fix = "mend that, or name the other nodes, then give the command again"
        raise NodeBlocked(f"the plan cannot be carried out on {names}", why=why, fix=fix)


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
