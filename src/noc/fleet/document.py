"""A TOML file of the fleet directory: its data, and where in the file each key stands."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from noc.fleet.errors import FileUnreadable, FleetProblems, Problem
from noc.fleet.places import KeyPath, nearest, places

MAX_BYTES = 4_000_000

# A pattern says to a machine what a key may hold; this says it to a person.
SHAPES = {
    "addresses": "IP:PORT, such as 9.9.9.9:443, or an https:// address",
    "at": 'a time of day, such as "08:00", or "never"',
    "aliases": "a public name, such as vault.example.com",
    "country": "two capital letters, such as CH",
    "directory": "an https:// address",
    "email": "an address, such as noc@clavitor.com",
    "domain": "a domain in lower case, such as clavitor.com",
    "fallback": "a name in lower case that leads to HQ, such as noc.clavitor.com",
    "hours": 'two times of day, such as "07:00-22:00"',
    "groups": 'countries, such as eu = ["DE", "FR"]',
    "host_key": "a fingerprint as ssh-keygen -l prints it, SHA256:…",
    "interface": "up to 15 lower-case letters and digits, such as wg0",
    "topic": "up to 64 letters, digits, dashes and underscores",
    "until": 'a date, such as "2027-03-31"',
    "url": "an http:// or https:// address",
    "wireguard_key": "44 characters as wg pubkey prints them",
}
NAME = "2 to 32 lower-case letters, digits and dashes, starting with a letter"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """What a file says and where.

    Attributes:
        file: its path, for messages.
        data: what `tomllib` read.
        text: what it read that from.
    """

    file: Path
    data: dict[str, Any]
    text: str

    @cached_property
    def places(self) -> dict[KeyPath, int]:
        """Key path → line; only a mistake pays for it."""
        return places(self.text)

    def problem(self, path: KeyPath, what: str, fix: str) -> Problem:
        """A problem at a key, or at the nearest table around it where the key is not written."""
        return Problem(nearest(self.places, path), what, fix)

    def texts(self, *path: str) -> Iterator[tuple[KeyPath, str]]:
        """Each string found under a path of keys, tables in arrays and arrays of strings walked through.

        What has another type is left out: naming that mistake is the schema's part.
        """
        return ((at, value) for at, value in self.values(*path) if isinstance(value, str))

    def tables(self, key: str) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
        """Each table of an array of tables with its key path; what has another type is left out, as by `texts`."""
        return ((at, value) for at, value in self.values(key) if isinstance(value, dict))

    def values(self, *path: str) -> Iterator[tuple[KeyPath, Any]]:
        """Each value found under a path of keys, whatever its type, with its key path."""
        yield from _walk(self.data, path, ())


def _walk(value: Any, keys: tuple[str, ...], at: KeyPath) -> Iterator[tuple[KeyPath, Any]]:  # noqa: ANN401 - TOML data
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from _walk(element, keys, (*at, index))
    elif not keys:
        yield at, value
    elif isinstance(value, dict) and keys[0] in value:
        yield from _walk(value[keys[0]], keys[1:], (*at, keys[0]))


def read_document(file: Path, mistakes: type[FleetProblems] = FleetProblems) -> Document:
    """Read and parse a TOML file of at most 4 MB.

    Raises:
        FileUnreadable: it is missing, too large or not UTF-8, or the system refuses to read it.
        FleetProblems: it is not TOML; the subclass that was given as `mistakes`.
    """
    text = _read_text(file)
    try:
        data = tomllib.loads(text)
        return Document(file, data, text)
    except tomllib.TOMLDecodeError as error:
        raise mistakes(file, [_syntax_problem(text, str(error))]) from None
    except ValueError as error:  # Python's own limit: an integer of thousands of digits
        raise mistakes(file, [Problem(1, f"not to be read: {error}", "look for a number that long")]) from None
    except RecursionError:
        raise mistakes(file, [Problem(1, "tables or arrays are nested too deeply", "flatten them")]) from None


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileUnreadable(f"{file} cannot be read", why=error.strerror or "", fix="check the path and -C") from None
    if len(content) > MAX_BYTES:
        raise FileUnreadable(f"{file} is larger than {MAX_BYTES} bytes", fix="is it the right file?")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileUnreadable(f"{file} is not UTF-8", why=f"line {line}", fix="save it as UTF-8") from None


def _syntax_problem(text: str, message: str) -> Problem:
    """`tomllib` names the place inside its sentence; at the end of a document it names none."""
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = int(place[1]) if place and place[1] else text.count("\n") + 1
    what = message[: place.start()] if place else message
    return Problem(line, f"not TOML: {what}", "look for a missing quote, bracket or value here or just above")


def validate(document: Document, model: type[Model]) -> tuple[Model | None, list[Problem]]:
    """Check a document against a model, strictly: a number in quotes is a mistake, not a number.

    Returns:
        The model and no problems, or None and every problem.
    """
    try:
        return model.model_validate_json(json.dumps(document.data, default=str), strict=True), []
    except ValidationError as error:
        return None, [_schema_problem(document, model, each) for each in error.errors(include_url=False)]


def _schema_problem(document: Document, model: type[BaseModel], error: Any) -> Problem:  # noqa: ANN401 - pydantic's
    path, key = tuple(error["loc"]), str(error["loc"][-1]) if error["loc"] else ""
    name = ".".join(str(part) if isinstance(part, str) else str(part + 1) for part in path)
    if error["type"] == "missing":
        return document.problem(path, f"{name} is missing", f"add {key} = …")
    if error["type"] == "extra_forbidden":
        return document.problem(path, f"{name} is not a key that is known here", _unknown_key_fix(model, path))
    shape = next((SHAPES[part] for part in reversed(path) if part in SHAPES), NAME)
    fix = shape if error["type"] == "string_pattern_mismatch" else _sentence(error["msg"])
    return document.problem(path, f"{name} = {_shown(error['input'])} is not allowed", fix)


def _shown(value: Any) -> str:  # noqa: ANN401 - TOML data
    """A value as it is quoted in a message: short, and in one line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _sentence(message: str) -> str:
    """pydantic's own words, which name the rule, as a fix: `it should match …`."""
    return "it " + re.sub(
        r"^(Input|Value|String|List|Tuple)( should)?", lambda found: "should" if found[2] else "", message
    )


def _unknown_key_fix(model: type[BaseModel], path: KeyPath) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

    near = get_close_matches(str(path[-1]), _fields(model, path[:-1]), 1)
    return f"did you mean {near[0]}?" if near else "remove it"


def _fields(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that a table may hold, found by following the schema's references along the path."""
    schema = model.model_json_schema()
    definitions, here = schema.get("$defs", {}), schema
    for part in path:
        here = here.get("items", {}) if isinstance(part, int) else here.get("properties", {}).get(part, {})
        here = definitions.get(here.get("$ref", "").removeprefix("#/$defs/"), here)
    return list(here.get("properties", {}))
