"""Launching: a machine for each node of a plan, several at once; one that is refused does not hold the others."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from noc.cloud.ec2.launch import Hub, launch
from noc.cloud.ec2.machine import HostKey
from noc.cloud.ec2.owned import Owned
from noc.errors import NocError
from noc.fleet.inventory import Life, NodeRecord
from noc.fleet.model import Node
from noc.hosts.errors import AuthRefused, Unreachable
from noc.hosts.ssh import Pinned
from noc.hosts.trust import KeyPair, fingerprint, generate_key
from noc.runs.errors import NodeBlocked
from noc.runs.launch.errors import HostKeyUnknown, NotAnswering
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.site.cloud import owned
from noc.runs.site.site import Site

AT_ONCE = 8
MACHINE_S = 300
ANSWERS_S = 300
_DIAL_S = 5
_POLL_S = 1.0


async def launch_nodes(run: Run, site: Site) -> list[Verdict]:
    """Make the plan's machines.

    The fingerprint of the host key that a machine will show lies in the inventory, committed, before the machine is
    asked for: a run that is cut anywhere is gone on with by giving the command again.
    """
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> Verdict:
        async with at_once:
            return await _one(run, site, site.fleet.node(name))

    verdicts = list(await asyncio.gather(*map(one, run.plan.nodes)))
    site.book.commit(run, run.plan.label())
    return verdicts


async def _one(run: Run, site: Site, node: Node) -> Verdict:
    before = site.book.record(node.name).life
    work = NodeLaunch(run, site, node)
    try:
        changed = await walk(run, node.name, work.steps)
    except NocError as error:
        now = site.book.record(node.name).life
        return Verdict(node=node.name, before=before, now=now, verdict="failed", why=str(error))
    now = site.book.record(node.name).life
    return Verdict(node=node.name, before=before, now=now, verdict="launched" if changed else "unchanged", good=True)


class NodeLaunch:
    """One node on its way to a machine."""

    def __init__(self, run: Run, site: Site, node: Node) -> None:
        """Prepare; nothing is asked yet."""
        self._run, self._site, self._node = run, site, node
        self._pair: KeyPair | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """Look, and say which key a new machine will show; make it; see it show that key."""
        return (
            Step("host-key", 60, self.host_key),
            Step("machine", MACHINE_S, self.machine),
            Step("answers", ANSWERS_S + 10, self.answers),
        )

    async def host_key(self) -> Sequence[str]:
        """Draw the host key of a machine that is to be made; one that runs already keeps the one that it has."""
        name, record = self._node.name, self._site.book.record(self._node.name)
        if self._is_made:
            return []
        if await asyncio.to_thread(self._owned(None, []).instance) is not None:
            if record.host_key is None and record.wireguard_key is None:
                raise HostKeyUnknown(
                    f"nothing says which host key the machine of {name} must show",
                    fix=f"read it on its console: noc provision {name} --ip ADDRESS --host-key SHA256:…",
                )
            return []
        self._pair = generate_key(name)
        self._site.book.learn(name, **fresh(record, fingerprint(self._pair.public)))
        self._site.book.commit(self._run, f"the host key that {name} is to show")
        return [f"host key {fingerprint(self._pair.public)}"]

    async def machine(self) -> Sequence[str]:
        """Make what is missing of it. The private half of the host key is forgotten here, whatever becomes of it."""
        if self._is_made:
            return []
        pair, self._pair = self._pair, None
        key = HostKey(pair.private.decode(), pair.public) if pair else None
        told: list[str] = []
        made = await asyncio.to_thread(
            launch, self._owned(key, told), hub(self._site), self._site.fleet.launch, datetime.now(UTC)
        )
        learnt: dict[str, object] = {"address": made.address, "address6": made.address6}
        if self._site.book.record(self._node.name).life is Life.PLANNED:
            learnt["life"] = Life.LAUNCHED
        new = self._site.book.learn(self._node.name, **learnt)
        return [*told, *(["written down"] if new and not told else [])]

    async def answers(self) -> Sequence[str]:
        """See it show that key at its address, over SSH, before anything else is told to it."""
        record = self._site.book.record(self._node.name)
        address = record.address or record.address6
        if record.host_key is None or address is None:
            return []
        end, why = asyncio.get_running_loop().time() + ANSWERS_S, ""
        while asyncio.get_running_loop().time() < end:
            try:
                shell = await self._site.ways.dial(
                    self._node.name, str(address), Pinned(record.host_key), timeout_s=_DIAL_S
                )
            except (AuthRefused, Unreachable) as error:
                why = error.why or error.what
            else:
                await shell.close()
                return []
            await asyncio.sleep(_POLL_S)
        raise NotAnswering(f"{self._node.name} does not answer at {address}", why=why)

    @property
    def _is_made(self) -> bool:
        """Whether it is beyond all this: to make sure of it once more would open 22 again."""
        return self._site.book.record(self._node.name).life in (Life.PROVISIONED, Life.LIVE)

    def _owned(self, key: HostKey | None, told: list[str]) -> Owned:
        return owned(self._site, self._node, told.append, key)


def fresh(record: NodeRecord, key: str | None) -> dict[str, object]:
    """What is known of a node whose machine is a new one: the host key it will show, and what is not the machine's."""
    kept = {"push_token_sha256": record.push_token_sha256}
    return NodeRecord(host_key=key).model_dump() | kept


def hub(site: Site) -> Hub:
    """What a machine has to know of HQ. Raises NodeBlocked where HQ has no key yet."""
    line = site.book.inventory.hub.ssh_key
    if line is None:
        raise NodeBlocked("HQ has no SSH key", why="hub.ssh_key is not in inventory.toml", fix="noc hub install")
    return Hub(str(site.fleet.hub.address), line)
