"""How a NixOS system is made and moved, as values: the commands, what it depends on, and what becomes of the store.

Nothing here runs anything. Evaluation and building are apart: evaluating one node takes 0.7 GB for a few seconds, which
is bounded; building is the Nix daemon's work. Sources: nix.dev/manual/nix (nix eval, nix-store, nix copy),
prlimit(1).
"""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OLDEST_NIX = (2, 18)
"""Nixpkgs 25.11 and later refuse an older one."""
FLAKE_FILES = ("base.nix", "flake.nix", "flake.lock", "fleet.nix")
LOCK = "flake.lock"
BUILDER_DIRECTORY = "noc-nixos"
KNOWN_HOSTS = "/etc/noc-trust/builder_known_hosts"
_FEATURES = ("--extra-experimental-features", "nix-command flakes")

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Remote:
    """Another machine that builds: where, and the private key file with which HQ enters it."""

    host: str
    key: Path

    @property
    def options(self) -> Argv:
        """Options of ssh(1): this key, this known host, no question."""
        kept = ("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={KNOWN_HOSTS}")
        return ("-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", *kept)

    def there(self, argv: Sequence[str]) -> Argv:
        """A command as it is given to that machine."""
        return ("ssh", *self.options, self.host, shlex.join(argv))


def inputs(directory: Path, node: str) -> str:
    """Names exactly what a node's system is made from: a hash over the modules, the lock, and the node's own file.

    Raises:
        OSError: one of them is missing.
    """
    digest = hashlib.sha256()
    for name in (*FLAKE_FILES, f"nodes/{node}.nix"):
        content = (directory / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def evaluate(directory: str, node: str, memory_mb: int) -> Argv:
    """Print the derivation of a node's system; its address space is bounded, and no lock is made or changed."""
    attribute = f"path:{directory}#nixosConfigurations.{node}.config.system.build.toplevel.drvPath"
    bounded = ("prlimit", f"--as={memory_mb << 20}", "--")
    return (*bounded, "nix", *_FEATURES, "eval", "--raw", "--no-update-lock-file", "--no-write-lock-file", attribute)


def realise(path: str, root: Path | str | None = None) -> Argv:
    """Build a derivation, or keep a path that is built; printed is where it lies. `root` keeps it from collection."""
    keep = ("--add-root", str(root)) if root else ()
    return ("nix-store", "--realise", path, *keep)


def send(directory: Path, remote: Remote) -> str:
    """A shell script that brings the flake to a builder."""
    unpack = f"rm -rf {BUILDER_DIRECTORY} && mkdir -p {BUILDER_DIRECTORY} && tar -xf - -C {BUILDER_DIRECTORY}"
    files = " ".join(map(shlex.quote, (*FLAKE_FILES, "nodes")))
    there = shlex.join(("ssh", *remote.options, remote.host, unpack))
    return f"set -o pipefail; tar -chf - -C {shlex.quote(str(directory))} {files} | {there}"


def fetch(path: str, remote: Remote) -> tuple[Argv, Mapping[str, str]]:
    """Bring a system from a builder into HQ's store, which takes what a trusted key has signed; with its variables."""
    return ("nix", *_FEATURES, "copy", "--from", f"ssh://{remote.host}", path), {
        "NIX_SSHOPTS": shlex.join(remote.options)
    }


def update_lock() -> Argv:
    """Make a new lock of the flake in the working directory: how another one is named changed with Nix 2.19."""
    return ("nix", *_FEATURES, "flake", "update")


def make_lock(directory: Path) -> str:
    """The command with which a person makes the first lock."""
    return f"runuser -u noc-runner -- nix {shlex.join(_FEATURES)} flake lock path:{directory}"


def collect() -> Argv:
    """Give up whatever no root of HQ's store keeps; any user that the daemon serves may ask for it."""
    return ("nix-store", "--gc", "--quiet")


def requisites(closure: str) -> Argv:
    """Print every path that a system needs, itself included."""
    return ("nix-store", "--query", "--requisites", closure)


def missing(paths: Sequence[str]) -> Argv:
    """Print those of some paths that a store has not got."""
    return ("nix-store", "--check-validity", "--print-invalid", *paths)


def export(paths: Sequence[str], archive: Path) -> str:
    """A shell script that writes paths into one file, in an order in which a store can take them."""
    return f"nix-store --export {shlex.join(paths)} >{shlex.quote(str(archive))}"


def take(archive: str, closure: str, root: str) -> str:
    """A shell script for a node: take such a file into its store, safe from collection, and remove it either way."""
    quoted = shlex.quote(archive)
    return (
        f"trap 'rm -f {quoted}' EXIT\nln -sfn {shlex.quote(closure)} {shlex.quote(root)}\nnix-store --import <{quoted}"
    )


def version(said: str) -> tuple[int, ...]:
    """What `nix --version` says, as numbers: `nix (Nix) 2.26.3` → (2, 26, 3); () where it says something else."""
    last = said.rpartition(" ")[2].strip()
    digits = last.split("+")[0].split("pre")[0].split(".")
    return tuple(int(part) for part in digits if part.isdigit()) if last[:1].isdigit() else ()
