"""A node whose machine has another public address: proven, then written down; its name in the DNS is looked at."""

import asyncio
import socket
import time
from collections.abc import Sequence
from ipaddress import IPv4Address

from noc.errors import NocError
from noc.fleet.model import Node
from noc.runs.plan.plan import NodePlan, Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.rescue.errors import NotMoved
from noc.runs.rescue.rescue import carries
from noc.runs.site.handshake import counters
from noc.runs.site.site import Site

PROOF_S = 60
_POLL_S = 1.0


async def survey_move(site: Site, plan: Plan) -> Plan:
    """Complete the outline: what would be written down, and whether the node's tunnel is there to prove it by."""
    rows = [await _row(site, plan, name, place) for place, name in enumerate(plan.nodes, 1)]
    return plan.model_copy(update={"rows": tuple(rows)})


async def _row(site: Site, plan: Plan, name: str, position: int) -> NodePlan:
    known, new = site.book.record(name).address, plan.options.address[name]
    if known == new:
        return NodePlan(node=name, position=position, state="unchanged")
    if not await carries(site, site.fleet.node(name)):
        problem = "its tunnel does not carry, and nothing else proves which machine that is: noc rescue brings it back"
        return NodePlan(node=name, position=position, state="blocked", problems=(problem,))
    return NodePlan(node=name, position=position, state="change", differences=(f"address {known or '-'} → {new}",))


async def move(run: Run, site: Site) -> list[Verdict]:
    """Write the plan's new addresses down, each once it is proven.

    Returns:
        One verdict a node: `moved`, `unchanged`, or `not moved` with the reason; `why` of a moved one says what is left
        to do about its name.
    """
    verdicts = [await _one(run, site, site.fleet.node(name)) for name in run.plan.nodes]
    site.book.commit(run, run.plan.label())
    return verdicts


async def _one(run: Run, site: Site, node: Node) -> Verdict:
    before, work = (
        str(site.book.record(node.name).address or ""),
        NodeMove(site, node, run.plan.options.address[node.name]),
    )
    try:
        changed = await walk(run, node.name, work.steps)
    except NocError as error:
        return Verdict(node=node.name, before=before, now=before, verdict="not moved", why=str(error))
    word = "moved" if changed else "unchanged"
    return Verdict(node=node.name, before=before, now=str(work.address), verdict=word, good=True, why=work.finding)


class NodeMove:
    """One node at its new address."""

    def __init__(self, site: Site, node: Node, address: IPv4Address) -> None:
        """Prepare; nothing is asked yet."""
        self._site, self._node, self.address = site, node, address
        self.finding = ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Prove it, write it down, and look at the name."""
        return (
            Step("proof", PROOF_S + 10, self.proof),
            Step("inventory", 30, self.write),
            Step("name", 30, self.name),
        )

    async def proof(self) -> Sequence[str]:
        """See the process that pushes through the tunnel answer at the new address, under the node's certificate."""
        end = time.monotonic() + PROOF_S
        while why := await self._unproven():
            if time.monotonic() >= end:
                fix = f"does {self.address} lead to {self._node.name}, with 80 and 443 open?"
                raise NotMoved(f"{self._node.name} is not seen at {self.address}", why=why, fix=fix)
            await asyncio.sleep(_POLL_S)
        return []

    async def _unproven(self) -> str:
        hostname = self._site.fleet.hostname(self._node)
        public, heard = await asyncio.gather(
            self._site.web.health(hostname, self.address), self._site.watch.heard(self._node.name)
        )
        if public.status != 200:
            return public.trouble or f"HTTPS answers {public.status}"
        if heard is None:
            return "the watch has heard no heartbeat of it"
        return "" if public.boot_id == heard else "the last heartbeat through the tunnel is of another process"

    async def write(self) -> Sequence[str]:
        """Write the address down, and let the watch look there."""
        learnt = self._site.book.learn(self._node.name, address=self.address)
        self._site.book.render(self._site.fleet)
        await self._site.watch.reload()
        return [f"address {self.address}"] if learnt else []

    async def name(self) -> Sequence[str]:
        """Say where the node's name leads, and where its packets come from, as far as that is elsewhere."""
        hostname, findings = self._site.fleet.hostname(self._node), []
        found = await _resolved(hostname)
        if str(self.address) not in found:
            findings.append(f"{hostname} leads to {', '.join(found) or 'nothing'}: noc dns apply")
        status = await counters(self._site, self._node.name)
        source = status.endpoint.rpartition(":")[0] if status and status.endpoint else str(self.address)
        if source != str(self.address):
            findings.append(f"its tunnel still comes from {source}")
        self.finding = "; ".join(findings)
        return []


async def _resolved(hostname: str) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(hostname, 443, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(sorted({str(each[4][0]) for each in found}))
