"""Which installed packages a source tree needs, found by reading its imports."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from noc.release.errors import NotPackable

OLDEST_PYTHON = (3, 11)
_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)[^;]*(;(?P<marker>.*))?$")
_BELOW_PYTHON = re.compile(r"python_version\s*<\s*[\"']3\.(\d+)[\"']")


def needed_distributions(package: Path) -> tuple[Distribution, ...]:
    """The distributions that a package needs, and what these need in turn, by name.

    Args:
        package: the package's directory.

    Raises:
        NotPackable: an import that neither the standard library nor an installed distribution answers.
    """
    waiting = sorted({_provider(module, place) for module, place in _foreign_imports(package)})
    found: dict[str, Distribution] = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _installed(name)
            waiting += list(_requirements(found[name].requires or ()))
    return tuple(found[name] for name in sorted(found))


def _foreign_imports(package: Path) -> Iterator[tuple[str, str]]:
    """Top-level modules imported from outside, each with the file that does it."""
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
            for name in _imported(node):
                top = name.partition(".")[0]
                if top not in sys.stdlib_module_names and top != package.name:
                    yield top, path.name


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module]
    return []


def _provider(module: str, place: str) -> str:
    providers = packages_distributions().get(module)
    if not providers:
        raise NotPackable(
            f"{place} imports {module}, which is not installed here", fix="make setup installs what the lock names"
        )
    return _canonical(providers[0])


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise NotPackable(
            f"{name} is needed and not installed", fix="make setup installs what the lock names"
        ) from None


def _requirements(lines: Iterable[str]) -> Iterator[str]:
    """Names of what is needed on every supported Python on Linux; extras and other systems are left out."""
    for line in lines:
        match = _REQUIREMENT.match(line)
        if match and _applies(match["marker"]):
            yield _canonical(match["name"])


def _applies(marker: str | None) -> bool:
    if marker is None:
        return True
    below = _BELOW_PYTHON.search(marker)
    return below is not None and int(below[1]) > OLDEST_PYTHON[1] and "extra" not in marker


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
