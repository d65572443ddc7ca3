"""What a machine's operating system must offer, whichever it is."""

from dataclasses import dataclass, field
from typing import Protocol

from noc.hosts.bundle import Bundle
from noc.hosts.shell import Shell


@dataclass(frozen=True)
class Facts:
    """What a machine says of itself. Sizes in bytes."""

    system: str
    version: str
    machine: str
    memory_total: int
    disk_free: int
    boot_id: str
    clock_offset_s: float
    python: str | None
    has_systemd: bool


@dataclass(frozen=True)
class NodeConfig:
    """What a node is to become: the rendered configuration of one node, secrets excluded.

    Attributes:
        name: the node's name.
        hostname: its public name, `frankfurt.clavitor.com`.
        aliases: other public names that its proxy answers.
        tunnel_address: its address in the tunnel, `10.84.0.18`.
        wireguard: text of the spoke's wg-quick configuration, its private key left out.
        hub_tunnel_address: the hub's address in the tunnel, the only peer.
        acme_ca: URL of the ACME directory.
        acme_ca_root: PEM of the root that signs the ACME server's own certificate, None for a public one.
        acme_email: contact for the authority, "" for none.
        signers: text of the allowed signers of releases.
        push_interval_s: seconds between heartbeats.
        watchdog: settings of the tunnel's watchdog, JSON; "" for a node without one.
        hub_ssh_keys: HQ's public SSH keys, which may enter as root; two while HQ rotates its own.
        directory_signers: text of the allowed signers of the directory of tenants; "" where HQ places none.
    """

    name: str
    hostname: str
    aliases: tuple[str, ...]
    tunnel_address: str
    wireguard: str
    hub_tunnel_address: str
    acme_ca: str
    acme_ca_root: str | None
    acme_email: str
    signers: str
    push_interval_s: float
    watchdog: str = ""
    hub_ssh_keys: tuple[str, ...] = ()
    directory_signers: str = ""


@dataclass(frozen=True)
class Change:
    """What a step of convergence did: the things that it changed, none if all was as wanted."""

    changed: tuple[str, ...] = field(default=())


class Platform(Protocol):
    """One operating system. Every method may be called again and then changes nothing.

    Whatever could lock HQ out is applied to the running system only, and becomes persistent in `firewall_confirm`.
    """

    name: str

    def bundle(self, config: NodeConfig) -> Bundle:
        """What lies on a node and is no secret: the same texts that the steps below put there.

        Raises:
            ClosureMissing: the node's NixOS system was not built.
        """
        ...

    async def facts(self, shell: Shell) -> Facts:
        """Read the machine's facts in one round trip; works without Python on the machine."""
        ...

    async def packages(self, shell: Shell) -> Change:
        """Install what a node needs (Python, WireGuard, proxy, firewall), or the system that holds it."""
        ...

    async def tunnel_key(self, shell: Shell) -> str:
        """Make the node's WireGuard key pair on the node where it has none, and return the public half (base64)."""
        ...

    async def host_key(self, shell: Shell) -> str:
        """Make the node's own SSH host key where it has none, and return its public half (one OpenSSH line)."""
        ...

    async def host_certificate(self, shell: Shell, certificate: str) -> Change:
        """Install the CA's certificate of the node's own key; sshd presents only that key from then on."""
        ...

    async def tunnel(self, shell: Shell, config: NodeConfig) -> Change:
        """Bring the tunnel up and keep it up over a reboot."""
        ...

    async def repair_tunnel(self, shell: Shell, config: NodeConfig) -> Change:
        """Bring a tunnel that is dead back by this configuration, over another way in.

        The node tries it by itself, and goes back to what it had where no handshake comes.

        Raises:
            TunnelRefused: none came.
        """
        ...

    async def units(self, shell: Shell, config: NodeConfig) -> Change:
        """Users, directories, node programs, units; starts the proxy, and leaves the service to its first release."""
        ...

    async def environment(self, shell: Shell, values: dict[str, str]) -> Change:
        """Write the service's environment file (mode 0600); it holds the push URL, a secret."""
        ...

    async def firewall(self, shell: Shell, config: NodeConfig, *, revert_after_s: float) -> Change:
        """Close the firewall in the running system, with a timer on the node that opens it again unless confirmed."""
        ...

    async def firewall_confirm(self, shell: Shell) -> Change:
        """Stop the timer and make the firewall persistent; called through the tunnel."""
        ...

    async def restart(self, shell: Shell, unit: str) -> None:
        """Restart one unit and wait until systemd reports it."""
        ...

    async def status(self, shell: Shell, unit: str) -> dict[str, str]:
        """systemd's properties of a unit: ActiveState, SubState, MainPID, NRestarts, ExecMainStartTimestamp, Result."""
        ...

    async def logs(self, shell: Shell, unit: str, lines: int = 20) -> tuple[str, ...]:
        """The unit's last log lines, oldest first, control characters stripped."""
        ...
