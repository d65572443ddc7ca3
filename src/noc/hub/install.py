"""HQ's installation: named steps, in an order that never locks anybody out."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from noc.fleet.inventory import HubRecord, load_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.hub import units
from noc.hub.chat import ensure_bot
from noc.hub.doors import ensure_firewall, ensure_keys_only
from noc.hub.errors import BadRoot, NoTrust
from noc.hub.facts import judge, read_facts
from noc.hub.fleetdir import choose_fleet, ensure_fleet
from noc.hub.keys import ensure_keys, ensure_modes, ensure_placement_keys, ensure_second_key
from noc.hub.nix import ensure_nix
from noc.hub.places import (
    BACKUP_KEY,
    BOT_STATE,
    CADDYFILE,
    CREDENTIALS,
    DIRECTORY_KEY,
    DISTRIBUTION,
    ESCROW_KEY,
    HUB_KEY,
    OUTGOING,
    PROGRAM,
    PUBLIC_PAGES,
    STATE,
    TENANT_KEY,
    TRUST,
    UNITS,
    WATCH_STATE,
    WEB_GROUP,
    WIREGUARD,
)
from noc.hub.proxy import BANNER, caddyfile
from noc.hub.rotation import restart_runner, settle
from noc.hub.schedule import ensure_timers
from noc.hub.secrets import AGENT, AGENT_UNIT, CHAT, RUNNER, watch_secrets
from noc.hub.steps import Done, Step, run_steps
from noc.hub.system import (
    Owner,
    ensure_directory,
    ensure_file,
    ensure_group,
    ensure_member,
    ensure_packages,
    ensure_running,
    ensure_unit_files,
    ensure_user,
    run,
    settled_at,
)
from noc.mesh.config import hub_config
from noc.release.sshsig import has_keys

PACKAGES = ("caddy", "git", "iproute2", "nftables", "openssh-client", "wireguard-tools")
ACME_ROOT = TRUST / "acme_root.pem"
MAX_ROOT_BYTES = 1 << 20
DIRECTORIES = {
    CREDENTIALS: Owner(mode=0o700),
    TRUST: Owner(mode=0o755),
    STATE: Owner("noc-runner", "noc", 0o750),
    STATE / "runs": Owner("noc-runner", "noc", 0o750),
    STATE / "releases": Owner("noc-runner", "noc", 0o750),
    WATCH_STATE: Owner("noc-watch", "noc", 0o700),
    PUBLIC_PAGES: Owner("noc-watch", "noc", 0o755),
    BOT_STATE: Owner("noc-bot", "noc", 0o700),
    OUTGOING: Owner("root", "noc", 0o750),
}


@dataclass
class Installation:
    """One installation of HQ.

    Args:
        source: fleet directory to start from; None where HQ has its own already.
        trust: directory with `signers` and `recipients`; None where HQ has them already.
        nix: make HQ one that builds the systems of NixOS nodes, too.
    """

    source: Path | None
    trust: Path | None
    nix: bool = False
    fleet: Fleet = field(init=False)
    directory: Path = field(init=False)
    record: HubRecord = field(init=False, default_factory=HubRecord)
    settled: list[str] = field(init=False, default_factory=list)
    warnings: list[str] = field(init=False, default_factory=list)
    second_key: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Refuse before anything is changed: a wrong machine, no fleet, a fleet file with mistakes, no trust."""
        self.warnings = judge(read_facts(PROGRAM))
        self.directory = choose_fleet(self.source)
        self.fleet = load(self.directory)
        check_trust(self.trust)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is to be made so, in order: doors close before services open, and SSH is open throughout."""
        return (
            Step("packages", self.packages),
            Step("users", users),
            Step("directories", directories),
            Step("trust", self.trusted),
            Step("credentials", self.credentials),
            Step("fleet", lambda: ensure_fleet(self.directory, self.record)),
            Step("tunnel", self.tunnel),
            Step("sshd", ensure_keys_only),
            Step("firewall", lambda: ensure_firewall(self.fleet)),
            Step("watch", lambda: ensure_watch(self.fleet)),
            Step("runner", self.runner),
            Step("bot", lambda: ensure_bot(self.fleet, installed_build())),
            Step("proxy", self.proxy),
            Step("schedule", lambda: ensure_timers(self.fleet)),
            *([Step("nix", lambda: ensure_nix(self.fleet.nixos.builder_key))] if self.nix else []),
        )

    def run(self, tell: Callable[[Done], None]) -> list[Done]:
        """Run all steps; see `run_steps`."""
        return run_steps(self.steps, tell)

    def packages(self) -> list[str]:
        """Debian's packages, and WireGuard in user space where the kernel has none."""
        changed = ensure_packages(PACKAGES)
        return changed if kernel_has_wireguard() else changed + ensure_packages(["wireguard-go"])

    def trusted(self) -> list[str]:
        """What HQ trusts: release signers, recipients of backups, the root of the ACME authority."""
        changed = []
        for name in ("signers", "recipients"):
            if self.trust is not None:
                changed += ensure_file(TRUST / name, (self.trust / name).read_text())
        if self.fleet.acme.ca_root:
            changed += ensure_file(ACME_ROOT, certificates(self.directory / self.fleet.acme.ca_root))
        return changed

    def credentials(self) -> list[str]:
        """HQ's own keys."""
        changed = ensure_modes()
        self.settled = settle(load_inventory(self.directory))
        keys = ensure_keys(self.fleet.hub.name)
        self.record = keys.record
        changed += self.settled + keys.changed
        if (second := self.fleet.backup.second) is not None and second.host is not None:
            self.second_key, made = ensure_second_key(self.fleet.hub.name)
            changed += made
        if self.fleet.placement is not None:
            changed += ensure_placement_keys(self.fleet.hub.name)
        return changed

    def tunnel(self) -> list[str]:
        """The tunnel's hub, its peers as they come, and the socket of its counters."""
        name = self.fleet.tunnel.interface
        config, drop_in = WIREGUARD / f"{name}.conf", f"wg-quick@{name}.service.d/noc.conf"
        changed = ensure_file(config, hub_config(self.fleet, str(CREDENTIALS / HUB_KEY)), Owner(mode=0o600))
        texts = {
            "noc-peers.service": units.peers_service(name, installed_build()),
            "noc-tunnels.socket": units.tunnels_socket(),
            "noc-tunnels@.service": units.tunnels_service(name),
        }
        reads = [config]
        if not kernel_has_wireguard():
            texts[drop_in] = units.userspace_drop_in()
            reads.append(UNITS / drop_in)
        changed += ensure_unit_files(texts) + ensure_running(f"wg-quick@{name}.service", reads)
        for unit in ("noc-peers.service", "noc-tunnels.socket"):
            changed += ensure_running(unit, [UNITS / unit])
        return changed

    def runner(self) -> list[str]:
        """The runner."""
        changed = ensure_runner(self.fleet)
        if self.settled and not changed:
            restart_runner()
            changed = ["noc-runner.service restarted"]
        return changed

    def proxy(self) -> list[str]:
        """The proxy; a configuration that somebody else wrote is kept beside it."""
        drop_in = "caddy.service.d/noc.conf"
        text = caddyfile(self.fleet, acme_root=str(ACME_ROOT) if self.fleet.acme.ca_root else None)
        run("caddy", "adapt", "--adapter", "caddyfile", "--config", "/dev/stdin", stdin=text)
        changed = ensure_unit_files({drop_in: units.proxy_drop_in()}) + keep_foreign(CADDYFILE)
        changed += ensure_file(CADDYFILE, text)
        return changed + ensure_running("caddy.service", [CADDYFILE, UNITS / drop_in])


def check_trust(trust: Path | None) -> None:
    """Refuse to install HQ without knowing whose releases it may take.

    Raises:
        NoTrust: no directory was given and HQ has none, or a file is missing or holds no key.
    """
    directory = trust or TRUST
    fix = "noc init on the operator's machine makes them; copy its directory trust here and give --trust DIR"
    for name, holds in (("signers", has_keys), ("recipients", lambda text: "\nage1" in f"\n{text}")):
        path = directory / name
        if not path.is_file():
            raise NoTrust(f"{path} is missing", fix=fix)
        if not holds(path.read_text(errors="replace")):
            raise NoTrust(f"{path} holds no public key", fix=fix)


def certificates(path: Path) -> str:
    """The PEM certificates of a file, written anew, so that nothing else of the file goes along.

    Raises:
        BadRoot: it cannot be read, is larger than 1 MiB, or holds no certificate or a broken one.
    """
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - only a private authority
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            found = load_pem_x509_certificates(file.read(MAX_ROOT_BYTES))
    except (OSError, ValueError):
        raise BadRoot(f"{path} holds no certificates", fix="mend acme.ca_root in fleet.toml") from None
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in found)


def users() -> list[str]:
    """The four users and their groups: runner and watch, and who asks them for people in chats, and for the agent."""
    changed = []
    for group in ("noc", "noc-operators", "noc-agent", WEB_GROUP):
        changed += ensure_group(group)
    for user, group, home in (
        ("noc-watch", "noc", WATCH_STATE),
        ("noc-runner", "noc", STATE),
        ("noc-bot", "noc", BOT_STATE),
        ("noc-agent", "noc-agent", "/nonexistent"),
    ):
        changed += ensure_user(user, group, str(home))
    return changed + ensure_member("noc-agent", "noc")


def directories() -> list[str]:
    """Every directory of HQ but the fleet's, which comes with its content."""
    return [path for directory, owner in DIRECTORIES.items() for path in ensure_directory(directory, owner)]


def ensure_watch(fleet: Fleet) -> list[str]:
    """The watch server, with those of its secrets that HQ has."""
    secrets = [name for name in watch_secrets(fleet) if (CREDENTIALS / name).exists()]
    texts = {
        "noc-watch.service": units.watch_unit(fleet.tunnel.interface, installed_build(), secrets),
        "noc-watch.socket": units.watch_socket(str(fleet.hub.tunnel), fleet.tunnel.push_port),
    }
    changed = ensure_unit_files(texts) + ensure_push_socket()
    reads = [UNITS / "noc-watch.service", *(CREDENTIALS / name for name in secrets)]
    return changed + ensure_running("noc-watch.service", reads)


def ensure_push_socket() -> list[str]:
    """The socket of pushes. It cannot be taken from a watch that listens there itself, so that one is stopped first."""
    socket = "noc-watch.socket"
    listening = run("systemctl", "is-active", socket, check=False).stdout.strip() == "active"
    if not listening or settled_at(socket) < (UNITS / socket).stat().st_mtime:
        run("systemctl", "stop", "noc-watch.service", socket, check=False, timeout_s=100)
    return ensure_running(socket)


def ensure_runner(fleet: Fleet) -> list[str]:
    """The runner, with those of its secrets that HQ has."""
    own = (ESCROW_KEY, BACKUP_KEY, TENANT_KEY, DIRECTORY_KEY)
    secrets = [name for name in (*own, *RUNNER) if (CREDENTIALS / name).exists()]
    unit = units.runner_unit(fleet.tunnel.interface, installed_build(), secrets)
    changed = ensure_unit_files({"noc-runner.service": unit})
    reads = [UNITS / "noc-runner.service", *(CREDENTIALS / name for name in secrets)]
    return changed + ensure_running("noc-runner.service", reads)


def ensure_reader(name: str, fleet: Fleet) -> list[str]:
    """Let those units that read a secret have it as it is now.

    Args:
        name: the secret, one of `outside_secrets`.
        fleet: the fleet.
    """
    changed = []
    if name in RUNNER:
        changed += ensure_runner(fleet)
    if name in CHAT:
        changed += ensure_bot(fleet, installed_build())
    if name in AGENT:
        run("systemctl", "try-restart", AGENT_UNIT, check=False)
    if name in watch_secrets(fleet):
        changed += ensure_watch(fleet)
    return changed


def installed_build() -> str:
    """What names the installed noc: the hash of the file it came from, or "checkout"."""
    try:
        return str(json.loads(DISTRIBUTION.read_text())["sha256"])[:16]
    except (OSError, ValueError, KeyError):
        return "checkout"


def keep_foreign(path: Path) -> list[str]:
    """Copy a configuration that is not ours aside, once."""
    aside = path.with_name(f"{path.name}.before-noc")
    if not path.is_file() or aside.exists() or BANNER in path.read_text(errors="replace"):
        return []
    return ensure_file(aside, path.read_text(errors="replace"))


def kernel_has_wireguard() -> bool:
    """Whether the kernel can make a WireGuard interface; asked by making one."""
    probe = "noc-probe"
    made = run("ip", "link", "add", "dev", probe, "type", "wireguard", check=False).returncode == 0
    if made:
        run("ip", "link", "delete", "dev", probe)
    return made
