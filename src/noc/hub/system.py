"""The thin edge to HQ's operating system: each function makes one thing as wanted, and tells what it had to change."""

import grp
import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from noc.errors import TimedOut
from noc.hub.errors import StepFailed
from noc.hub.places import UNITS

_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


@dataclass(frozen=True)
class Owner:
    """Who a file belongs to, by name, and its mode."""

    user: str = "root"
    group: str = "root"
    mode: int = 0o644


def run(*argv: str, stdin: str = "", timeout_s: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program and wait for its end.

    Args:
        argv: the program and its arguments; never a secret.
        stdin: text to feed.
        timeout_s: seconds until it counts as lost.
        check: raise on a non-zero status.

    Raises:
        StepFailed: the status is not 0 and `check` is set; carries the last words.
        TimedOut: no end within `timeout_s`.
    """
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
            env=os.environ | _ENVIRONMENT,
        )
    except subprocess.TimeoutExpired:
        raise TimedOut(f"{' '.join(argv[:3])} did not end within {timeout_s:g} s") from None
    except FileNotFoundError:
        raise StepFailed(f"{argv[0]} is not installed", fix="noc hub install brings it") from None
    if check and done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-800:]
        raise StepFailed(f"{' '.join(argv[:4])} ended with {done.returncode}", why=words)
    return done


def ensure_packages(names: Sequence[str]) -> list[str]:
    """Install Debian packages that are missing, from the sources that apt is configured with."""
    missing = [name for name in names if not _installed(name)]
    if missing:
        run("apt-get", "-q", "update", timeout_s=300)
        run("apt-get", "-q", "install", "--yes", "--no-install-recommends", *missing, timeout_s=900)
    return [f"package {name}" for name in missing]


def _installed(package: str) -> bool:
    status = run("dpkg-query", "-W", "-f=${db:Status-Status}", package, check=False)
    return status.stdout == "installed"


def ensure_group(name: str) -> list[str]:
    """Make a system group."""
    try:
        grp.getgrnam(name)
    except KeyError:
        run("groupadd", "--system", name)
        return [f"group {name}"]
    return []


def ensure_user(name: str, group: str, home: str) -> list[str]:
    """Make a system user that nobody can log in as; its home is only a name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        argv = ["useradd", "--system", "--gid", group, "--home-dir", home, "--no-create-home"]
        run(*argv, "--shell", "/usr/sbin/nologin", name)
        return [f"user {name}"]
    return []


def ensure_member(user: str, group: str) -> list[str]:
    """Make a user a member of a group beside its own."""
    if user in grp.getgrnam(group).gr_mem:
        return []
    run("gpasswd", "--add", user, group)
    return [f"{user} in group {group}"]


def ensure_directory(path: Path, owner: Owner) -> list[str]:
    """Make a directory with owner and mode; what is in it is not looked at."""
    made = not os.path.lexists(path)
    if made:
        path.mkdir(mode=0o700, parents=True)
    elif path.is_symlink() or not path.is_dir():
        raise StepFailed(f"{path} is no directory", fix="move it away, then run it again")
    return [str(path)] if _own(path, owner) or made else []


def ensure_file(path: Path, content: str, owner: Owner | None = None) -> list[str]:
    """Make a file with content, owner and mode; a reader sees the old text or the new one."""
    owner = owner or Owner()
    if path.is_file() and not path.is_symlink() and path.read_text(errors="replace") == content:
        return [str(path)] if _own(path, owner) else []
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.noc-new")
    temporary.unlink(missing_ok=True)
    with open(temporary, "x", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _own(temporary, owner)
    temporary.replace(path)
    return [str(path)]


def ensure_owned(path: Path, owner: Owner) -> list[str]:
    """Put owner and mode of something that exists right."""
    return [f"{path}: owner and mode"] if _own(path, owner) else []


def ensure_absent(path: Path) -> list[str]:
    """Remove a file."""
    if not path.exists():
        return []
    path.unlink()
    return [f"removed {path}"]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _own(path: Path, owner: Owner) -> bool:
    """Set owner and mode where they differ; returns whether they did.

    Some of these places lie in directories of HQ's other users, so root works on what it opened, never on a name, and
    refuses a link.
    """
    wanted = pwd.getpwnam(owner.user).pw_uid, grp.getgrnam(owner.group).gr_gid
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise StepFailed(f"{path} cannot be taken over", why=error.strerror or "", fix=f"ls -ld {path}") from None
    try:
        status = os.fstat(handle)
        right = (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (*wanted, owner.mode)
        if not right:
            os.fchown(handle, *wanted)
            os.fchmod(handle, owner.mode)
        return not right
    finally:
        os.close(handle)


def ensure_running(unit: str, reads: Sequence[Path] = (), *, verb: str = "restart") -> list[str]:
    """Make systemd start a unit now and at every boot.

    Args:
        unit: its name.
        reads: files it is started from; one that is newer than the unit's state is not in effect yet, also when an
            earlier installation was cut off in between.
        verb: how it takes them in: restart or reload.
    """
    changed = []
    state = run("systemctl", "is-enabled", unit, check=False).stdout.strip()
    if state.startswith("masked"):
        run("systemctl", "unmask", unit)
    if state not in {"enabled", "static", "alias", "generated"}:
        run("systemctl", "enable", unit)
        changed.append(f"{unit} enabled")
    if run("systemctl", "is-active", unit, check=False).stdout.strip() != "active":
        run("systemctl", "start", unit, timeout_s=100)
        changed.append(f"{unit} started")
    elif any(path.stat().st_mtime > settled_at(unit) for path in reads):
        run("systemctl", verb, unit, timeout_s=100)
        changed.append(f"{unit} {verb}ed")
    return changed


def ensure_unit_files(texts: dict[str, str]) -> list[str]:
    """Unit files by name; systemd reads them again where one changed."""
    changed = [path for name, text in texts.items() for path in ensure_file(UNITS / name, text)]
    if changed:
        run("systemctl", "daemon-reload")
    return changed


def settled_at(unit: str) -> float:
    """When a unit took its present state, Unix seconds."""
    argv = ("systemctl", "show", "--timestamp=us+utc", "--property=StateChangeTimestamp", "--value", unit)
    text = run(*argv).stdout.strip()
    return datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC).timestamp()


def ensure_stopped(unit: str) -> list[str]:
    """Make systemd neither run a unit nor start it at boot."""
    if run("systemctl", "is-enabled", unit, check=False).stdout.strip() != "enabled":
        return []
    run("systemctl", "disable", "--now", unit)
    return [f"{unit} disabled"]
