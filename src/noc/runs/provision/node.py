"""The steps that make one machine a live node. The order is what keeps HQ from locking itself out."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from noc.errors import NocError
from noc.fleet.inventory import Life, NodeRecord
from noc.fleet.model import Node
from noc.hosts.errors import ActivationRefused, HostKeyMismatch, Unreachable
from noc.hosts.platform import NodeConfig
from noc.hosts.shell import Shell
from noc.hosts.ssh import Authority, Pinned
from noc.hosts.systemd import HOST_CERTIFICATE
from noc.hosts.trust import renewal_due, sign_host
from noc.hosts.web import Health
from noc.mesh.keys import check_public
from noc.mesh.status import LinkState, link_state
from noc.release.store import Release
from noc.runs.errors import MachineUnfit, NotProven, WatchAbsent
from noc.runs.naming.certificates import put_back, take_copies
from noc.runs.naming.names import check_named
from noc.runs.plan.plan import Options
from noc.runs.provision.fitness import unfit
from noc.runs.record.events import State
from noc.runs.record.steps import Step
from noc.runs.rollout.configuration import stage_configuration
from noc.runs.rollout.eyes import SERVICE
from noc.runs.rollout.node import NodeRollout
from noc.runs.rollout.preflight import shows
from noc.runs.site import pushtoken
from noc.runs.site.configuration import node_config
from noc.runs.site.contact import Route, reach, routes
from noc.runs.site.environment import bring_environment
from noc.runs.site.handshake import await_counters
from noc.runs.site.hqkeys import HOST_CA, key_of
from noc.runs.site.site import Site

FIREWALL_REVERT_S = 60
HANDSHAKE_S = 60
HUB_APPLIES_S = 20
CERTIFICATE_S = 180
_POLL_S = 0.5
_RECONNECT_S = 15


class NodeProvision:
    """One machine on its way to being a live node."""

    def __init__(
        self,
        site: Site,
        node: Node,
        options: Options,
        *,
        rollout: NodeRollout,
        release: Release,
        staging: asyncio.Semaphore,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            site: the fleet.
            node: the node.
            options: address and host key given by hand.
            rollout: installs the release where the node has none.
            release: what it installs.
            staging: bounds how many releases are sent at a time.
        """
        self._site, self._node, self._options = site, node, options
        self._rollout, self._release, self._staging = rollout, release, staging
        self._platform = site.ways.platform(node)
        self._route: Route | None = None
        self._open: Shell | None = None
        self.running: str | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The way from a machine with an SSH server to a live node; every step may be taken again."""
        return (
            Step("contact", 60, self.contact),
            Step("facts", 30, self.facts),
            Step("name", 30, self.named),
            Step("packages", 900, self.packages),
            Step("host-key", 60, self.host_key),
            Step("tunnel-key", 60, self.tunnel_key),
            Step("tunnel", 60, self.tunnel),
            Step("handshake", HANDSHAKE_S, self.handshake),
            Step("tunnel-ssh", 60, self.tunnel_ssh),
            Step("escrow", 60, self.escrow),
            Step("units", 120, self.units),
            Step("environment", 60, self.environment),
            Step("firewall", 90, self.firewall),
            Step("release", 300, self.release),
            Step("certificate", CERTIFICATE_S, self.certificate),
            Step("health", 90, self.health),
            Step("live", 30, self.live),
        )

    async def close(self) -> None:
        """End the connections."""
        await self._rollout.link.close()
        if self._open is not None:
            await self._open.close()

    @property
    def _shell(self) -> Shell:
        assert self._open is not None
        return self._open

    async def _switch(self, route: Route, shell: Shell) -> None:
        """Go on over another connection."""
        before, self._open, self._route = self._open, shell, route
        if before is not None:
            await before.close()

    async def contact(self) -> Sequence[str]:
        """Reach the machine, by the tunnel if it is up, and see that it is the one that is meant."""
        name, record = self._node.name, self._site.book.record(self._node.name)
        found = self.routes(record)
        route, shell = await reach(self._node, self._site.ways, found)
        await self._switch(route, shell)
        learnt: dict[str, object] = {}
        if route.via == "public":
            learnt["address"] = route.address
            learnt["host_key"] = route.trust.fingerprint if isinstance(route.trust, Pinned) else None
        if record.life is Life.PLANNED:
            learnt["life"] = Life.LAUNCHED
        return [f"reached at {route.address}"] if self._site.book.learn(name, **learnt) else []

    def routes(self, record: NodeRecord) -> tuple[Route, ...]:
        """The ways to the machine, the best first. Raises as `noc.runs.site.contact.routes`."""
        return routes(self._node, record, self._site.authority(self._node), self._options)

    async def facts(self) -> Sequence[str]:
        """Read what the machine is. Raises MachineUnfit with all that stands against it."""
        facts = await self._platform.facts(self._shell)
        if found := unfit(facts):
            fix = "mend that, or take another machine, then give the command again"
            raise MachineUnfit(f"{self._node.name} cannot become a node", why="; ".join(found), fix=fix)
        return []

    async def named(self) -> Sequence[str]:
        """See that the node's name leads to it before anybody certifies it: failures there count.

        Where HQ does not keep the fleet's names, a person does. Raises NameMissing.
        """
        await check_named(self._site, self._node)
        return []

    async def packages(self) -> Sequence[str]:
        """Install what a node needs."""
        return (await self._platform.packages(self._shell)).changed

    async def host_key(self) -> Sequence[str]:
        """Let the node make its own host key, certify it, and come back under HQ's authority alone.

        Taken again, it renews a certificate that has less than a third of its life left.
        """
        assert self._route is not None
        certified = isinstance(self._route.trust, Authority)
        if certified:
            there = await self._shell.run("cat", HOST_CERTIFICATE, check=False)
            if not renewal_due(there.stdout, datetime.now(UTC)):
                return []
        public = await self._platform.host_key(self._shell)
        line = self._site.book.inventory.hub.host_ca or ""
        authority = key_of(self._site.paths.credentials, HOST_CA, line).read_bytes()
        change = await self._platform.host_certificate(self._shell, sign_host(authority, public, self._node.name))
        trust = self._site.authority(self._node)
        shell = await self._dial(self._route.address, trust)
        await self._switch(Route(self._route.via, self._route.address, trust, _RECONNECT_S), shell)
        self._site.book.learn(self._node.name, host_key=None)
        return change.changed or (() if certified else ("the injected host key is dead",))

    async def _dial(self, address: str, trust: Authority) -> Shell:
        """Come back, to an SSH server that may be starting again, or still show its old key for a moment."""
        end = time.monotonic() + _RECONNECT_S
        while True:
            try:
                return await self._site.ways.dial(self._node.name, address, trust, timeout_s=_RECONNECT_S)
            except (Unreachable, HostKeyMismatch):
                if time.monotonic() >= end:
                    raise
                await asyncio.sleep(_POLL_S)

    async def tunnel_key(self) -> Sequence[str]:
        """Let the node make its tunnel key, and hand its public half to the hub.

        A node whose first handshake finds a hub that does not know it tries again after 5 s, so the hub comes first.
        """
        public = check_public(await self._platform.tunnel_key(self._shell), self._node.name)
        learnt = self._site.book.learn(self._node.name, wireguard_key=public, wireguard_key_before=None)
        rendered = self._site.book.render(self._site.fleet)
        await await_counters(self._site, self._node.name, HUB_APPLIES_S, lambda status: status is not None)
        return [*(["public key"] if learnt else []), *rendered]

    async def tunnel(self) -> Sequence[str]:
        """Bring the node's end of the tunnel up."""
        return (await self._platform.tunnel(self._shell, self._config())).changed

    async def handshake(self) -> Sequence[str]:
        """See the node's handshake at the hub."""
        await await_counters(
            self._site,
            self._node.name,
            HANDSHAKE_S - 1,
            lambda status: link_state(status, time.time()) is LinkState.UP,
        )
        self._site.book.learn(self._node.name, hub=self._site.fleet.hub.address, hub_key=None)
        return []

    async def tunnel_ssh(self) -> Sequence[str]:
        """Prove SSH through the tunnel; from here on nothing else is used."""
        assert self._route is not None
        if self._route.via == "tunnel":
            return []
        trust = self._site.authority(self._node)
        address = str(self._node.tunnel)
        await self._switch(Route("tunnel", address, trust, _RECONNECT_S), await self._dial(address, trust))
        return []

    async def escrow(self) -> Sequence[str]:
        """Put copies of the node's certificates back before its proxy starts and asks for new ones."""
        return await put_back(self._site, self._node, self._shell)

    async def units(self) -> Sequence[str]:
        """Install users, directories, node programs, the service's units and the proxy."""
        return (await self._platform.units(self._shell, self._config())).changed

    async def environment(self) -> Sequence[str]:
        """Give the service its environment; a push token that the node holds and HQ knows is kept."""
        there = await self._shell.run("cat", pushtoken.ENVIRONMENT, check=False)
        token = pushtoken.token_in(there.stdout)
        known = self._site.book.record(self._node.name).push_token_sha256
        if token is None or pushtoken.token_hash(token) != known:
            token = pushtoken.new_token()
            self._site.book.learn(self._node.name, push_token_sha256=pushtoken.token_hash(token))
        await self._site.watch.reload()
        changed = await bring_environment(self._site, self._node, self._shell, token)
        if changed and (await self._platform.status(self._shell, SERVICE)).get("ActiveState") == "active":
            await self._platform.restart(self._shell, SERVICE)
        return changed

    async def firewall(self) -> Sequence[str]:
        """Close the firewall; it opens again by itself unless HQ comes back through the tunnel and confirms."""
        closed = await self._platform.firewall(self._shell, self._config(), revert_after_s=FIREWALL_REVERT_S)
        trust, address = self._site.authority(self._node), str(self._node.tunnel)
        await self._switch(Route("tunnel", address, trust, _RECONNECT_S), await self._dial(address, trust))
        kept = await self._platform.firewall_confirm(self._shell)
        if self._site.book.record(self._node.name).life is not Life.LIVE:
            self._site.book.learn(self._node.name, life=Life.PROVISIONED)
        return (*closed.changed, *kept.changed)

    async def release(self) -> Sequence[str]:
        """Install the release on a node that has proven none yet; which one it runs later is for rollouts to say.

        With it, what the steps before have installed becomes the configuration in force: a later one has a way back.
        """
        facts = await self._rollout.settled()
        self.running = facts.current
        if facts.current is not None and facts.current in facts.proven:
            return []
        await self._rollout.preflight()
        async with self._staging:
            await self._site.ways.activator(self._shell).stage(self._release.directory)
        await self.bring_data()
        bundle = self._platform.bundle(self._config())
        await stage_configuration(self._site, self._node, self._rollout.link, bundle)
        change = self._rollout.change()
        try:
            await change.begin()
            await change.confirm()
        except (ActivationRefused, WatchAbsent):
            raise
        except NocError as error:
            # Skipped where the node has heard our yes, and only its answer was lost.
            if (await change.revert(str(error))).state is not State.SKIPPED:
                raise
        finally:
            await asyncio.gather(change.close(), change.window.close())
        self.running = self._release.sha256
        return [f"release {self._site.label(self.running)}"]

    async def bring_data(self) -> None:
        """What a release finds when it first runs: nothing, on a node that is new."""

    async def certificate(self) -> Sequence[str]:
        """See the public name answer over HTTPS with a certificate that holds."""
        end = time.monotonic() + CERTIFICATE_S - 5
        changed: Sequence[str] = ()
        while (public := await self._public()).certificate_ends is None:
            if time.monotonic() >= end:
                fix = f"does {self._site.fleet.hostname(self._node)} resolve to the node, and are 80 and 443 open?"
                raise NotProven(f"{self._node.name} has no valid certificate", why=public.trouble, fix=fix)
            changed = ("certificate issued",)
            await asyncio.sleep(_POLL_S)
        return [*changed, *await take_copies(self._site, self._node, self._shell)]

    async def _public(self) -> Health:
        return await self._site.web.health(self._site.fleet.hostname(self._node))

    async def health(self) -> Sequence[str]:
        """See the release answer in public, and the watch hear the very process that answers."""
        manifest = self._site.releases.get(self.running or "").manifest
        end = time.monotonic() + self._site.fleet.policy.health_deadline
        while True:
            public, heard = await asyncio.gather(self._public(), self._site.watch.heard(self._node.name))
            if shows(public, manifest) and heard is not None and heard == public.boot_id:
                return []
            if time.monotonic() >= end:
                raise NotProven(f"{self._node.name} is not healthy", why=_lacking(public, heard))
            await asyncio.sleep(_POLL_S)

    async def live(self) -> Sequence[str]:
        """Call the node live: from here on it is judged."""
        rotated = {**self._site.book.record(self._node.name).rotated, **self._listed()}
        learnt = self._site.book.learn(self._node.name, life=Life.LIVE, release=self.running, rotated=rotated)
        await self._site.watch.reload()
        return ["live"] if learnt else []

    def _listed(self) -> dict[str, datetime]:
        """Since when the node has HQ's list of signers, where a rotation changed it and the node got it here."""
        changed = self._site.book.inventory.hub.rotated.get("signer")
        had = self._site.book.record(self._node.name).rotated.get("signer")
        behind = changed is not None and (had is None or had < changed)
        return {"signer": datetime.now(UTC)} if behind else {}

    def _config(self) -> NodeConfig:
        return node_config(self._site, self._node)


def _lacking(public: Health, heard: str | None) -> str:
    if public.status != 200:
        return public.trouble or f"HTTPS answers {public.status}"
    if heard is None:
        return "the watch has heard no heartbeat of it"
    if heard != public.boot_id:
        return "the last heartbeat is of another process"
    return f"HTTPS shows {public.version} build {public.build}"
