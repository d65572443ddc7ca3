"""A new lock of nixpkgs: made beside the fleet's own, and the fleet's once the first node is proven with it."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from noc.fleet.files import replace
from noc.hosts.errors import LockMissing
from noc.hosts.nixbuild import LOCK, make_lock
from noc.hosts.nixbuilder import new_lock
from noc.runs.plan.plan import Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.phases import Phase
from noc.runs.site.site import Site
from noc.runs.site.systems import NIXOS, flake, not_rendered
from noc.runs.system.errors import LockGone

KEEP_LOCKS = 3


async def lock_anew(site: Site, plan: Plan) -> Plan:
    """Complete the outline of a weekly update: the newest lock of nixpkgs, where the fleet's is not that already.

    Fleets without NixOS, and those whose systems are brought, have no lock of ours.

    Raises:
        LockMissing: the fleet has none yet.
        ClosureMissing: the fleet directory is not rendered.
        BuildFailed: nixpkgs could not be asked, or HQ has no Nix.
    """
    nixos = any(site.fleet.node(name).platform == NIXOS for name in plan.nodes)
    if not nixos or site.fleet.nixos.builder == "ci":
        return plan
    own = flake(site)
    if not (own / LOCK).is_file():
        what, why = "the fleet directory pins no nixpkgs", f"{own / LOCK} is missing; it is made on the real HQ, once"
        raise LockMissing(what, why=why, fix=make_lock(own))
    if (wrong := not_rendered(site)) is not None:
        raise wrong
    sha = await _lock(own, site.paths.locks)
    return plan if sha == _hash(own) else plan.model_copy(update={"lock": sha})


async def _lock(own: Path, locks: Path) -> str:
    """A copy of the flake with the newest lock, in a directory that is named by it."""
    copy = _copy(own, locks)
    try:
        await new_lock(copy)
        return _named(copy, locks)
    finally:
        shutil.rmtree(copy.parent, ignore_errors=True)


def _copy(own: Path, locks: Path) -> Path:
    locks.mkdir(mode=0o750, parents=True, exist_ok=True)
    copy = Path(tempfile.mkdtemp(prefix=".new-", dir=locks)) / NIXOS
    shutil.copytree(own, copy)
    return copy


def _named(copy: Path, locks: Path) -> str:
    """Put a copy into the place that its lock names; the oldest go."""
    sha = _hash(copy)
    shutil.rmtree(locks / sha, ignore_errors=True)
    copy.rename(locks / sha)
    os.utime(locks / sha)
    kept = [path for path in locks.iterdir() if not path.name.startswith(".")]
    for old in sorted(kept, key=lambda path: path.stat().st_mtime)[:-KEEP_LOCKS]:
        shutil.rmtree(old, ignore_errors=True)
    return sha


def _hash(directory: Path) -> str:
    return hashlib.sha256((directory / LOCK).read_bytes()).hexdigest()


def check_lock(site: Site, plan: Plan) -> None:
    """See that the lock of a plan is still at hand, byte for byte. Raises LockGone."""
    if plan.lock is None:
        return
    try:
        found = _hash(flake(site, plan.lock))
    except OSError:
        found = ""
    if found != plan.lock:
        raise LockGone("the plan's lock of nixpkgs is gone", fix="noc os-update run makes the plan anew")


def settle_lock(run: Run, site: Site, verdicts: Sequence[Verdict]) -> None:
    """Make the plan's lock the fleet's, in a commit, once a NixOS node was proven with it; else all stays as it was."""
    lock = run.plan.lock
    proven = [row for row in verdicts if row.verdict == Phase.CONFIRMED and site.fleet.node(row.node).platform == NIXOS]
    if lock is None or not proven:
        return
    check_lock(site, run.plan)
    replace(flake(site) / LOCK, (flake(site, lock) / LOCK).read_text())
    site.book.commit(run, f"nixpkgs locked anew: {len(proven)} nodes run it")
