"""The rotation of a node's tunnel key, over the tunnel that it carries."""

import asyncio
import time
from collections.abc import Sequence

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.errors import HostError
from noc.hosts.shell import Shell
from noc.mesh.config import SPOKE_KEY
from noc.mesh.keys import check_public
from noc.mesh.status import LinkState, link_state, read_tunnels
from noc.runs.errors import HandshakeMissing, RotationUndone
from noc.runs.events import Verdict
from noc.runs.run import Run
from noc.runs.site import Site
from noc.runs.steps import Step, walk

SWITCH_WITHIN_S = 90
_NEXT = f"{SPOKE_KEY}.next"
_POLL_S = 0.5

_MAKE = f"umask 077; [ -s {_NEXT} ] || wg genkey >{_NEXT}; wg pubkey <{_NEXT}"

# The node switches by itself and goes back by itself: in between there is no way to it. It switches two seconds later,
# so that the answer still gets out through the old key.
_SWITCH = """
rm -f /run/noc-rotated
cat >/run/noc-rotate.sh <<'END'
sleep 2
wg set {interface} private-key {next}
for _ in $(seq {seconds}); do
  [ -e /run/noc-rotated ] && {{ mv -f {next} {key}; sync {key}; exit 0; }}
  sleep 1
done
wg set {interface} private-key {key}
rm -f {next}
END
systemd-run --quiet --collect --unit=noc-rotate --property=OOMScoreAdjust=-900 sh /run/noc-rotate.sh
"""
_KEEP = f"touch /run/noc-rotated; for _ in $(seq 50); do [ -e {_NEXT} ] || exit 0; sleep 0.1; done; exit 1"


async def rotate(run: Run, site: Site) -> list[Verdict]:
    """Give nodes new tunnel keys, one node after the other; the first failure ends the run."""
    verdicts: list[Verdict] = []
    for name in run.plan.nodes:
        if verdicts and not verdicts[-1].good:
            verdicts.append(Verdict(node=name, before="", now="", verdict="untouched"))
            continue
        before = (site.book.record(name).wireguard_key or "")[:8]
        rotation = Rotation(site, site.fleet.node(name))
        try:
            await walk(run, name, rotation.steps)
        except NocError as error:
            verdicts.append(Verdict(node=name, before=before, now=before, verdict="not rotated", why=str(error)))
        else:
            now = (site.book.record(name).wireguard_key or "")[:8]
            verdicts.append(Verdict(node=name, before=before, now=now, verdict="rotated", good=True))
        finally:
            await rotation.close()
    site.book.commit(f"{run.plan.label()}\n\nRun {run.id} by {run.by}")
    return verdicts


class Rotation:
    """A new tunnel key for one node, with a way back at both ends."""

    def __init__(self, site: Site, node: Node) -> None:
        """Prepare; nothing is connected yet."""
        self._site, self._node = site, node
        self._open: Shell | None = None
        self._old = site.book.record(node.name).wireguard_key
        self._new = ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Make, switch, and keep once the new key has carried the tunnel."""
        return (
            Step("contact", 30, self.contact),
            Step("new-key", 30, self.make),
            Step("switch", SWITCH_WITHIN_S + 60, self.switch),
        )

    async def close(self) -> None:
        """End the connection."""
        if self._open is not None:
            await self._open.close()

    @property
    def _shell(self) -> Shell:
        assert self._open is not None
        return self._open

    async def contact(self) -> Sequence[str]:
        """Reach the node through its tunnel."""
        self._open = await self._site.through_tunnel(self._node)
        return []

    async def make(self) -> Sequence[str]:
        """Let the node draw a pair beside the one in use."""
        result = await self._shell.script(_MAKE)
        self._new = check_public(result.stdout, self._node.name)
        return ["new pair"]

    async def switch(self) -> Sequence[str]:
        """Switch both ends; both go back unless the new key carries the tunnel in time."""
        texts = {"interface": self._site.fleet.tunnel.interface, "key": SPOKE_KEY, "next": _NEXT}
        await self._shell.script(_SWITCH.format(seconds=SWITCH_WITHIN_S, **texts))
        self._announce(self._new)
        try:
            await self._handshake(time.monotonic() + SWITCH_WITHIN_S - 15)
            await self.close()
            self._open = await self._site.through_tunnel(self._node)
            await self._shell.script(_KEEP)
        except (HostError, HandshakeMissing) as error:
            self._announce(self._old)
            fix = f"the node is back on its old key within {SWITCH_WITHIN_S} s; then noc keygen {self._node.name}"
            raise RotationUndone(f"the key of {self._node.name} was not rotated", why=error.what, fix=fix) from error
        return ["rotated"]

    def _announce(self, public: str | None) -> None:
        self._site.book.learn(self._node.name, wireguard_key=public)
        self._site.book.render(self._site.fleet)

    async def _handshake(self, end: float) -> None:
        while True:
            status = (await read_tunnels(self._site.paths.tunnels_socket)).get(self._new)
            if link_state(status, time.time()) is LinkState.UP:
                return
            if time.monotonic() >= end:
                raise HandshakeMissing(f"no handshake of {self._node.name} with its new key")
            await asyncio.sleep(_POLL_S)
