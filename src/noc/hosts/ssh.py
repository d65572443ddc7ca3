"""Reaching a machine over SSH: the right one or none, and nothing told to a wrong one."""

import asyncio
import errno
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import asyncssh

from noc.hosts.errors import AuthRefused, HostKeyMismatch, KeyUnusable, NoTrust, Unreachable
from noc.hosts.sshshell import SSHShell, let_go
from noc.hosts.trust import is_fingerprint

# One family first and then the others: a machine shows one key a handshake, and the pinned one may be any of them. To
# offer one family alone would make a machine without it hang up, which looks like a broken network.
_ED25519, _ECDSA, _RSA = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521",
    "rsa-sha2-512,rsa-sha2-256",
)
_PLAIN_ORDERS = (f"{_ED25519},{_ECDSA},{_RSA}", f"{_ECDSA},{_RSA},{_ED25519}", f"{_RSA},{_ECDSA},{_ED25519}")
_CERTIFICATES_FIRST = (
    "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,"
    + _PLAIN_ORDERS[0]
)
# The same strength as the others, and half of their cost where the processor has AES, which all of the last decade do.
_CIPHERS = (
    *("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"),
    *("aes256-ctr", "aes192-ctr", "aes128-ctr"),
)


@dataclass(frozen=True)
class Pinned:
    """Trust in one host key, by its fingerprint (`SHA256:…`), for the time before the node has its own key."""

    fingerprint: str


@dataclass(frozen=True)
class Authority:
    """Trust in host certificates of HQ's CA that name exactly this node; a plain key is refused.

    Attributes:
        ca_public_key: one OpenSSH line.
        node_name: the principal that the certificate must carry.
        others: further CAs whose certificates count, while HQ rotates its own.
    """

    ca_public_key: str
    node_name: str
    others: tuple[str, ...] = ()


Trust = Pinned | Authority


@dataclass(frozen=True)
class Target:
    """Where a machine is, who we are there, and how it proves to be itself.

    Attributes:
        name: the node's name, for messages.
        address: IP address or host name.
        port: TCP port of its SSH server.
        user: the user to log in as; root in production.
        trust: what the machine must prove; None stops before the first byte.
        key: our private key, a file that only its owner can read.
        more: other keys of ours, offered after it, while HQ rotates its own.
    """

    name: str
    address: str
    key: Path
    trust: Trust | None = None
    port: int = 22
    user: str = "root"
    more: tuple[Path, ...] = ()

    @property
    def place(self) -> str:
        """Name and address as messages show them."""
        return f"{self.name} ({self.address} port {self.port})"


async def connect(target: Target, *, timeout_s: float = 15, segment: int | None = None) -> SSHShell:
    """Reach one machine, and verify it before anything about us is told.

    Args:
        target: the machine.
        timeout_s: seconds until it counts as not answering, login included.
        segment: bytes that a TCP segment may carry, both ways (TCP_MAXSEG, tcp(7)); None for what the path's MTU gives.

    Returns:
        An open shell; close it.

    Raises:
        NoTrust, HostKeyMismatch, Unreachable, AuthRefused, KeyUnusable: what their docstrings say.
    """
    return SSHShell(target.name, await dial(target, timeout_s=timeout_s, segment=segment))


async def dial(target: Target, *, timeout_s: float = 15, segment: int | None = None) -> asyncssh.SSHClientConnection:
    """The open, verified connection itself, for what is no shell. Arguments and errors as `connect`."""
    if target.trust is None:
        _refuse(target, "nothing says which host key it must show")
    key = _private_key(target)
    if isinstance(target.trust, Authority):
        return await _open(target, key, _CERTIFICATES_FIRST, timeout_s, segment)
    if not is_fingerprint(target.trust.fingerprint):
        _refuse(target, f"{target.trust.fingerprint!r} is not a fingerprint")
    for algorithms in _PLAIN_ORDERS[:-1]:
        with suppress(HostKeyMismatch):
            return await _open(target, key, algorithms, timeout_s, segment)
    return await _open(target, key, _PLAIN_ORDERS[-1], timeout_s, segment)


def _refuse(target: Target, why: str) -> NoReturn:
    raise NoTrust(
        f"{target.place} is not contacted",
        why=why,
        fix="read its fingerprint on its console and give it as --host-key SHA256:…",
    )


def _private_key(target: Target) -> asyncssh.SSHKey:
    try:
        mode = target.key.stat().st_mode
        if mode & 0o077:
            why = f"{target.key} has mode {mode & 0o777:o}, so others than its owner may read it"
            raise KeyUnusable(f"the key for {target.name} is not private", why=why, fix=f"chmod 600 {target.key}")
        return asyncssh.read_private_key(target.key)
    except (OSError, asyncssh.KeyImportError) as error:
        fix = "name the file that noc hub install made, or run it again"
        raise KeyUnusable(f"no key to log in to {target.name}", why=f"{target.key}: {error}", fix=fix) from None


class _Doorkeeper(asyncssh.SSHClient):
    """Asked by asyncssh about every key that known hosts do not settle, before authentication starts."""

    def __init__(self, trust: Trust | None) -> None:
        self._trust = trust
        self.seen = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self.seen = key.get_fingerprint()
        return isinstance(self._trust, Pinned) and self.seen == self._trust.fingerprint


def _authority_key(target: Target, line: str) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(line)
    except asyncssh.KeyImportError as error:
        fix = "hub.host_ca in inventory.toml is the public half of HQ's host CA: noc hub install writes it"
        raise NoTrust(f"{target.place} is not contacted", why=f"HQ's authority: {error}", fix=fix) from None


async def _open(
    target: Target, key: asyncssh.SSHKey, algorithms: str, timeout_s: float, segment: int | None
) -> asyncssh.SSHClientConnection:
    doorkeeper = _Doorkeeper(target.trust)
    authority = target.trust if isinstance(target.trust, Authority) else None
    lines = (authority.ca_public_key, *authority.others) if authority else ()
    authorities = [_authority_key(target, line) for line in lines]
    try:
        return await asyncssh.connect(
            target.address,
            target.port,
            client_factory=lambda: doorkeeper,
            username=target.user,
            client_keys=[key, *(_private_key(replace(target, key=other)) for other in target.more)],
            preferred_auth="publickey",
            # Nothing of the operator's own may change a verdict: no ~/.ssh/config, agent, known_hosts, X.509 directory.
            config=None,
            agent_path=None,
            x509_trusted_certs=[],
            x509_trusted_cert_paths=[],
            gss_host=None,
            known_hosts=([], authorities, []),
            host_key_alias=authority.node_name if authority else None,
            server_host_key_algs=algorithms,
            encryption_algs=_CIPHERS,
            sock=await _clamped(target, segment, timeout_s) if segment else None,
            connect_timeout=timeout_s,
            login_timeout=timeout_s,
            keepalive_interval=5,
            keepalive_count_max=3,
        )
    except (asyncssh.Error, OSError) as error:
        await let_go()
        raise _explain(target, error, doorkeeper.seen, timeout_s) from None


async def _clamped(target: Target, segment: int, timeout_s: float) -> socket.socket:
    """A TCP connection whose segments are small in both directions: ours are, and the handshake asks the machine to."""
    family, *_, address = (await asyncio.get_running_loop().getaddrinfo(target.address, target.port))[0]
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        connection.setblocking(False)
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


def _explain(target: Target, error: Exception, seen: str, timeout_s: float) -> Exception:
    """The error of ours that a failed connection means."""
    match error:
        case asyncssh.HostKeyNotVerifiable() | asyncssh.KeyExchangeFailed():
            return HostKeyMismatch(
                f"{target.place} is not the machine that was meant",
                why=_difference(target.trust, seen or str(error)),
                fix="check the address; if the machine was installed anew, compare with its console: noc explain E301",
            )
        case asyncssh.PermissionDenied():
            fix = f"add HQ's public key to ~{target.user}/.ssh/authorized_keys there"
            return AuthRefused(f"{target.place} refuses HQ's key for user {target.user}", fix=fix)
        case TimeoutError():
            why, fix = f"no answer within {timeout_s:g} s", "is it on, is the address right, does a firewall drop us?"
        case ConnectionRefusedError():
            why, fix = "the connection was refused", "the machine is up: is its SSH server, and does it let us in?"
        case socket.gaierror():
            why, fix = "its name has no address", "give the address with --ip"
        case OSError(errno=errno.EHOSTUNREACH | errno.ENETUNREACH):
            why, fix = "there is no route to it", "is the network, or the tunnel, up?"
        case _:
            why, fix = f"what answers does not speak SSH with us ({error})", "is it the right address and port?"
    return Unreachable(f"{target.place} cannot be reached", why=why, fix=fix)


def _difference(trust: Trust | None, seen: str) -> str:
    if isinstance(trust, Pinned):
        return f"expected {trust.fingerprint}, it shows {seen}"
    return f"it shows no certificate of HQ's authority for this name, but {seen}"
