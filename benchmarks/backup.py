"""Claim: fourteen nights of a vault take less room on HQ than with a general tool, for as little work on the node.

    benchmarks/backup.py [--megabytes 64] [--nights 14] [--json]

One database, changed a little every day, is backed up each night by ours, by restic and by borg (Debian's packages),
each into an encrypted repository of its own on the same disk. Ours is the node's copy with its trial restore and HQ's
sealing, without the line between them; the peers read a copy that SQLite's own backup made, and prove nothing.
"""

import argparse
import json
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyrage import x25519

from noc.backup.manifest import Manifest, Trial
from noc.backup.repository import Repository
from noc.hosts.node.backup_copy import Copy
from noc.hosts.node.layout import Layout

ROW = 2_000
CHANGED, ADDED = 0.003, 0.004
"""Of all entries, each day: some are edited wherever they lie, some are new."""
SECRET = {"RESTIC_PASSWORD": "bench", "BORG_PASSPHRASE": "bench", "BORG_BASE_DIR": "", "RESTIC_CACHE_DIR": ""}


@dataclass
class Night:
    """One backup: bytes of the repository afterwards, CPU seconds on the node's side and on HQ's."""

    stored: int
    node_s: float
    hq_s: float = 0.0


@dataclass
class Tool:
    """A tool, and what it took night by night."""

    name: str
    back_up: Callable[[int], Night]
    nights: list[Night] = field(default_factory=list)


def main() -> None:
    """Play the nights, and print a row a tool; exit 1 where a peer stored less."""
    arguments = _arguments()
    work = Path(tempfile.mkdtemp(prefix="noc-bench-"))
    try:
        tools = _play(work, arguments.megabytes, arguments.nights)
        size = (work / "var/lib/clavitor/clavitor.db").stat().st_size
    finally:
        shutil.rmtree(work, ignore_errors=True)
    rows = {tool.name: _row(tool, size) for tool in tools}
    if arguments.json:
        print(json.dumps({"database": size, "rows": rows}, indent=2))
    else:
        _show(rows, size)
    raise SystemExit(int(rows["noc"]["stored"] > min(row["stored"] for row in rows.values())))


def _play(work: Path, megabytes: int, nights: int) -> list[Tool]:
    layout = Layout(root=str(work), reserve=1024)
    layout.database.parent.mkdir(parents=True)
    draw = random.Random(1)
    with closing(sqlite3.connect(layout.database)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, owner INTEGER, sealed BLOB)")
        database.execute("CREATE INDEX of_owner ON entries (owner)")
        _add(database, draw, megabytes * 1_000_000 // ROW)
    tools = [Tool("noc", _ours(work, layout)), Tool("restic", _restic(work, layout)), Tool("borg", _borg(work, layout))]
    for night in range(nights):
        for tool in tools:
            tool.nights.append(tool.back_up(night))
        with closing(sqlite3.connect(layout.database)) as database:
            _change(database, draw)
    return tools


def _add(database: sqlite3.Connection, draw: random.Random, count: int) -> None:
    with database:
        rows = ((draw.randrange(1000), draw.randbytes(draw.randrange(ROW * 2))) for _ in range(count))
        database.executemany("INSERT INTO entries (owner, sealed) VALUES (?, ?)", rows)


def _change(database: sqlite3.Connection, draw: random.Random) -> None:
    """A day: what is sealed anew is random anew."""
    count = int(database.execute("SELECT max(id) FROM entries").fetchone()[0])
    with database:
        for _ in range(int(count * CHANGED)):
            sealed = draw.randbytes(draw.randrange(ROW * 2))
            database.execute("UPDATE entries SET sealed = ? WHERE id = ?", (sealed, draw.randrange(count)))
    _add(database, draw, int(count * ADDED))


def _ours(work: Path, layout: Layout) -> Callable[[int], Night]:
    root = work / "noc"
    backups = Repository(root, bytes(32)).node("kigali")
    people = [str(x25519.Identity.generate().to_public())]

    def back_up(night: int) -> Night:
        begun = _cpu()
        epoch = backups.epoch(people)
        copy = Copy(layout, backups.names_key(epoch))
        copied = _cpu()
        at = datetime(2026, 11, 1, 3, tzinfo=UTC) + timedelta(days=night)
        for name in backups.missing(epoch, copy.pieces):
            backups.keep(epoch, name, copy.read(name, 0, copy.pieces[name].packed))
        backups.commit(_manifest(copy, epoch.id, at))
        copy.close()
        return Night(_stored(root), copied - begun, _cpu() - copied)

    return back_up


def _manifest(copy: Copy, epoch: str, at: datetime) -> Manifest:
    return Manifest(
        node="kigali",
        at=at,
        epoch=epoch,
        release=None,
        schema_version=copy.proof.schema,
        bytes=copy.bytes,
        page_size=copy.page_size,
        chunks=tuple((name, copy.pieces[name].size) for name in copy.order),
        whole=copy.whole,
        trial=Trial(tables=copy.proof.tables, rows=copy.proof.rows),
    )


def _restic(work: Path, layout: Layout) -> Callable[[int], Night]:
    repository = work / "restic"
    _run(work, "restic", "init", "--quiet", "--repo", str(repository), "--repository-version", "2")
    command = ("restic", "backup", "--quiet", "--repo", str(repository), "--host", "kigali")
    return lambda _: _peer(work, layout, repository, command)


def _borg(work: Path, layout: Layout) -> Callable[[int], Night]:
    repository = work / "borg"
    _run(work, "borg", "init", "--encryption", "repokey-blake2", str(repository))
    return lambda night: _peer(work, layout, repository, ("borg", "create", "-C", "zlib,1", f"{repository}::{night}"))


def _peer(work: Path, layout: Layout, repository: Path, command: tuple[str, ...]) -> Night:
    begun, copy = _cpu(), work / "copy.db"
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(layout.database)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
    _run(work, *command, str(copy))
    return Night(_stored(repository), _cpu() - begun)


def _run(work: Path, *argv: str) -> None:
    own = {name: value or str(work / f"of-{name.lower()}") for name, value in SECRET.items()}
    subprocess.run(argv, check=True, env={**os.environ, **own}, capture_output=True)


def _cpu() -> float:
    """User and system seconds of this process and its children."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in both)


def _stored(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _row(tool: Tool, size: int) -> dict[str, float]:
    first, last, later = tool.nights[0], tool.nights[-1], tool.nights[1:]
    mib = size / 2**20
    return {
        "first": first.stored,
        "stored": last.stored,
        "a_night": (last.stored - first.stored) / max(len(later), 1),
        "node_ms_per_mib": 1000 * sum(night.node_s for night in later) / max(len(later), 1) / mib,
        "hq_ms_per_mib": 1000 * sum(night.hq_s for night in later) / max(len(later), 1) / mib,
    }


def _show(rows: dict[str, dict[str, float]], size: int) -> None:
    print(f"database at the end: {size / 1e6:.1f} MB\n")
    print("| | first night | all nights | a night more | CPU on the node, ms a MiB | on HQ |")
    print("|---|---|---|---|---|---|")
    for name, row in rows.items():
        sizes = " | ".join(f"{row[part] / 1e6:.1f} MB" for part in ("first", "stored", "a_night"))
        hq = f"{row['hq_ms_per_mib']:.1f}" if name == "noc" else "-"
        print(f"| {name} | {sizes} | {row['node_ms_per_mib']:.1f} | {hq} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--nights", type=int, default=14)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
