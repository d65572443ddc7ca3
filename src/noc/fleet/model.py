"""The fleet as data: what `fleet.toml` says, typed and frozen."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from noc.errors import NotFound
from noc.fleet.backing import Backup
from noc.fleet.building import Nixos, OsUpdate
from noc.fleet.chatting import Agent, Discord, Telegram
from noc.fleet.judging import Judging, Maintenance, TelemetryRule
from noc.fleet.keeping import Keep
from noc.fleet.launching import Launch
from noc.fleet.naming import Dns
from noc.fleet.part import Part
from noc.fleet.placing import Placement
from noc.fleet.pushing import Push
from noc.fleet.rescuing import Rescue
from noc.fleet.rotating import Rotate
from noc.fleet.routing import Routing
from noc.fleet.scheduling import Schedule
from noc.fleet.shares import MOST_NODES, Batch
from noc.fleet.storing import Store
from noc.fleet.telling import Briefing, Channel, Route
from noc.fleet.witnessing import DeadMan, House, Outside, Witness

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$")]
Domain = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$", max_length=253)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Role = Literal["viewer", "operator", "approver", "agent"]
PlatformName = Literal["nixos", "debian"]
Rule = Literal["nobody", "one", "another", "delayed"]
OnFailure = Literal["stop", "rollback-fleet"]
WhenDown = Literal["skip", "wait", "refuse"]
Waves = Literal["fleet", "region"]
PublicKey = Annotated[str, Field(pattern=r"^[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [ -~]*)?$", max_length=2000)]
"""A public key as OpenSSH writes it, in one line."""


class Hub(Part):
    """HQ: the machine that runs `noc`, the watch and the tunnel's hub.

    `fallback` is a name that leads to it wherever it is; `rescue` are the addresses that a node without its tunnel lets
    in at 22, see `Rescue`.
    """

    name: Name
    nickname: str = ""
    city: str
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    provider: str
    platform: PlatformName
    address: IPv4Address
    tunnel: IPv4Address
    names: tuple[Name, ...] = ("noc", "soc")
    fallback: Domain | None = None
    rescue: Annotated[tuple[IPv4Address, ...], Field(max_length=8)] = ()


class Tunnel(Part):
    """The management network: hub and spokes over WireGuard."""

    network: IPv4Network
    interface: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,14}$")] = "wg0"
    port: Annotated[int, Field(ge=1, le=65535)] = 51820
    keepalive: Annotated[int, Field(ge=1, le=65535)] = 25
    mtu: Annotated[int, Field(ge=1280, le=9000)] = 1380
    push_port: Annotated[int, Field(ge=1, le=65535)] = 8084


class Policy(Part):
    """Intervals in seconds, counts, what each severity means, and how a rollout proceeds unless a command says else.

    `batch` nodes, or such a share of those that the rollout is over, are activated at a time once the canary is proven:
    over the whole fleet, or region after region, each with a canary of its own (`waves`). The rollout ends when more
    than `max_failures` nodes have failed, and then leaves the others as they are, or turns the whole fleet back. A node
    that is down is skipped, waited for (`down_wait`), or keeps the run from beginning.
    """

    push_interval: Seconds = 30
    sev2_missed: Annotated[int, Field(ge=1)] = 2
    sev1_after: Seconds = 300
    recovery_steady: Seconds = 60
    soak: Seconds = 3
    canary_soak: Seconds = 10
    health_deadline: Seconds = 30
    confirm_deadline: Seconds = 60
    batch: Batch = 1
    waves: Waves = "fleet"
    max_failures: Annotated[int, Field(ge=0, le=MOST_NODES)] = 0
    on_failure: OnFailure = "stop"
    down: WhenDown = "skip"
    down_wait: Seconds = 120
    deploy_bound: Seconds = 600
    provision_bound: Seconds = 1200
    lease_ttl: Seconds = 30


class Approval(Part):
    """Who must agree before a run begins, by its risk.

    `nobody`; `one` approver, the requester too; `another` approver than the requester; `delayed`: another at once, the
    requester `delay` seconds after the request. From the risk `signed` on, an approval is an SSH signature.
    """

    low: Rule = "nobody"
    medium: Rule = "nobody"
    high: Rule = "nobody"
    signed: Literal["low", "medium", "high", "never"] = "never"
    expires: Seconds = 3600
    delay: Annotated[float, Field(ge=0, le=86_400)] = 900


class Freeze(Part):
    """A time in which no run begins: weekly (`Fri 17:00`) or once (`2026-12-20 00:00`), as clocks in `zone` show it."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    start: Annotated[str, Field(alias="from", max_length=20)]
    end: Annotated[str, Field(alias="until", max_length=20)]
    zone: str
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class Budget(Part):
    """What the fleet may cost a month, in US dollars, and what a node is taken to use.

    `disk_gb` is a node's disk; `egress_gb` is what a node is expected to send to the internet a month.
    """

    ceiling_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    disk_gb: Annotated[int, Field(ge=4, le=16_384)] = 8
    egress_gb: Annotated[float, Field(ge=0, le=1_000_000)] = 2


class Acme(Part):
    """The certificate authority of the public names.

    `staging` takes Let's Encrypt's authority for rehearsals in the place of `directory`: it certifies nearly without
    limits, under a root that nobody trusts, which `ca_root` has to name then.
    """

    directory: Annotated[str, Field(pattern=r"^https://[!-z]+$")] = "https://acme-v02.api.letsencrypt.org/directory"
    ca_root: str | None = None
    email: Annotated[str, Field(pattern=r"^([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+)?$")] = ""
    staging: bool = False

    @property
    def authority(self) -> str:
        """The address of the directory that is asked."""
        return "https://acme-staging-v02.api.letsencrypt.org/directory" if self.staging else self.directory


class Ntfy(Part):
    """Where alerts go by default: the channel called ntfy. The token lies in HQ's credentials as `ntfy_token`."""

    url: Annotated[str, Field(pattern=r"^https?://[!-z]+$")]
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    ca_root: str | None = None


class Person(Part):
    """Somebody who may act on the fleet: `name` is the login on HQ, `ssh_key` signs approvals."""

    name: Name
    role: Role
    ssh_key: PublicKey | None = None


class Accepted(Part):
    """A finding that a person has taken responsibility for, with a reason and an end."""

    what: str
    reason: Annotated[str, Field(min_length=1)]
    who: Name
    until: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Node(Part):
    """One machine that runs the service. `public` says which addresses the world reaches it by."""

    name: Name
    number: Annotated[int, Field(ge=1, le=MOST_NODES)]
    city: str
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    region: str | None = None
    provider: str
    platform: PlatformName
    instance_type: str | None = None
    tunnel: IPv4Address
    subdomain: Name
    aliases: tuple[Domain, ...] = ()
    tags: tuple[Name, ...] = ()
    batch: Annotated[int, Field(ge=0)] = 0
    public: Literal["ipv4", "ipv6", "both"] = "ipv4"


class Fleet(Part):
    """The whole fleet file. Cross-checks (duplicates, networks, regions) are the loader's, which knows the lines."""

    name: Name
    domain: Domain
    timezone: str
    hub: Hub
    tunnel: Tunnel
    policy: Policy = Policy()
    budget: Budget
    acme: Acme = Acme()
    dns: Dns = Dns()
    routing: Routing = Routing()
    launch: Launch = Launch()
    nixos: Nixos = Nixos()
    os_update: OsUpdate | None = None
    rescue: Rescue = Rescue()
    ntfy: Ntfy
    witness: Witness = Witness()
    house: House = House()
    outside: Outside = Outside()
    dead_man: DeadMan = DeadMan()
    people: tuple[Person, ...] = ()
    approval: Approval = Approval()
    freeze: tuple[Freeze, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    judging: Judging = Judging()
    rule: tuple[TelemetryRule, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    push: Push = Push()
    keep: Keep = Keep()
    store: Store = Store()
    backup: Backup = Backup()
    rotate: Rotate = Rotate()
    placement: Placement | None = None
    schedule: tuple[Schedule, ...] = ()
    channel: tuple[Channel, ...] = ()
    route: tuple[Route, ...] = ()
    briefing: Briefing = Briefing()
    telegram: Telegram | None = None
    discord: Discord | None = None
    agent: Agent = Agent()
    nodes: tuple[Node, ...]

    def node(self, name: str) -> Node:
        """The node of that name. Raises NotFound, with the nearest name as the fix."""
        found = next((node for node in self.nodes if node.name == name), None)
        return found or self.select([name])[0]

    def select(self, names: Sequence[str]) -> tuple[Node, ...]:
        """Nodes by name, in the fleet's order, each once; "all" stands for every node.

        Raises:
            NotFound: a name is not in the fleet.
        """
        if "all" in names:
            return self.nodes
        known = {node.name for node in self.nodes}
        if unknown := [name for name in names if name not in known]:
            from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

            near = get_close_matches(unknown[0], known, 1)
            fix = f"did you mean {near[0]}?" if near else "noc nodes lists them"
            raise NotFound(f"no node is called {unknown[0]}", fix=fix)
        wanted = frozenset(names)
        return tuple(node for node in self.nodes if node.name in wanted)

    def region(self, node: Node) -> str:
        """Where a node belongs when the fleet is taken region by region: by its tag, else by its provider or country.

        The tag is the first one of `[judging] regions`, or the first of all where that names none.
        """
        wanted = self.judging.regions
        tags = (tag for tag in node.tags if wanted is None or tag in wanted)
        return next(tags, None) or node.region or node.country

    def hostname(self, node: Node) -> str:
        """A node's public name: `frankfurt.clavitor.com`."""
        return f"{node.subdomain}.{self.domain}"
