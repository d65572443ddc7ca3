"""Imports go one way, as docs/architecture.md says: a room leans only on rooms below it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
FLOORS = (
    ("errors", "version"),
    ("fleet",),
    ("mesh",),
    ("release", "hosts", "cloud", "backup", "placement"),
    ("runs", "watch"),
    ("lab", "hub", "agent"),
    ("demo",),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
RUNS = (
    *("errors", "paths", "plan", "record", "admission", "site", "health", "rollout"),
    *("naming", "tenants", "provision", "rescue", "launch", "review", "system"),
    *("backup", "rotation", "removal", "diagnosis", "drill", "doctor", "retention", "runner"),
)
WATCH = (
    *("errors", "clock", "credentials", "store", "judge", "config", "alerts", "service"),
    *("access", "push", "witness", "house", "api", "pages", "public", "server", "kuma"),
)
AGENT = ("errors", "doors", "words", "verbs", "mcp", "bot", "telegram", "discord", "channels", "openclaw")
HOUSES = {"runs": RUNS, "watch": WATCH, "agent": AGENT}
FILES = sorted((SOURCE / "noc").rglob("*.py"))


def room_of(module: str) -> str:
    """`noc.fleet.model` → `fleet`; the package itself holds nothing but the version."""
    return f"{module}.version".split(".")[1]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, wherever in it."""
    package = module_of(path).split(".") if path.name == "__init__.py" else module_of(path).split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            yield from [f"noc.{alias.name}" for alias in node.names] if base == "noc" else [base]


def is_upward(path: Path, imported: str) -> bool:
    """Whether an import goes up, or across to another room of the same floor."""
    if imported.partition(".")[0] != "noc":
        return False
    own, other = room_of(module_of(path)), room_of(imported.replace("noc.__version__", "noc"))
    return own != other and FLOOR[other] >= FLOOR[own]


def test_every_room_has_a_floor() -> None:
    assert {room_of(module_of(path)) for path in FILES} == set(FLOOR)


@pytest.mark.parametrize("room", [room for rooms in FLOORS for room in rooms])
def test_a_room_imports_only_from_below(room: str) -> None:
    files = [path for path in FILES if room_of(module_of(path)) == room]
    found = [f"{module_of(path)} imports {name}" for path in files for name in imports(path) if is_upward(path, name)]
    assert found == []


@pytest.mark.parametrize(("house", "room"), [(house, room) for house, rooms in HOUSES.items() for room in rooms])
def test_a_room_within_a_room_imports_only_from_below(house: str, room: str) -> None:
    rooms = HOUSES[house]
    below = rooms[: rooms.index(room) + 1]
    files = [path for path in FILES if f"{module_of(path)}.".startswith(f"noc.{house}.{room}.")]
    names = [(path, name.split(".")) for path in files for name in imports(path) if name.startswith(f"noc.{house}.")]
    assert [f"{module_of(path)} imports {'.'.join(name)}" for path, name in names if name[2] not in below] == []


def test_every_part_of_a_house_has_a_place() -> None:
    places = {(path.relative_to(SOURCE / "noc").parts) for path in FILES}
    assert {parts[1].removesuffix(".py") for parts in places if parts[0] == "runs"} - {"__init__"} == set(RUNS)
    assert {parts[1].removesuffix(".py") for parts in places if parts[0] == "watch"} - {"__init__"} <= set(WATCH)
    assert {parts[1].removesuffix(".py") for parts in places if parts[0] == "agent"} - {"__init__"} <= set(AGENT)


def test_the_service_imports_nothing_of_noc() -> None:
    files = (SOURCE / "clavitor").rglob("*.py")
    assert [path for path in files if any(name.split(".")[0] == "noc" for name in imports(path))] == []


def test_the_rooms_import_nothing_of_the_service() -> None:
    assert [path for path in FILES if any(name.split(".")[0] == "clavitor" for name in imports(path))] == []


def test_programs_for_the_node_import_the_standard_library_alone() -> None:
    node = SOURCE / "noc" / "hosts" / "node"
    own = {path.stem for path in node.glob("*.py")}
    import sys

    tops = {
        name.split(".")[0]
        for path in node.glob("*.py")
        for name in imports(path)
        if not name.startswith("noc.hosts.node")
    }
    assert tops - own <= sys.stdlib_module_names


def test_stand_ins_for_services_import_the_standard_library_and_each_other_alone() -> None:
    import sys

    files = (SOURCE / "noc" / "lab" / "services").rglob("*.py")
    others = {name for path in files for name in imports(path) if not f"{name}.".startswith("noc.lab.services.")}
    assert {name.split(".")[0] for name in others} <= sys.stdlib_module_names
