"""Distributed files of other versions, made from the real one: the same wheels, but noc's own with another version,
and whatever else a test changes in it."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from noc.hub.selfextract import write_distribution

SCHEMA = "noc/watch/store/schema.py"
VERSIONS = "noc/watch/store/migrations/versions"


def another(base: Path, out: Path, version: str, changes: Mapping[str, tuple[str, str] | str]) -> Path:
    """A distributed file of another version.

    Args:
        base: the file that `tools/dist.py` wrote.
        out: directory to write to.
        version: that it claims, and is.
        changes: path in noc's wheel → a text and what takes its place there, or the text of a new file.
    """
    wheels = out / f"wheels-{version}"
    with zipfile.ZipFile(base) as archive:
        index = json.loads(archive.read("index.json"))
        for name in index["wheels"]:
            (wheels / name).parent.mkdir(parents=True, exist_ok=True)
            (wheels / name).write_bytes(archive.read(f"wheels/{name}"))
    (own,) = (name for name in index["wheels"] if name.startswith("noc-"))
    old = own.split("-")[1]
    fresh = own.replace(f"noc-{old}-", f"noc-{version}-")
    _rewrite(wheels / own, wheels / fresh, old, version, changes)
    names = {
        target: tuple(fresh if name == own else name for name in found) for target, found in index["targets"].items()
    }
    files = [wheels / name for name in index["wheels"] if name not in (own, index["pip"])]
    return write_distribution(out, version, names, [*files, wheels / fresh], wheels / index["pip"])


def _rewrite(own: Path, fresh: Path, old: str, version: str, changes: Mapping[str, tuple[str, str] | str]) -> None:
    swaps: dict[str, tuple[str, str] | str] = {"noc/__init__.py": (f'"{old}"', f'"{version}"'), **changes}
    with zipfile.ZipFile(own) as source, zipfile.ZipFile(fresh, "w") as target:
        for entry in source.infolist():
            content, name = (
                source.read(entry),
                entry.filename.replace(f"noc-{old}.dist-info", f"noc-{version}.dist-info"),
            )
            if name.endswith("METADATA"):
                content = content.replace(f"Version: {old}".encode(), f"Version: {version}".encode())
            if name.endswith("RECORD"):
                content = content.replace(f"noc-{old}.dist-info".encode(), f"noc-{version}.dist-info".encode())
            if isinstance(swap := swaps.pop(name, None), tuple):
                assert swap[0] in content.decode(), (name, swap[0])
                content = content.decode().replace(*swap).encode()
            target.writestr(name, content)
        for name, text in swaps.items():
            assert isinstance(text, str), name
            target.writestr(name, text)


def migrating(statement: str, *, head: str = "0002", to: str = "0003") -> dict[str, tuple[str, str] | str]:
    """The changes of a noc whose schema has one more revision, which executes a statement."""
    text = f'from alembic import op\n\nrevision = "{to}"\ndown_revision = "{head}"\n\n\ndef upgrade() -> None:\n'
    return {
        SCHEMA: (f'HEAD = "{head}"', f'HEAD = "{to}"'),
        f"{VERSIONS}/{to}_another.py": f'{text}    op.execute("{statement}")\n',
    }
