"""The wheels that HQ needs, for every Python and machine it may run on, fetched once and checked against the lock."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from noc.hub.lock import Pin, canonical, select

PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
_TAGS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")


@dataclass(frozen=True)
class Target:
    """A Python and a machine; glibc of Debian 12 or newer goes without saying."""

    python: str
    machine: str

    def __str__(self) -> str:
        """As the index of the distribution names it: `3.11-aarch64`."""
        return f"{self.python}-{self.machine}"

    @property
    def options(self) -> list[str]:
        """What pip must be told to choose wheels for this target rather than for the running Python."""
        tags = [f"--platform={tag}_{self.machine}" for tag in _TAGS]
        return [*tags, f"--python-version={self.python}", "--implementation=cp"]


TARGETS = tuple(Target(python, machine) for python in PYTHONS for machine in MACHINES)
_ANYWHERE = ["--platform=any", "--implementation=py", "--abi=none", f"--python-version={PYTHONS[0]}"]

Wheels = dict[str, tuple[str, ...]]


def gather(pins: tuple[Pin, ...], cache: Path, *, say: Callable[[str], None]) -> Wheels:
    """Bring the wheels of every target into the cache, without the network where they are there already.

    Args:
        pins: the lock.
        cache: directory of wheels, kept between runs.
        say: told what is being fetched.

    Returns:
        File names by target. Each file has one of the hashes that the lock allows for its name.

    Raises:
        ValueError: a wheel does not have a hash of the lock, or pip found none.
    """
    cache.mkdir(parents=True, exist_ok=True)
    record = cache / f"index-{_fingerprint(pins)}.json"
    if record.exists():
        wheels = {target: tuple(names) for target, names in json.loads(record.read_text()).items()}
        if all((cache / name).exists() for names in wheels.values() for name in names):
            return _checked(wheels, pins, cache)
    wheels = _fetch_all(pins, cache, say)
    record.write_text(json.dumps(_checked(wheels, pins, cache), indent=1, sort_keys=True))
    return wheels


def _fingerprint(pins: Iterable[Pin]) -> str:
    text = repr([pin.text for pin in pins]) + repr(TARGETS) + repr(_TAGS)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fetch_all(pins: tuple[Pin, ...], cache: Path, say: Callable[[str], None]) -> Wheels:
    """Fetch, with one wheel for all targets wherever a pure one exists."""
    say(f"wheels for {TARGETS[0]}")
    first = _download(pins, TARGETS[0].options, cache)
    pure = [name for name in first if name.endswith("-none-any.whl")]
    compiled = select(pins, (distribution_of(name) for name in first if name not in pure))
    for pin in compiled:
        pure += _download([pin], _ANYWHERE, cache, optional=True)
    compiled = select(compiled, {pin.name for pin in compiled} - {distribution_of(name) for name in pure})
    wheels = {}
    for target in TARGETS:
        say(f"wheels for {target}")
        wheels[str(target)] = tuple(sorted([*pure, *_download(compiled, target.options, cache)]))
    return wheels


def fetch_pure(pin: Pin, cache: Path) -> str:
    """Bring one wheel that runs anywhere into the cache and return its name; without the network where it is there."""
    stem = f"{pin.name}-{pin.version}-"
    if kept := sorted(path.name for path in cache.glob(f"{stem}*-none-any.whl")):
        (name,) = kept
    else:
        (name,) = _download([pin], _ANYWHERE, cache)
    _check(name, {pin.name: pin.hashes}, cache)
    return name


def _download(pins: Iterable[Pin], options: list[str], cache: Path, *, optional: bool = False) -> list[str]:
    """Fetch wheels into the cache and return their file names; [] where there is none and `optional` is set."""
    with tempfile.TemporaryDirectory(dir=cache) as fresh:
        lock = Path(fresh, "lock.txt")
        lock.write_text("\n".join(pin.text for pin in pins) + "\n")
        argv = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
        argv += ["--require-hashes", "--only-binary=:all:", *options, "-d", fresh, "-r", str(lock)]
        result = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=900)
        if result.returncode != 0 and not optional:
            raise ValueError(f"pip found no wheels: {result.stderr.strip()[-600:]}")
        found = sorted(Path(fresh).glob("*.whl"))
        for wheel in found:
            wheel.replace(cache / wheel.name)
        return [wheel.name for wheel in found]


def _checked(wheels: Wheels, pins: tuple[Pin, ...], cache: Path) -> Wheels:
    allowed = {pin.name: pin.hashes for pin in pins}
    for name in {name for names in wheels.values() for name in names}:
        _check(name, allowed, cache)
    return wheels


def _check(name: str, allowed: dict[str, frozenset[str]], cache: Path) -> None:
    if hashlib.sha256((cache / name).read_bytes()).hexdigest() not in allowed[distribution_of(name)]:
        raise ValueError(f"{cache / name} has a hash that the lock does not allow; delete it and try again")


def distribution_of(wheel: str) -> str:
    """The canonical name of the distribution that a wheel's file name begins with."""
    return canonical(wheel.partition("-")[0])
