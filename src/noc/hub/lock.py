"""A lock file: which versions are meant, and which bytes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One requirement of a lock: canonical name, version, the hashes allowed, and its text as pip reads it."""

    name: str
    version: str
    hashes: frozenset[str]
    text: str


def read_lock(path: Path) -> tuple[Pin, ...]:
    """Read a lock in pip's requirements format with hashes.

    Args:
        path: a file in which every requirement is `name==version … --hash=sha256:…`.

    Raises:
        ValueError: a requirement without an exact version or without a hash.
    """
    lines = path.read_text().replace("\\\n", " ").splitlines()
    return tuple(_pin(line.strip()) for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _pin(line: str) -> Pin:
    match, hashes = _PINNED.match(line), frozenset(_HASH.findall(line))
    if match is None or not hashes:
        raise ValueError(f"not locked to a version and a hash: {line[:80]}")
    return Pin(canonical(match["name"]), match["version"], hashes, " ".join(line.split()))


def canonical(name: str) -> str:
    """A distribution's name as PyPA's "name normalization" writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def select(pins: Iterable[Pin], names: Iterable[str]) -> tuple[Pin, ...]:
    """The pins of these names, in the lock's order."""
    wanted = set(names)
    return tuple(pin for pin in pins if pin.name in wanted)
