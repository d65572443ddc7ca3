"""The power fails at any write of an activation: the node boots into what was before, or what was confirmed."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from noc.hosts.node.database import opened
from noc.hosts.node.layout import Layout
from noc.hosts.node.order import highest_fence
from noc.hosts.node.recovery import settle_at_boot
from noc.hosts.node.state import current, proven, read_json, read_pending
from tree_trace import Arrived, moments, trace

OLD, NEW = "a" * 64, "b" * 64

LIFE = """
import sqlite3, sys
from contextlib import closing
from noc.hosts.node.activation import Activation, plan
from noc.hosts.node.layout import Layout
from noc.hosts.node.order import Order, raise_fence, say, write_order
root, way = sys.argv[1:]
layout = Layout(root=root, port=1)
order = Order("r2", 2, "b" * 64, None, 20, 10, 60)
activation = Activation(layout, plan(layout, order))
raise_fence(layout, order.fence)
write_order(layout, order)
for state in ("staged", "armed", "activating"):
    activation.tell(state)
activation.prepare(order)
activation.change()
activation.tell("activated")
with closing(sqlite3.connect(layout.database)) as database:
    database.execute("PRAGMA synchronous=FULL")
    database.execute("INSERT INTO entries VALUES ('since')")
    database.commit()
if way == "confirmed":
    say(layout, "r2", "confirm")
    activation.accept()
else:
    say(layout, "r2", "revert", "no", restore_data=way == "restored")
    activation.intend("HQ took it back")
    activation.change_back_at_boot()
    activation.conclude("rolled-back", "HQ took it back")
"""


@pytest.fixture
def memory() -> Iterator[Path]:
    """In memory where that is to be had: there a sync costs nothing."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as directory:
        yield Path(directory)


def prepare(root: Path) -> None:
    """A node that runs OLD, with NEW staged and one entry in its database."""
    for folder in ("var/lib/noc-node/snapshots", "var/lib/noc-node/verdicts", "var/lib/clavitor"):
        (root / folder).mkdir(parents=True)
    for build, sha in enumerate((OLD, NEW), 1):
        directory = root / "opt/clavitor/releases" / sha
        directory.mkdir(parents=True)
        (directory / "clavitor.pyz").write_text(sha)
        manifest = {"product": "clavitor", "version": "1", "sha256": sha, "created": "", "expires": "2030-01-01T00:00Z"}
        (directory / "manifest.json").write_text(json.dumps({**manifest, "build": build, "size": 64}))
    (root / "opt/clavitor/current").symlink_to(f"releases/{OLD}")
    (root / "var/lib/noc-node/fence").write_text("1")
    (root / "var/lib/noc-node/proven.json").write_text(json.dumps([{"sha": OLD, "version": "1", "build": 1}]))
    with closing(sqlite3.connect(root / "var/lib/clavitor/clavitor.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE entries (value TEXT)")
        database.execute("INSERT INTO entries VALUES ('kept')")
        database.commit()


def entries(layout: Layout) -> list[str]:
    with opened(layout.database) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [value for (value,) in database.execute("SELECT value FROM entries ORDER BY value")]


def boot(image: Path) -> tuple[str | None, list[str]]:
    """Start a node from what its disk holds; the release that it runs then, and its data."""
    layout = Layout(root=str(image), launch_recovery=("true",))
    for name in ("fence", "proven.json", "pending.json", "verdicts/r2.json", "orders/r2.json", "answers/r2.json"):
        read_json(layout, name)
    assert highest_fence(layout) in (1, 2)
    confirmed_before = current(layout) == NEW and NEW in {entry["sha"] for entry in proven(layout)}
    open_before = read_pending(layout)
    settle_at_boot(layout)
    pending, now = read_pending(layout), current(layout)
    verdict = (read_json(layout, "verdicts/r2.json") or {}).get("state")
    if open_before is None:
        assert (now == NEW) == (verdict == "confirmed")
    elif pending is None:
        assert (now, verdict, confirmed_before or NEW in {entry["sha"] for entry in proven(layout)}) == (
            NEW,
            "confirmed",
            True,
        )
    else:
        # The way back was taken; proving it is left to the process that starts after the service.
        assert (now, bool(pending.rolling_back)) == (OLD, True)
    return now, entries(layout)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not here")
@pytest.mark.parametrize("way", ["confirmed", "rolled-back", "restored"])
def test_a_power_cut_at_any_write_leaves_the_old_or_the_confirmed(memory: Path, way: str) -> None:
    root = memory / "root"
    root.mkdir()
    prepare(root)
    shutil.copytree(root, memory / "beginning", symlinks=True)
    calls = trace(LIFE, [str(root), way], memory / "trace")
    ends = {"confirmed": (NEW, ["kept", "since"]), "rolled-back": (OLD, ["kept", "since"]), "restored": (OLD, ["kept"])}
    shutil.rmtree(root)
    (memory / "beginning").rename(root)
    cuts, found = 0, set()
    for disk in moments(root, calls):
        for arrived in Arrived:
            cuts += 1
            image = memory / "image"
            disk.image(arrived, image)
            now, data = boot(image)
            found.add((now, tuple(data)))
            assert data in (["kept"], ["kept", "since"]), (cuts, arrived)
    assert cuts > 150
    assert (now, data) == ends[way]
    assert (NEW in {release for release, _ in found}) == (way == "confirmed")
