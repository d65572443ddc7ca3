"""A machine reached over SSH: the right one or none, by one connection, with a deadline on every wait."""

import asyncio
import errno
import shlex
import signal
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import asyncssh

from noc.hosts.errors import (
    AuthRefused,
    CommandFailed,
    ConnectionLost,
    DiskFull,
    HostKeyMismatch,
    KeyUnusable,
    NoTrust,
    Overdue,
    Unreachable,
)
from noc.hosts.shell import Result
from noc.hosts.trust import is_fingerprint

CHUNK = 256 * 1024
MAX_OUTPUT = 8 * 1024 * 1024
NO_SPACE = 28
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

# Given a path, a mode and a size. Room is measured before the first byte and after a failed write, so that a full disk
# is known by its numbers and not by a message; the size is checked because a broken connection looks like the end of
# the file.
_RECEIVE = """
umask 077
directory=${1%/*}/
temporary=$1.new.$$
room() { echo $(($(stat -f -c '%a * %S' "$directory"))); }
full() { room; exit 28; }
trap 'rm -f "$temporary"' EXIT
[ "$(room)" -ge "$3" ] || full
if ! cat >"$temporary"; then [ "$(room)" -ge 65536 ] || full; exit 1; fi
[ "$(stat -c %s "$temporary")" -eq "$3" ] || { echo "the transfer broke off" >&2; exit 1; }
chmod "$2" "$temporary" && sync "$temporary" && mv -fT "$temporary" "$1" && sync "$directory"
"""


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
    """

    ca_public_key: str
    node_name: str


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
    """

    name: str
    address: str
    key: Path
    trust: Trust | None = None
    port: int = 22
    user: str = "root"

    @property
    def place(self) -> str:
        """Name and address as messages show them."""
        return f"{self.name} ({self.address} port {self.port})"


async def connect(target: Target, *, timeout_s: float = 15) -> "SSHShell":
    """Reach one machine, and verify it before anything about us is told.

    Args:
        target: the machine.
        timeout_s: seconds until it counts as not answering, login included.

    Returns:
        An open shell; close it.

    Raises:
        NoTrust, HostKeyMismatch, Unreachable, AuthRefused, KeyUnusable: what their docstrings say.
    """
    if target.trust is None:
        _refuse(target, "nothing says which host key it must show")
    key = _private_key(target)
    if isinstance(target.trust, Authority):
        return SSHShell(target, await _open(target, key, _CERTIFICATES_FIRST, timeout_s))
    if not is_fingerprint(target.trust.fingerprint):
        _refuse(target, f"{target.trust.fingerprint!r} is not a fingerprint")
    for algorithms in _PLAIN_ORDERS[:-1]:
        with suppress(HostKeyMismatch):
            return SSHShell(target, await _open(target, key, algorithms, timeout_s))
    return SSHShell(target, await _open(target, key, _PLAIN_ORDERS[-1], timeout_s))


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


async def _open(
    target: Target, key: asyncssh.SSHKey, algorithms: str, timeout_s: float
) -> asyncssh.SSHClientConnection:
    doorkeeper = _Doorkeeper(target.trust)
    authority = target.trust if isinstance(target.trust, Authority) else None
    try:
        return await asyncssh.connect(
            target.address,
            target.port,
            client_factory=lambda: doorkeeper,
            username=target.user,
            client_keys=[key],
            preferred_auth="publickey",
            # Nothing of the operator's own may change a verdict: no ~/.ssh/config, agent, known_hosts, X.509 directory.
            config=None,
            agent_path=None,
            x509_trusted_certs=[],
            x509_trusted_cert_paths=[],
            gss_host=None,
            known_hosts=([], [asyncssh.import_public_key(authority.ca_public_key)] if authority else [], []),
            host_key_alias=authority.node_name if authority else None,
            server_host_key_algs=algorithms,
            connect_timeout=timeout_s,
            login_timeout=timeout_s,
            keepalive_interval=5,
            keepalive_count_max=3,
        )
    except (asyncssh.Error, OSError) as error:
        raise _explain(target, error, doorkeeper.seen, timeout_s) from None


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


class SSHShell:
    """One connection, used for everything: commands run side by side on channels of their own. Implements Shell."""

    def __init__(self, target: Target, connection: asyncssh.SSHClientConnection) -> None:
        """Take over an open, verified connection; `connect` makes one."""
        self.target = target
        self._connection = connection

    @property
    def name(self) -> str:
        """The node's name."""
        return self.target.name

    async def run(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 30, check: bool = True) -> Result:
        """Run a command; see Shell.run."""
        result = await self._execute(argv, [stdin] if stdin else [], timeout_s)
        if check and result.status:
            raise CommandFailed(f"{argv[0]} failed on {self.name}", result=result)
        return result

    async def script(self, text: str, *, timeout_s: float = 60, check: bool = True) -> Result:
        """Run a POSIX shell script; see Shell.script."""
        # The braces make the shell read all of it first: no command inside can swallow the rest as its own input.
        whole = f"{{\n{text}\n}} </dev/null\n"
        return await self.run("sh", "-eu", stdin=whole.encode(), timeout_s=timeout_s, check=check)

    async def put(self, content: bytes | Path, path: str, *, mode: int = 0o644, timeout_s: float = 600) -> None:
        """Write a file; see Shell.put. Raises DiskFull where there is no room."""
        size = len(content) if isinstance(content, bytes) else content.stat().st_size  # noqa: ASYNC240 - a local file
        argv = ("sh", "-c", _RECEIVE, "put", path, f"{mode:o}", str(size))
        result = await self._execute(argv, _chunks(content), timeout_s)
        if result.status == NO_SPACE:
            what = f"{self.name} has no room for {path}: {size} bytes, and {result.stdout.strip()} are free"
            raise DiskFull(
                what, result=result, why="its disk is full", fix=f"free space on {self.name}, then try again"
            )
        if result.status:
            raise CommandFailed(f"{path} could not be written on {self.name}", result=result)

    async def close(self) -> None:
        """End the connection; see Shell.close."""
        self._connection.close()
        await self._connection.wait_closed()
        # The transport closes its socket one turn of the loop after the connection calls itself closed.
        await asyncio.sleep(0)

    async def _execute(self, argv: tuple[str, ...], chunks: Iterable[bytes], timeout_s: float) -> Result:
        try:
            async with asyncio.timeout(timeout_s):
                # The machine ends it as well: nothing is left running there when we stop waiting, or are cut off.
                command = shlex.join(("timeout", "-k", "5", f"{timeout_s + 2:g}", *argv))
                process = await self._connection.create_process(command, encoding=None)
                try:
                    _, stdout, stderr = await asyncio.gather(
                        _feed(process.stdin, chunks), _collect(process.stdout), _collect(process.stderr)
                    )
                    await process.wait_closed()
                finally:
                    process.close()
        except TimeoutError:
            fix = f"is {self.name} overloaded? noc health {self.name}"
            raise Overdue(f"{argv[0]} on {self.name} did not end within {timeout_s:g} s", fix=fix) from None
        except (asyncssh.Error, OSError) as error:
            raise self._lost(argv, str(error)) from None
        status = _status(process)
        if status is None:
            raise self._lost(argv, "it ended without a status")
        return Result(argv, status, stdout.decode(errors="replace"), stderr.decode(errors="replace"))

    def _lost(self, argv: tuple[str, ...], why: str) -> ConnectionLost:
        fix = f"noc health {self.name}, then start the run again: it goes on where it was"
        return ConnectionLost(f"the connection to {self.name} broke during {argv[0]}", why=why, fix=fix)


def _chunks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield from (content[start : start + CHUNK] for start in range(0, len(content), CHUNK))
        return
    with content.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


async def _feed(stdin: asyncssh.SSHWriter[bytes], chunks: Iterable[bytes]) -> None:
    """Send all of it, never more than a chunk ahead of the machine. One that stops reading says why by its status."""
    with suppress(BrokenPipeError, ConnectionResetError):
        for chunk in chunks:
            stdin.write(chunk)
            await stdin.drain()
        stdin.write_eof()


async def _collect(stream: asyncssh.SSHReader[bytes]) -> bytes:
    """All that comes, up to a bound: the rest is read and dropped, so that a machine cannot fill our memory."""
    kept = bytearray()
    while chunk := await stream.read(CHUNK):
        kept += chunk[: MAX_OUTPUT - len(kept)]
    return bytes(kept)


def _status(process: asyncssh.SSHClientProcess[bytes]) -> int | None:
    if process.exit_signal:
        return 128 + signal.Signals[f"SIG{process.exit_signal[0]}"].value
    return process.exit_status
