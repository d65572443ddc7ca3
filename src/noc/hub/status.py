"""Is HQ as it was installed? Looks, and changes nothing."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from noc.errors import NocError
from noc.fleet.inventory import Inventory, Life, load_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.hub.chat import BOT, shut, tokens
from noc.hub.doors import FIREWALL_UNIT, firewall_kind
from noc.hub.places import CREDENTIALS, FLEET, HOST_CA, HUB_KEY, SSH_KEY, TRUST, UNITS
from noc.hub.secrets import AGENT_UNIT
from noc.hub.system import run
from noc.runs.admission.restored import read_restored
from noc.runs.admission.superseded import read_superseded
from noc.runs.paths import Paths

SERVICES = (
    "noc-watch.socket",
    "noc-watch.service",
    "noc-runner.service",
    "noc-peers.service",
    "noc-tunnels.socket",
    "caddy.service",
)


@dataclass(frozen=True)
class Check:
    """One thing looked at: its name, whether it is as wanted, and what was seen."""

    name: str
    ok: bool
    seen: str

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {"check": self.name, "ok": self.ok, "seen": self.seen}


def look() -> list[Check]:
    """Look at everything that `noc hub install` made; as root."""
    checks = [whose_fleet(Paths()), _fleet(), *(_unit(name) for name in SERVICES), *_credentials(), *_trust()]
    try:
        fleet = load(FLEET)
    except NocError:
        return checks
    tunnel = _unit(f"wg-quick@{fleet.tunnel.interface}.service")
    followed = _guarded("address", lambda: hub_known(fleet, load_inventory(FLEET)))
    return [*checks, tunnel, _guarded("firewall", lambda: _firewall(fleet)), followed, *named(fleet), *chatting(fleet)]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """A check that could not run is not a pass."""
    try:
        return check()
    except NocError as error:
        return Check(name, ok=False, seen=str(error))


def _fleet() -> Check:
    try:
        fleet = load(FLEET)
    except NocError as error:
        return Check("fleet", ok=False, seen=str(error))
    return Check("fleet", ok=True, seen=f"{fleet.name}, {len(fleet.nodes)} nodes")


def whose_fleet(paths: Paths) -> Check:
    """Whether this HQ is the one that acts: none that was replaced by a restored one, none that is not through yet."""
    if (lost := read_superseded(paths.superseded)) is not None:
        return Check("whose fleet", ok=False, seen=f"another HQ has acted: {lost.words}")
    try:
        opened = read_restored(paths.restored)
    except NocError as error:
        return Check("whose fleet", ok=False, seen=str(error))
    seen = f"restored from a backup of {opened.backup:%Y-%m-%d %H:%M} UTC: noc hub restored" if opened else "ours"
    return Check("whose fleet", ok=opened is None, seen=seen)


def named(fleet: Fleet) -> Iterator[Check]:
    """Whether the name by which nodes look for HQ leads here; another address there is another HQ, or a change cut."""
    if (name := fleet.hub.fallback) is None:
        return
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_DGRAM)}
    except OSError as error:
        yield Check("name", ok=False, seen=f"{name}: {error.strerror or error}")
        return
    leads = f"{name} leads to {', '.join(sorted(found))}"
    ok = found == {str(fleet.hub.address)}
    yield Check("name", ok=ok, seen=leads if ok else f"{leads}, and not here: was HQ restored elsewhere?")


def _unit(name: str) -> Check:
    state = run("systemctl", "is-active", name, check=False).stdout.strip() or "unknown"
    return Check(name, ok=state == "active", seen=state)


def chatting(fleet: Fleet, credentials: Path = CREDENTIALS, unit_files: Path = UNITS) -> Iterator[Check]:
    """Whether the bot runs exactly while HQ has a chat and its token, and the agent where its kit is."""
    if given := tokens(fleet, credentials):
        yield _unit(BOT)
        yield from (_file(credentials / name, 0o600) for name in given)
    elif (unit_files / BOT).exists():
        yield Check(BOT, ok=False, seen="there, and HQ has no chat: noc hub apply")
    if (unit_files / AGENT_UNIT).exists():
        yield _unit(AGENT_UNIT)
    yield from (Check(f"chat {name}", ok=False, seen=seen) for name, seen in shut(fleet, credentials))


def _credentials() -> Iterator[Check]:
    for name in (HUB_KEY, SSH_KEY, HOST_CA):
        yield _file(CREDENTIALS / name, 0o600)


def _trust() -> Iterator[Check]:
    for name in ("signers", "recipients"):
        yield _file(TRUST / name, 0o644)


def hub_known(fleet: Fleet, inventory: Inventory) -> Check:
    """Whether every node's tunnel was proven to be configured with HQ's address; those that are owed it by name."""
    address, running = fleet.hub.address, (Life.PROVISIONED, Life.LIVE)
    records = {node.name: inventory.record(node.name) for node in fleet.nodes}
    owed = [name for name, record in records.items() if record.life in running and record.hub not in (None, address)]
    seen = f"{', '.join(owed)} still to get it: noc hub move --ip {address}" if owed else "known to all nodes"
    return Check("address", ok=not owed, seen=f"{address}, {seen}")


def _file(path: Path, mode: int) -> Check:
    try:
        status = path.stat()
    except OSError as error:
        return Check(str(path), ok=False, seen=error.strerror or "")
    seen = status.st_mode & 0o777
    return Check(str(path), ok=status.st_uid == 0 and seen == mode, seen=f"uid {status.st_uid}, mode {seen:04o}")


def _firewall(fleet: Fleet) -> Check:
    kind = firewall_kind()
    if kind == "ufw":
        rules = run("ufw", "show", "added").stdout
        both = (UNITS / FIREWALL_UNIT).exists() and _unit(FIREWALL_UNIT).ok
        ok = f"deny in on {fleet.tunnel.interface}" in rules and not both
    else:
        ok = run("nft", "list", "table", "inet", "noc", check=False).returncode == 0
    return Check("firewall", ok=ok, seen=kind)
