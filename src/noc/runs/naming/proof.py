"""A node that is to answer for the domain: it gets the certificate, its proxy is told, and it is seen to answer."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.certificates import put_certificate
from noc.hosts.web import Health
from noc.runs.naming.certificates import certificate_there
from noc.runs.naming.errors import ApexNotProven
from noc.runs.naming.issue import certificate_of
from noc.runs.record.run import Run
from noc.runs.record.steps import Step
from noc.runs.rollout.bringing import bring
from noc.runs.site.site import Site

FACE_S: Final = 60.0
POLL_S: Final = 0.5


class ApexProof:
    """The domain on a node's proxy, wherever its record leads."""

    def __init__(self, run: Run, site: Site, node: Node) -> None:
        """Prepare; nothing is asked yet."""
        self._run, self._site, self._node = run, site, node
        self._domain = site.fleet.domain

    @property
    def steps(self) -> tuple[Step, ...]:
        """What makes the node answer for the domain, and proves it; each step looks first, and may be taken again."""
        return (
            Step("certificate", 300, self.certificate),
            Step("alias", self.switch_s, self.alias),
            Step("face", FACE_S + 10, self.face),
        )

    @property
    def switch_s(self) -> float:
        """Seconds that another configuration of a node's proxy may take, its way back included."""
        policy = self._site.fleet.policy
        return 4 * (policy.confirm_deadline + policy.health_deadline) + 120

    async def certificate(self) -> Sequence[str]:
        """Put a certificate for the domain where the node's proxy will look for it."""
        link, authority = self._site.link(self._node), self._site.fleet.acme.authority
        try:
            shell = await link.shell()
            own = await certificate_there(shell, authority, self._domain)
            made, new = await certificate_of(self._site, self._domain, own)
            if own == made:
                return []
            await put_certificate(shell, authority, self._domain, (made.chain, made.key))
        finally:
            await link.close()
        return [f"{'new ' if new else ''}certificate of {self._domain}, until {made.ends:%Y-%m-%d}"]

    async def alias(self) -> Sequence[str]:
        """Let the node's proxy answer for the domain. Raises what `bring` raises; then it does not."""
        before = self._site.book.inventory.answers_apex
        if self._node.name not in before:
            self._site.book.learn_apex(answers_apex=(*before, self._node.name))
        try:
            return await self._reconfigure()
        except NocError:
            self._site.book.learn_apex(answers_apex=before)
            raise

    async def face(self) -> Sequence[str]:
        """See the domain answered at the node's own address, over strict TLS. Raises ApexNotProven."""
        address = self._site.book.record(self._node.name).address
        assert address is not None  # or it would be asked by name, which the planner refuses
        end = time.monotonic() + FACE_S
        web, what = self._site.web, f"{self._node.name} does not answer for {self._domain} at {address}"
        while not is_answered(seen := await web.health(self._domain, address), await own(self._site, self._node)):
            check_in_time(seen, end, what)
            await asyncio.sleep(POLL_S)
        return []

    async def withdraw(self) -> Sequence[str]:
        """Let the node's proxy answer for the domain no more. Raises what `bring` raises; then it goes on."""
        before = self._site.book.inventory.answers_apex
        self._site.book.learn_apex(answers_apex=tuple(name for name in before if name != self._node.name))
        try:
            return [*await self._reconfigure(), f"{self._domain} no more"]
        except NocError:
            self._site.book.learn_apex(answers_apex=before)
            raise

    async def _reconfigure(self) -> Sequence[str]:
        brought = await bring(self._run, self._site, self._node, soak_s=self._site.fleet.policy.soak)
        return [f"names of {self._node.name}'s proxy"] if brought else []


async def own(site: Site, node: Node) -> Health:
    """What a node answers at its own name."""
    return await site.web.health(site.fleet.hostname(node))


def is_answered(seen: Health, by: Health) -> bool:
    """Whether one and the same process has answered twice, and well."""
    return seen.status == by.status == 200 and seen.boot_id is not None and seen.boot_id == by.boot_id


def check_in_time(seen: Health, end: float, what: str) -> None:
    """Raise ApexNotProven once it is too late; `end` on the monotonic clock, `what` is wrong until then."""
    if time.monotonic() >= end:
        why = seen.trouble or f"HTTPS answers {seen.status}, from another process"
        raise ApexNotProven(what, why=why, fix="the record was not changed by this; give the command again")
