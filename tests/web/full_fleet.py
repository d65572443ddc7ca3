"""The example fleet with two hours behind it: one node dead and taken over, one with a gap, hostile words all over.

Nobody is asked anything in the world outside, and nodes that say nothing during a test do not go down.
"""

import math
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import tomli_w

from noc.fleet.load import load
from noc.fleet.scheduling import Job, Schedule
from noc.watch.clock import now
from noc.watch.store.database import Store
from noc.watch.store.migration import migrate_apart
from noc.watch.store.records import Beat, Event, Incident, IncidentSaved, JobOutcome, Note, Sighting
from watch_kit import HUB

EXAMPLE = Path(__file__).parents[2] / "fleet"
HOSTILE = "<img src=x onerror=alert(1)>"
MINUTE = 60_000
JOBS: tuple[Job, ...] = ("backup", "certificates", "prices", "os-update")
DEAD, GAPPED, PLANNED = "hongkong", "seoul", "jakarta"


def write(directory: Path) -> Path:
    """The fleet directory, in the loopback's tunnel network; its nodes are live but for one."""
    fleet = load(EXAMPLE)
    network = IPv4Address(HUB) - 1
    nodes = [node.model_copy(update={"tunnel": network + 10 + node.number}) for node in fleet.nodes]
    changed = fleet.model_copy(
        update={
            "hub": fleet.hub.model_copy(update={"tunnel": IPv4Address(HUB)}),
            "tunnel": fleet.tunnel.model_copy(update={"network": IPv4Network(f"{network}/24")}),
            "ntfy": fleet.ntfy and fleet.ntfy.model_copy(update={"url": "http://127.0.0.1:9"}),
            "nodes": tuple(nodes),
            "policy": fleet.policy.model_copy(update={"sev2_missed": 10_000}),
            "witness": fleet.witness.model_copy(update={"not_public": ("all",)}),
            "outside": fleet.outside.model_copy(update={"addresses": ()}),
            "schedule": tuple(Schedule(job=job, cron="40 3 * * *") for job in JOBS),
        }
    )
    directory.mkdir()
    document = changed.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    (directory / "fleet.toml").write_text(tomli_w.dumps(document))
    lives = {node.name: "planned" if node.name == PLANNED else "live" for node in nodes}
    (directory / "inventory.toml").write_text(
        "".join(f'[nodes.{name}]\nlife = "{life}"\n' for name, life in lives.items())
    )
    return directory


def fill(database: Path) -> None:
    """Two hours of pushes, and incidents of every kind."""
    migrate_apart(database)
    store = Store(database)
    wall = now().wall
    for number, node in enumerate(load(EXAMPLE).nodes):
        if node.name != PLANNED:
            store.write(_beats(node.name, number, wall))
    dead = Incident(2, DEAD, "missed", f"no push: {HOSTILE}", wall - 20 * MINUTE, severity="SEV1", verdict="service")
    store.write(
        [
            IncidentSaved(_with(dead, wall)),
            IncidentSaved(
                Incident(1, GAPPED, "missed", HOSTILE, wall - 44 * MINUTE, ended=wall - 30 * MINUTE, end_reason=HOSTILE)
            ),
            Note(2, wall - 10 * MINUTE, "johan", f"{HOSTILE}\nsecond line"),
            Event("death", DEAD, wall - 20 * MINUTE, 2, {"why": HOSTILE}),
            Event("foreign-token", DEAD, wall - 30 * MINUTE, None, {"owner": DEAD, "sender": None, "address": HOSTILE}),
            JobOutcome("backup", "failed", wall - 9 * MINUTE, wall - 6 * MINUTE, f"19 of 20 nodes {HOSTILE}", "r1"),
            JobOutcome("certificates", "ok", wall - 90 * MINUTE, wall - 89 * MINUTE, "21 hold, the first for 41 days"),
            JobOutcome("prices", "running", wall - MINUTE, None, ""),
            Sighting(DEAD, wall - 5 * MINUTE, ok=False, stage="answer", detail=HOSTILE, took_ms=12.0),
        ]
    )
    store.close()


def _with(incident: Incident, wall: int) -> Incident:
    taken = {"acked": wall - 8 * MINUTE, "acked_by": "johan", "ack_note": HOSTILE}
    return replace(incident, escalated=wall - 15 * MINUTE, **taken)  # type: ignore[arg-type]


def _beats(node: str, number: int, wall: int) -> list[Beat]:
    beats = []
    for minute in range(120, 0, -1):
        if (node == DEAD and minute < 20) or (node == GAPPED and 30 < minute < 45):
            continue
        wave = math.sin(minute / 17 + number)
        telemetry: dict[str, float | int | str | None] = {
            "ram_mb": 60 + number * 4 + 9 * wave,
            "cpu_pct": 12 + 9 * wave,
            "disk_pct": 40 + number * 2.5,
            "req_1h": 900 + round(300 * wave),
            "err_1h": 4,
            "active_sessions": 12,
            "cert_days_remaining": 61,
            "uptime_s": 90_000,
            "integrity": HOSTILE,
        }
        at = wall - minute * MINUTE
        beats += [
            Beat(node, at + half * 30_000, msg=HOSTILE, boot="b1", version="1.4.2", telemetry=telemetry)
            for half in (0, 1)
        ]
    return beats
