"""The fleet directory as a git repository: one commit a run, so that every change of a machine's facts has a date."""

import os
import subprocess
from pathlib import Path

from noc.fleet.errors import RepositoryFailed
from noc.fleet.render import RENDERED

TIMEOUT_S = 30
FLEET_FILE = "fleet.toml"
WRITTEN = ("inventory.toml", "prices.toml", "nixos/flake.lock", *RENDERED)
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "noc"), ("EMAIL", "noc@localhost"))
}
# Whoever may write into the directory must not thereby run programs as whoever commits.
NO_PROGRAMS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "commit.gpgSign=false")


def commit_edit(directory: Path, message: str) -> str | None:
    """Record the fleet file as it is now, and nothing else. Returns and raises as `commit`."""
    if not (directory / ".git").exists():
        return commit(directory, message)
    _git(directory, "add", "--", FLEET_FILE)
    if not _git(directory, "diff", "--cached", "--name-only", "--", FLEET_FILE):
        return None
    _git(directory, "commit", "--quiet", "--message", message, "--", FLEET_FILE)
    return _git(directory, "rev-parse", "HEAD").strip()


def commit(directory: Path, message: str) -> str | None:
    """Record what runs write: the inventory and the rendered files. What a person edits stays the person's to commit.

    The repository is made where there is none, with the fleet file in its first commit; a repository around the
    directory is left alone.

    Args:
        directory: the fleet directory.
        message: the commit's message.

    Returns:
        The commit's hash, None where nothing had changed.

    Raises:
        RepositoryFailed: git is missing, refused, or did not end in 30 s.
    """
    paths = [str(path.relative_to(directory)) for pattern in WRITTEN for path in directory.glob(pattern)]
    if not (directory / ".git").exists():
        _git(directory, "init", "--quiet", "--initial-branch=main")
        paths.append(FLEET_FILE)
    tracked = _git(directory, "ls-files", "--", *WRITTEN).splitlines()
    touched = sorted({*paths, *tracked})
    if not touched:
        return None
    _git(directory, "add", "--all", "--", *touched)
    if not _git(directory, "diff", "--cached", "--name-only", "--", *touched):
        return None
    _git(directory, "commit", "--quiet", "--message", message, "--", *touched)
    return _git(directory, "rev-parse", "HEAD").strip()


def _git(directory: Path, *args: str) -> str:
    where = (f"--git-dir={directory / '.git'}", f"--work-tree={directory}")
    clean = {"PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    try:
        done = subprocess.run(
            ["git", *NO_PROGRAMS, *where, *args],
            cwd=directory,
            env=clean | IDENTITY | {"LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RepositoryFailed(f"git {args[0]} in {directory} failed", why=str(error)) from None
    if done.returncode != 0:
        why = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        fix = f"as the user that owns {directory}: git -C {directory} status"
        raise RepositoryFailed(f"git {args[0]} in {directory} failed", why=why[0], fix=fix)
    return done.stdout
