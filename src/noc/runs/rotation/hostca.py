"""HQ's host CA on a node: the certificate of the node's own host key, which says to HQ that it is that node."""

import asyncio
import time
from collections.abc import Sequence

from noc.fleet.model import Node
from noc.hosts.errors import CommandFailed, HostKeyMismatch, Unreachable
from noc.hosts.shell import Shell
from noc.hosts.ssh import Authority
from noc.hosts.systemd import HOST_CERTIFICATE
from noc.hosts.trust import sign_host
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rotation.errors import StillAccepted
from noc.runs.rotation.hqkey import HqKey, HqRotation
from noc.runs.rotation.nodes import reached
from noc.runs.site.hqkeys import HOST_CA, key_of
from noc.runs.site.site import Site

SHOWN_S = 15.0
_POLL_S = 0.25


async def rotate_ca(run: Run, site: Site) -> list[Verdict]:
    """Let nodes show certificates of HQ's new host CA, and trust no other one. Raises as `HqRotation.carried_out`."""
    return await HqRotation(run, site, HqKey("ca", HOST_CA), CertificateAtNode(run, site)).carried_out()


class CertificateAtNode:
    """See AtNode. The node's key stays: what changes is who vouches for it."""

    def __init__(self, run: Run, site: Site) -> None:
        """Prepare."""
        self._run, self._site = run, site

    async def give(self, node: Node, public: str) -> Sequence[str]:
        """Certify the node's host key by a CA, and see it shown; where it is not, the old certificate is put back.

        Raises:
            Unreachable: the node is away.
            StillAccepted: it goes on showing the old one.
            CommandFailed: sshd would not take the new one.
        """
        link = self._site.link(node)
        try:
            shell = await reached(link)
            if await self._shown(node, public):
                return []
            return await self._certify(shell, node, public)
        finally:
            await self._site.keep(node, link)

    async def _certify(self, shell: Shell, node: Node, public: str) -> Sequence[str]:
        platform = self._site.ways.platform(node)
        before = (await shell.run("cat", HOST_CERTIFICATE, check=False)).stdout.strip()
        private = key_of(self._site.paths.credentials, HOST_CA, public).read_bytes()
        certificate = sign_host(private, await platform.host_key(shell), node.name)
        try:
            changed = (await platform.host_certificate(shell, certificate)).changed
            await self._see(node, public)
        except (StillAccepted, CommandFailed):
            if before:
                await platform.host_certificate(shell, before)
            raise
        return [*changed, "shown under the new CA"]

    async def take(self, node: Node, public: str) -> Sequence[str]:
        """See the node prove itself under this CA alone; nothing else on it knows of another. Raises StillAccepted."""
        await self._see(node, public)
        return []

    async def _see(self, node: Node, public: str) -> None:
        """Wait until sshd, which takes a moment to read its files again, shows a certificate of a CA.

        Raises:
            StillAccepted: it goes on showing another one.
            Unreachable: it does not answer.
        """
        end = time.monotonic() + SHOWN_S
        while True:
            try:
                if await self._shown(node, public):
                    return
            except Unreachable:
                # As sshd starts itself anew, nobody listens for a moment.
                if time.monotonic() >= end:
                    raise
            if time.monotonic() >= end:
                why = f"after {SHOWN_S:g} s it shows none of the new CA"
                fix = f"sshd -T on {node.name} names its HostCertificate; then noc rotate ca"
                raise StillAccepted(f"{node.name} shows its old host certificate", why=why, fix=fix)
            await asyncio.sleep(_POLL_S)

    async def _shown(self, node: Node, public: str) -> bool:
        """Whether the node proves itself by a certificate of that CA, and of no other. Raises Unreachable."""
        trust = Authority(public, node.name)
        try:
            shell = await self._site.ways.dial(node.name, str(node.tunnel), trust, timeout_s=SHOWN_S)
        except HostKeyMismatch:
            return False
        await shell.close()
        return True
