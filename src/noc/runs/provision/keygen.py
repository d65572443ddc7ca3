"""The rotation of a node's tunnel key, over the tunnel that it carries."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.errors import HostError, Overdue, Unreachable
from noc.hosts.shell import Shell
from noc.mesh.config import SPOKE_KEY
from noc.mesh.keys import check_public
from noc.mesh.status import LinkState, link_state, read_tunnels
from noc.runs.errors import HandshakeMissing, RotationUndone
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.site.site import Site

ROTATED, NOT_ROTATED = "rotated", "not rotated"
SWITCH_WITHIN_S = 90
_CARRIED_WITHIN_S = SWITCH_WITHIN_S - 15
_DECIDED_WITHIN_S = SWITCH_WITHIN_S + 10
_SETTLED_WITHIN_S = 2 * (_DECIDED_WITHIN_S + 75)
_NEXT = f"{SPOKE_KEY}.next"
_POLL_S = 0.5

_MAKE = f"umask 077; [ -s {_NEXT} ] || {{ wg genkey >{_NEXT}; sync {_NEXT}; }}; wg pubkey <{_NEXT}"

# The node switches by itself and goes back by itself: in between there is no way to it. It switches two seconds later,
# so that the answer still gets out through the old key.
_SWITCH = """
rm -f /run/noc-rotated
cat >/run/noc-rotate.sh <<'END'
sleep 2
wg set {interface} private-key {next}
for _ in $(seq {seconds}); do
  [ -e /run/noc-rotated ] && {{ mv -f {next} {key}; sync {key} {directory}; exit 0; }}
  sleep 1
done
wg set {interface} private-key {key}
rm -f {next}
END
systemd-run --quiet --collect --unit=noc-rotate --property=OOMScoreAdjust=-900 sh /run/noc-rotate.sh
"""
# Asked to keep, the node says which key it holds once that is decided: its word counts, and not that it was asked.
_KEEP = f"""
touch /run/noc-rotated
for _ in $(seq 50); do [ -e {_NEXT} ] || break; sleep 0.1; done
[ ! -e {_NEXT} ]
wg pubkey <{SPOKE_KEY}
"""


async def rotate(run: Run, site: Site) -> list[Verdict]:
    """Give nodes new tunnel keys, one node after the other; one that is down is skipped, the first failure is the last.

    Returns:
        A verdict a node: `rotated`; `skipped` where it cannot be reached; `not rotated`, and `untouched` behind it.
    """
    verdicts: list[Verdict] = []
    for name in run.plan.nodes:
        before = _short(site, name)
        if any(verdict.verdict == NOT_ROTATED for verdict in verdicts):
            verdicts.append(Verdict(node=name, before=before, now=before, verdict="untouched"))
            continue
        word, why = await _one(run, site, name)
        now = _short(site, name)
        verdicts.append(Verdict(node=name, before=before, now=now, verdict=word, good=word == ROTATED, why=why))
    site.book.commit(run, run.plan.label())
    return verdicts


async def _one(run: Run, site: Site, name: str) -> tuple[str, str]:
    """The verdict's word, and why where it is no good one."""
    rotation = Rotation(site, site.fleet.node(name))
    try:
        await walk(run, name, rotation.steps)
    except Unreachable as error:
        return "skipped", str(error)
    except NocError as error:
        return NOT_ROTATED, str(error)
    finally:
        await rotation.close()
    rotated = {**site.book.record(name).rotated, "wg": datetime.now(UTC)}
    site.book.learn(name, rotated=rotated)
    return ROTATED, ""


def _short(site: Site, name: str) -> str:
    return (site.book.record(name).wireguard_key or "")[:8]


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
            Step("contact", _SETTLED_WITHIN_S + 30, self.contact),
            Step("new-key", 30, self.make),
            Step("switch", _SETTLED_WITHIN_S + 60, self.switch),
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
        """Reach the node through its tunnel; where a rotation was cut, find out first which key it holds."""
        record = self._site.book.record(self._node.name)
        if record.wireguard_key and record.wireguard_key_before:
            self._old = await self._settle(record.wireguard_key, record.wireguard_key_before)
        await self._reach()
        return []

    async def _reach(self) -> None:
        await self.close()
        self._open = await self._site.through_tunnel(self._node)

    async def make(self) -> Sequence[str]:
        """Let the node draw a pair beside the one in use."""
        result = await self._shell.script(_MAKE)
        self._new = check_public(result.stdout, self._node.name)
        return ["new pair"]

    async def switch(self) -> Sequence[str]:
        """Switch both ends; both go back unless the new key carries the tunnel in time."""
        assert self._old is not None
        texts = {"interface": self._site.fleet.tunnel.interface, "key": SPOKE_KEY, "next": _NEXT}
        texts["directory"] = SPOKE_KEY.rpartition("/")[0]
        await self._shell.script(_SWITCH.format(seconds=SWITCH_WITHIN_S, **texts))
        if await self._settle(self._new, self._old) != self._new:
            why = "the new key did not carry the tunnel in time; both ends use the old one"
            fix = f"noc rotate wg {self._node.name}"
            raise RotationUndone(f"the key of {self._node.name} was not rotated", why=why, fix=fix)
        return ["rotated"]

    async def _settle(self, likely: str, other: str) -> str:
        """Find out which of two keys the node holds, and let the hub know that one.

        Both are written down until that is known, so that a run that is cut here locks nobody out.

        Raises:
            RotationUndone: the node answers with neither.
        """
        causes = []
        for key, alternative in ((likely, other), (other, likely)):
            self._announce(key, alternative)
            try:
                held = await self._held(key)
            except NocError as error:
                causes.append(str(error))
                continue
            self._announce(held, None)
            return held
        fix = f"when {self._node.name} runs: noc rotate wg {self._node.name} looks for both keys again"
        raise RotationUndone(f"{self._node.name} answers with neither key", why="; ".join(causes), fix=fix)

    def _announce(self, public: str, alternative: str | None) -> None:
        self._site.book.learn(self._node.name, wireguard_key=public, wireguard_key_before=alternative)
        self._site.book.render(self._site.fleet)

    async def _held(self, carrying: str) -> str:
        """The key that the node says it holds, asked through the tunnel that one of them carries."""
        begun = time.monotonic()
        await self._handshake(carrying, begun + _CARRIED_WITHIN_S)
        while True:
            try:
                await self._reach()
                return check_public((await self._shell.script(_KEEP)).stdout, self._node.name)
            except (HostError, Overdue):
                # An answer that is lost may have been a yes: only once the node has decided is it no.
                if time.monotonic() >= begun + _DECIDED_WITHIN_S:
                    raise
            await asyncio.sleep(_POLL_S)

    async def _handshake(self, public: str, end: float) -> None:
        while True:
            status = (await read_tunnels(self._site.paths.tunnels_socket)).get(public)
            if link_state(status, time.time()) is LinkState.UP:
                return
            if time.monotonic() >= end:
                raise HandshakeMissing(f"no handshake of {self._node.name} with the key {public[:8]}…")
            await asyncio.sleep(_POLL_S)
