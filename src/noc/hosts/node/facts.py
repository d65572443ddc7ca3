"""What a node says of itself before it is changed."""

import shutil
import time
from pathlib import Path
from typing import Any

from .boot import boot_id, booted, due
from .configuration import in_force
from .database import as_facts, schema
from .layout import Layout
from .order import highest_fence
from .release import MANIFEST, PAYLOAD, SIGNATURE, identity
from .state import SYSTEM_IN_FORCE, current, proven, read_json, read_pending
from .verdict import FINAL


def node_facts(layout: Layout) -> dict[str, Any]:
    """What runs, what is proven, what lies ready, which data there is, and how much room."""
    now, pending = current(layout), read_pending(layout)
    complete = [
        path.name
        for path in layout.release("").glob("*")
        if all((path / name).is_file() for name in (PAYLOAD, MANIFEST, SIGNATURE))
    ]
    memory = _memory()
    return {
        "current": now,
        "config": in_force(layout),
        "system": (read_json(layout, SYSTEM_IN_FORCE) or {}).get("sha"),
        "clock": time.time(),
        "version": identity(layout, now).get("version") if now else None,
        "fence": highest_fence(layout),
        "pending": pending.run if pending and not _has_verdict(layout, pending.run) else None,
        "proven": [entry["sha"] for entry in proven(layout)],
        "builds": {entry["sha"]: entry["build"] for entry in proven(layout)},
        "disk_free_bytes": shutil.disk_usage(layout.root).free,
        "memory_free_bytes": memory["MemAvailable"],
        "memory_total_bytes": memory["MemTotal"],
        "boot_id": boot_id(),
        "booted": booted(layout),
        "reboot": due(layout),
        "releases": sorted(complete),
        "partial": {path.parent.name: path.stat().st_size for path in layout.release("").glob(f"*/{PAYLOAD}.part")},
        "schema": schema(layout),
        "snapshots": as_facts(layout),
    }


def _has_verdict(layout: Layout, run: str) -> bool:
    """Whether a run is over, though what it left open is still being cleared away."""
    verdict = read_json(layout, f"verdicts/{run}.json")
    return verdict is not None and verdict["state"] in FINAL


def _memory() -> dict[str, int]:
    """Sizes in bytes, proc_meminfo(5)."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {name: int(rest.split()[0]) * 1024 for name, rest in (line.split(":", 1) for line in lines)}
