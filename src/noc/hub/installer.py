"""The program inside the self-extracting file: installs noc on HQ, offline, from the wheels beside it.

It is copied into the file as its `__main__`, runs on Debian's bare Python, and therefore imports nothing but the
standard library and keeps to what an old Python reads too, so as to refuse that Python by name.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER = ".noc-distribution.json"
DIGEST_CHARS = 64
OLDEST_GLIBC = (2, 34)
STEP_S = 600


class Refused(Exception):
    """This machine or this file cannot be used; the text says why, and what mends it."""


def main(argv: list[str] | None = None) -> int:
    """Run the file's command and return the exit status."""
    parser = argparse.ArgumentParser(prog="noc-installer", description="Install noc on HQ, without a network.")
    commands = parser.add_subparsers(dest="command", required=True)
    installing = commands.add_parser("install", help="install; where it is installed already, change nothing")
    installing.add_argument("--prefix", default="/opt/noc", help="directory of versions (default: %(default)s)")
    installing.add_argument("--bin", default="/usr/local/bin", help="where the link `noc` goes (default: %(default)s)")
    staging = commands.add_parser("stage", help="install beside the version that is in use, and leave that in use")
    staging.add_argument("--prefix", default="/opt/noc", help="directory of versions (default: %(default)s)")
    commands.add_parser("verify", help="check every byte of this file, and say what it holds")
    arguments = parser.parse_args(argv)
    archive = Path(__file__).resolve().parent
    try:
        if arguments.command == "verify":
            return verify(archive)
        if arguments.command == "stage":
            return stage(archive, Path(arguments.prefix).absolute())
        return install(archive, Path(arguments.prefix).absolute(), Path(arguments.bin).absolute())
    except Refused as refusal:
        say(f"✗ {refusal}")
        return 1
    except OSError as error:
        say(f"✗ {error}. Fix: run it as root, or name writable places with --prefix and --bin")
        return 1


def say(text: str) -> None:
    """Progress goes to stderr."""
    sys.stderr.write(text + "\n")


def verify(archive: Path) -> int:
    """Check the whole file and each wheel in it; print the index on stdout."""
    digest = check_archive(archive)
    with zipfile.ZipFile(archive) as content:
        index = read_index(content)
        for name in index["wheels"]:
            read_wheel(content, index, name)
    sys.stdout.write(f"noc {index['version']}  {digest}\n")
    for target in sorted(index["targets"]):
        sys.stdout.write(f"  CPython {target}: {len(index['targets'][target])} wheels\n")
    return 0


def install(archive: Path, prefix: Path, links: Path) -> int:
    """Install this file's version below `prefix`, then point `current` and the link `noc` to it."""
    refuse_obstacles(prefix / "current", links / "noc")
    with versions(archive, prefix) as (version, fresh):
        switched = point(prefix / "current", version)
        links.mkdir(parents=True, exist_ok=True)
        linked = point(links / "noc", str(prefix / "current" / "bin" / "noc"))
    changed = fresh or switched or linked
    sys.stdout.write(f"noc {version} {'installed' if changed else 'unchanged'}: {prefix / version}\n")
    return 0


def stage(archive: Path, prefix: Path) -> int:
    """Install this file's version below `prefix`, and change nothing else: `noc hub upgrade` switches to it."""
    with versions(archive, prefix) as (version, changed):
        sys.stdout.write(f"noc {version} {'staged' if changed else 'unchanged'}: {prefix / version}\n")
    return 0


@contextmanager
def versions(archive: Path, prefix: Path) -> Iterator[tuple[str, bool]]:
    """This file's version, installed below `prefix`, and whether it had to be; nobody else installs there meanwhile."""
    refuse_system()
    digest = check_archive(archive)
    with zipfile.ZipFile(archive) as content:
        index = read_index(content)
        wanted = {"sha256": digest, "target": choose_target(index), "version": index["version"]}
        os.umask(0o022)
        prefix.mkdir(parents=True, exist_ok=True)
        with locked(prefix):
            final = prefix / index["version"]
            changed = not is_installed(final, wanted)
            if changed:
                say(f"installing noc {index['version']} into {final}")
                install_version(content, index, wanted, final)
            yield index["version"], changed


def refuse_system() -> None:
    """Refuse an operating system for which no wheels were taken along."""
    libc, version = platform.libc_ver()
    if platform.system() != "Linux" or libc != "glibc":
        raise Refused(f"{platform.system()} with {libc or 'an unknown C library'} is not supported. Fix: use Debian 12")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_GLIBC:
        raise Refused(f"glibc {version} is too old. Fix: use Debian 12 or Ubuntu 24.04, or newer")


def choose_target(index: dict[str, Any]) -> str:
    """The name of the running Python and machine, "3.11-x86_64"; refused where the file holds no wheels for it."""
    kind = platform.python_implementation()
    target = "{}.{}-{}".format(*sys.version_info[:2], platform.machine())
    if kind != "CPython" or target not in index["targets"]:
        known = ", ".join(sorted(index["targets"]))
        raise Refused(f"{kind} {target} is not supported. Fix: run this file with one of CPython {known}")
    return target


def refuse_obstacles(*links: Path) -> None:
    """Refuse to write over something of another kind where a link is to stand."""
    for link in links:
        if link.exists() and not link.is_symlink():
            raise Refused(f"{link} is in the way and is no link. Fix: move it away")


def check_archive(archive: Path) -> str:
    """The file's digest, which stands as the zip comment at its very end; refused where one byte differs."""
    content = archive.read_bytes()
    digest = hashlib.sha256(content[:-DIGEST_CHARS]).hexdigest()
    if content[-DIGEST_CHARS:] != digest.encode():
        raise Refused(f"{archive.name} was changed or cut off on its way here. Fix: copy it again")
    return digest


def read_index(content: zipfile.ZipFile) -> dict[str, Any]:
    """What the file holds: version, the hash of each wheel, the wheels of each target."""
    index: dict[str, Any] = json.loads(content.read("index.json"))
    return index


def read_wheel(content: zipfile.ZipFile, index: dict[str, Any], name: str) -> bytes:
    """A wheel's bytes, checked against the index."""
    wheel = content.read(f"wheels/{name}")
    if hashlib.sha256(wheel).hexdigest() != index["wheels"][name]:
        raise Refused(f"{name} inside the file was changed. Fix: copy the file again")
    return wheel


@contextmanager
def locked(prefix: Path) -> Iterator[None]:
    """One installation at a time."""
    with (prefix / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another installation is at work in {prefix}. Fix: wait for its end") from None
        yield


def is_installed(final: Path, wanted: dict[str, str]) -> bool:
    """Whether exactly this file was installed there to its end, for this Python."""
    try:
        return bool(json.loads((final / MARKER).read_text()) == wanted) and os.access(final / "bin" / "python", os.X_OK)
    except (OSError, ValueError):
        return False


def install_version(content: zipfile.ZipFile, index: dict[str, Any], wanted: dict[str, str], final: Path) -> None:
    """Make the virtual environment beside its place, prove that it works, and rename it there whole."""
    with tempfile.TemporaryDirectory(prefix=".wheels-", dir=final.parent) as directory:
        wheels = []
        for name in [*index["targets"][wanted["target"]], index["pip"]]:
            wheels.append(Path(directory, name))
            wheels[-1].write_bytes(read_wheel(content, index, name))
        staged = final.with_name(f".{final.name}.new")
        shutil.rmtree(staged, ignore_errors=True)
        make_environment(staged, wheels[:-1], wheels[-1])
    prove(staged, index["version"])
    relocate(staged, final)
    (staged / MARKER).write_text(json.dumps(wanted, indent=2, sort_keys=True) + "\n")
    os.sync()
    replace_directory(staged, final)


def make_environment(staged: Path, wheels: list[Path], pip: Path) -> None:
    """A virtual environment with these wheels; pip runs out of its own wheel, so ensurepip is not needed."""
    run([sys.executable, "-I", "-m", "venv", "--without-pip", "--prompt", "noc", str(staged)])
    argv = [str(staged / "bin" / "python"), str(pip / "pip"), "--isolated", "install", "--quiet", "--no-index"]
    argv += ["--no-deps", "--no-cache-dir", "--no-input", "--disable-pip-version-check", "--root-user-action=ignore"]
    run([*argv, *map(str, wheels)])


def run(argv: list[str]) -> str:
    """Run a step and return its output; refused with the step's own last words where it fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
    environment["PIP_CONFIG_FILE"] = os.devnull
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=STEP_S, env=environment)
    except subprocess.TimeoutExpired:
        raise Refused(f"{Path(argv[0]).name} did not end within {STEP_S} s. Fix: run this file again") from None
    if done.returncode != 0:
        raise Refused(f"{Path(argv[0]).name} failed: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout


def prove(staged: Path, version: str) -> None:
    """The fresh environment must start and be the version that it claims."""
    found = run([str(staged / "bin" / "python"), "-I", "-c", "import noc.cli.main; print(noc.__version__)"]).strip()
    if found != version:
        raise Refused(f"the file claims noc {version} and installs {found}. Fix: build it again with make dist")


def relocate(staged: Path, final: Path) -> None:
    """Scripts name the directory they were made in; let them name the one they are going to."""
    for path in [staged / "pyvenv.cfg", *(staged / "bin").iterdir()]:
        if path.is_file() and not path.is_symlink():
            path.write_bytes(path.read_bytes().replace(os.fsencode(staged), os.fsencode(final)))


def replace_directory(staged: Path, final: Path) -> None:
    """Rename into place; what was there goes away afterwards."""
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    staged.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def point(link: Path, destination: str) -> bool:
    """Make a symbolic link, replacing another one atomically; returns whether it had to."""
    if link.is_symlink() and str(link.readlink()) == destination:
        return False
    temporary = link.with_name(f".{link.name}.new")
    if temporary.is_symlink():
        temporary.unlink()
    temporary.symlink_to(destination)
    temporary.replace(link)
    return True


if __name__ == "__main__":
    sys.exit(main())
