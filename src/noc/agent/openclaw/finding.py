"""What a look at the live configuration finds, and ways to walk through a document of which nothing is certain."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what it is about.
        ok: it is as it has to be.
        seen: what was seen; never a secret.
        fix: what mends it; "" where nothing is wrong.
    """

    name: str
    ok: bool
    seen: str
    fix: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def judged(name: str, wrong: list[str], right: str, fix: str) -> Finding:
    """A finding from a list of what is wrong; `right` is what is said where nothing is."""
    return Finding(name, False, "; ".join(wrong)[:500], fix) if wrong else Finding(name, True, right)


def at(document: Any, *path: str) -> Any:  # noqa: ANN401 - any JSON value
    """The value at a path; None where there is none."""
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def part(document: Any, *path: str) -> Document:  # noqa: ANN401
    """The object at a path; an empty one where there is none."""
    found = at(document, *path)
    return found if isinstance(found, Mapping) else {}


def strings(value: Any) -> list[str]:  # noqa: ANN401
    """The items of a list as texts; nothing for what is no list."""
    return [str(each) for each in value] if isinstance(value, list) else []


def walk(document: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401
    """Every value of an object below a document, with its path; objects within lists as well."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield (*path, key), value
            yield from walk(value, (*path, key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from walk(value, (*path, str(index)))


def dotted(path: tuple[str, ...]) -> str:
    """A path as OpenClaw's documentation writes it."""
    return ".".join(path)
