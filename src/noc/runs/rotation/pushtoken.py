"""Push tokens made anew: the watch takes both, until the node was heard under the new one.

The node gets the token in its environment file, and an order of its activator, which starts the service anew behind a
socket that stays open. Wherever a rotation is cut, what the node's file and its process hold says how it goes on.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from noc.fleet.model import Node
from noc.hosts.shell import Shell
from noc.runs.errors import WatchAbsent
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.rollout.bringing import bring
from noc.runs.rollout.eyes import SERVICE
from noc.runs.rotation.errors import TokenUnproven
from noc.runs.rotation.nodes import NEW, one_after_the_other, reached, standing
from noc.runs.site import pushtoken
from noc.runs.site.environment import bring_environment
from noc.runs.site.link import Link
from noc.runs.site.site import Site

HEARD_S, RESTARTED_S = 60.0, 300.0
_POLL_S = 0.25
# The process keeps the environment that it was started with, whatever the file says since.
_RUNNING = f"""
pid=$(systemctl show --value --property=MainPID {SERVICE})
[ "$pid" != 0 ] && tr '\\0' '\\n' <"/proc/$pid/environ" || true
"""


class Cut(StrEnum):
    """Where a node's rotation stands."""

    DRAW = "a new token has to be drawn"
    START = "the file holds the new token, the process does not"
    PROVE = "the process holds the new token"


def where(file: str | None, process: str | None, known: str | None, before: str | None) -> Cut:
    """Where a rotation stands, from four hashes of tokens (hex sha256, None for none).

    Args:
        file: of the node's environment file.
        process: of the process that runs.
        known, before: what the inventory says. HQ keeps no token, so one that did not reach the file is lost.
    """
    begun = before is not None and before != known
    if not begun or file is None or file != known:
        return Cut.DRAW
    return Cut.PROVE if process == known else Cut.START


async def rotate_tokens(run: Run, site: Site) -> list[Verdict]:
    """Give the plan's nodes new push tokens.

    Raises:
        WatchAbsent: no heartbeat could be seen, so that nothing was begun.
    """
    await site.watch.nodes()
    planned = {row.node: row.state for row in run.plan.rows}
    for name in run.plan.nodes:
        record = site.book.record(name)
        if planned.get(name) != "unchanged" and record.push_token_sha256_before is None:
            site.book.learn(name, push_token_sha256_before=record.push_token_sha256)

    async def one(node: Node) -> Verdict:
        return await TokenRotation(run, site, node).carried_out()

    verdicts = await one_after_the_other(run, site, run.plan.nodes, one)
    site.book.commit(run, run.plan.label())
    return verdicts


class TokenRotation:
    """A new push token for one node."""

    def __init__(self, run: Run, site: Site, node: Node) -> None:
        """Prepare; nothing is connected yet."""
        self._run, self._site, self._node = run, site, node
        self._link: Link = site.link(node)
        self._cut = Cut.DRAW
        self._held: str | None = None
        self._boot: str | None = None

    async def carried_out(self) -> Verdict:
        """Walk the steps. Raises what they raise."""
        before = standing("push-token", self._site.book.inventory, self._node.name)
        try:
            await walk(self._run, self._node.name, self.steps)
        finally:
            await self._site.keep(self._node, self._link)
        return Verdict(node=self._node.name, before=before, now=NEW, verdict="rotated", good=True)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Each looks first, so that a rotation that was cut goes on."""
        return (
            Step("contact", 60, self.contact),
            Step("new-token", 30, self.draw),
            Step("restart", RESTARTED_S, self.restart),
            Step("heartbeat", HEARD_S + 15, self.heartbeat),
            Step("withdraw", 30, self.withdraw),
        )

    async def contact(self) -> Sequence[str]:
        """See which token the node holds, and which its process."""
        shell = await reached(self._link)
        self._held = await held(shell)
        record = self._site.book.record(self._node.name)
        known, before = record.push_token_sha256, record.push_token_sha256_before
        self._cut = where(self._held, await running(shell), known, before)
        return []

    async def draw(self) -> Sequence[str]:
        """Let the watch take a new token beside the one that the node pushes with, and bring it to the node's file."""
        if self._cut is not Cut.DRAW:
            return []
        record = self._site.book.record(self._node.name)
        token = pushtoken.new_token()
        hashes = (record.push_token_sha256_before, record.push_token_sha256)
        still = self._held if self._held in hashes else record.push_token_sha256_before
        new = pushtoken.token_hash(token)
        self._site.book.learn(self._node.name, push_token_sha256=new, push_token_sha256_before=still)
        await self._site.watch.reload()
        return await bring_environment(self._site, self._node, await self._link.shell(), token)

    async def restart(self) -> Sequence[str]:
        """Start the service anew, in the way of any change: the socket stays open, its end belongs to this run."""
        if self._cut is Cut.PROVE:
            return []
        order = f"{self._run.id}-token"
        brought = await bring(self._run, self._site, self._node, order=order, restart=True)
        self._boot = brought.boot if brought else None
        return ["service restarted"]

    async def heartbeat(self) -> Sequence[str]:
        """See that the process holds the new token, and hear it. Raises TokenUnproven."""
        known = self._site.book.record(self._node.name).push_token_sha256
        end = time.monotonic() + HEARD_S
        seen = "nothing was heard"
        while True:
            try:
                seen = await self._seen(known)
            except WatchAbsent as error:
                seen = str(error)
            if not seen:
                return ["heard under the new token"]
            if time.monotonic() >= end:
                what = f"{self._node.name} was not heard under its new push token within {HEARD_S:g} s"
                raise TokenUnproven(what, why=seen, fix=f"noc rotate push-token {self._node.name}")
            await asyncio.sleep(_POLL_S)

    async def _seen(self, known: str | None) -> str:
        """What is still wrong, in words; "" where the process that holds the token answers and was heard."""
        if await running(await self._link.shell()) != known:
            return "its process does not hold it"
        public = await self._site.web.health(self._site.fleet.hostname(self._node))
        heard = await self._site.watch.heard(self._node.name)
        if public.status != 200:
            return public.trouble or f"HTTPS answers {public.status}"
        return "" if heard is not None and heard == public.boot_id else f"the last heartbeat is of {heard}"

    async def withdraw(self) -> Sequence[str]:
        """Let the old token count no more."""
        record = self._site.book.record(self._node.name)
        rotated = {**record.rotated, "push-token": datetime.now(UTC)}
        self._site.book.learn(self._node.name, push_token_sha256_before=None, rotated=rotated)
        await self._site.watch.reload()
        return ["old token withdrawn"]


async def held(shell: Shell) -> str | None:
    """The hash of the token in a node's environment file; None for none."""
    there = await shell.run("cat", pushtoken.ENVIRONMENT, check=False)
    return _hash(there.stdout)


async def running(shell: Shell) -> str | None:
    """The hash of the token that the service's process was started with; None where none runs."""
    return _hash((await shell.script(_RUNNING)).stdout)


def _hash(text: str) -> str | None:
    token = pushtoken.token_in(text)
    return pushtoken.token_hash(token) if token else None
