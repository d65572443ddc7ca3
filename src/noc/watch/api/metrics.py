"""`/metrics`: what Prometheus scrapes. A node that has fallen silent has no telemetry there, rather than its last."""

import asyncio
import os
import resource
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from noc.watch.api.exposition import MEDIA_TYPE, Family, Labels, Sample, exposition
from noc.watch.api.meters import Meters
from noc.watch.api.operation import Answer, Asked, Nothing, Operation
from noc.watch.clock import Moment, now
from noc.watch.service.watch import Watch
from noc.watch.store.measures import Measures, read_measures
from noc.watch.store.records import Severity, Sighting, State

MEBIBYTE: Final = 1024**2
DAY_S: Final = 86_400

GAUGES: Final[Mapping[str, tuple[str, float, str]]] = {
    "ram_mb": ("noc_node_memory_bytes", MEBIBYTE, "Memory of the machine in use."),
    "disk_pct": ("noc_node_disk_ratio", 0.01, "Share of the disk in use."),
    "cpu_pct": ("noc_node_cpu_ratio", 0.01, "Share of the processors in use."),
    "db_size_mb": ("noc_node_database_bytes", MEBIBYTE, "The vault's database with its write-ahead log."),
    "active_sessions": ("noc_node_sessions", 1, "Sessions that are signed in."),
    "req_1h": ("noc_node_requests_last_hour", 1, "Requests within the last hour."),
    "err_1h": ("noc_node_errors_last_hour", 1, "Requests of the last hour that failed."),
    "cert_days_remaining": ("noc_node_certificate_remaining_seconds", DAY_S, "Until the certificate ends."),
    "nix_gen": ("noc_node_generation", 1, "Generation of the system's configuration."),
    "uptime_s": ("noc_node_uptime_seconds", 1, "Since the machine started."),
}
"""Contract's field → name, factor to the base unit, help. `db_integrity` is text, and has a gauge of its own."""


class MetricsApi:
    """The handler, and the meters that it reads."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch, and count from now on."""
        self._watch, self._meters = watch, Meters(lambda name: name in watch.config.nodes)
        watch.listeners.append(self._meters.note)

    def operations(self) -> list[Operation[Any, Any]]:
        """Its one row."""
        return [
            Operation(
                method="GET",
                path="/metrics",
                summary="Everything as Prometheus reads it.",
                role="viewer",
                media=MEDIA_TYPE,
                handle=self.metrics,
            )
        ]

    async def metrics(self, _asked: Asked[Nothing, Nothing]) -> Answer:
        """The text; with the database in trouble what is known without it, and `noc_watch_storing` is 0."""
        engine = self._watch.store.engine
        measures, broken = Measures({}, {}), self._watch.broken
        try:
            measures = await asyncio.to_thread(read_measures, engine)
        except SQLAlchemyError:
            broken = True
        moment = now()
        families = [
            *node_families(self._watch, moment),
            *sighting_families(self._watch, moment),
            *journal_families(measures, moment.wall, known=not broken),
            *self._own(broken=broken),
        ]
        return Response(exposition(families), media_type=MEDIA_TYPE)

    def _own(self, *, broken: bool) -> Iterator[Family]:
        meters = self._meters
        pushes = [Sample(count, {"node": name}) for name, count in sorted(meters.pushes.items())]
        yield Family("noc_pushes_total", "counter", "Pushes that were stored since the watch started.", pushes)
        yield Family(
            "noc_push_ingest_seconds", "histogram", "From a push's arrival to the disk.", meters.ingest.samples()
        )
        yield Family(
            "noc_incident_detection_seconds",
            "histogram",
            "From the instant at which an incident began to its being recorded.",
            meters.detection.samples(),
        )
        yield Family("noc_watch_storing", "gauge", "Whether the database can be written.", [Sample(not broken)])
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = used.ru_utime + used.ru_stime
        yield Family("process_cpu_seconds_total", "counter", "Processor time of the watch.", [Sample(seconds)])
        yield Family("process_resident_memory_bytes", "gauge", "Memory of the watch.", [Sample(resident_bytes())])


def node_families(watch: Watch, moment: Moment) -> Iterator[Family]:
    """How each node stands, and its telemetry while it is fresh."""
    labels = {name: _labels(watch, name) for name in watch.config.nodes}
    standings = {name: watch.judge.nodes[name] for name in labels}
    states = (
        Sample(standing.state(moment) == state, {**labels[name], "state": state})
        for name, standing in standings.items()
        for state in get_args(State)
    )
    yield Family("noc_node_state", "gauge", "Which of its states a node is in: 1 for one of them.", list(states))
    beats = {name: standing.last for name, standing in standings.items() if standing.last is not None}
    heard = [Sample(beat.at / 1000, labels[name]) for name, beat in beats.items()]
    yield Family("noc_node_last_push_timestamp_seconds", "gauge", "When a node's last push was received.", heard)
    window_ms = watch.config.rules.window * 1000
    fresh = {name: beat for name, beat in beats.items() if moment.wall - beat.at <= window_ms}
    info = [Sample(1, {**labels[name], "version": beat.version or ""}) for name, beat in fresh.items()]
    yield Family("noc_node_info", "gauge", "What a node runs.", info)
    yield from telemetry_families({name: beat.telemetry or {} for name, beat in fresh.items()}, labels)


def telemetry_families(telemetry: Mapping[str, Mapping[str, Any]], labels: Mapping[str, Labels]) -> Iterator[Family]:
    """Every field that is a number, by node; what is beyond the contract shares one name, with the field as a label."""
    for field, (name, factor, words) in GAUGES.items():
        found = [
            Sample(fields[field] * factor, labels[node])
            for node, fields in telemetry.items()
            if isinstance(fields.get(field), int | float)
        ]
        yield Family(name, "gauge", words, found)
    intact = [
        Sample(fields["db_integrity"] == "ok", labels[node])
        for node, fields in telemetry.items()
        if fields.get("db_integrity") is not None
    ]
    yield Family("noc_node_database_intact", "gauge", "Whether the database's last check found it whole.", intact)
    others = [
        Sample(value, {**labels[node], "field": field})
        for node, fields in telemetry.items()
        for field, value in fields.items()
        if field not in GAUGES and isinstance(value, int | float)
    ]
    yield Family("noc_node_field", "gauge", "Telemetry beyond the contract, in the unit that its sender chose.", others)


def sighting_families(watch: Watch, moment: Moment) -> Iterator[Family]:
    """What the second witness saw last, while that is fresh."""
    faces = {name: watch.judge.nodes[name].face for name in watch.config.nodes}
    fresh = {name: face.seen for name, face in faces.items() if face.seen is not None and not face.stale(moment)}

    def gauge(name: str, words: str, value: Callable[[Sighting], float | None]) -> Family:
        found = ((_labels(watch, node), value(sighting)) for node, sighting in fresh.items())
        return Family(name, "gauge", words, [Sample(number, labels) for labels, number in found if number is not None])

    yield gauge("noc_node_serves", "Whether a node serves at its public address.", lambda each: each.ok)
    yield gauge("noc_node_serves_seconds", "How long that took.", lambda each: each.took_ms / 1000)
    yield gauge(
        "noc_node_certificate_expiry_timestamp_seconds",
        "When the certificate that it showed ends.",
        lambda each: None if each.certificate_until is None else each.certificate_until / 1000,
    )


def journal_families(measures: Measures, wall: int, *, known: bool) -> Iterator[Family]:
    """Open incidents and waiting alerts; nothing where the database does not say."""
    if not known:
        return
    severities: Iterable[str] = get_args(Severity)
    opened = [Sample(measures.open.get(severity, 0), {"severity": severity}) for severity in severities]
    yield Family("noc_incidents_open", "gauge", "Open incidents.", opened)
    waiting = measures.waiting.items()
    counts = [Sample(each.messages, {"channel": channel}) for channel, each in waiting]
    yield Family("noc_outbox_waiting", "gauge", "Messages that wait to be sent.", counts or [Sample(0)])
    ages = [Sample(max(0, wall - each.oldest) / 1000, {"channel": channel}) for channel, each in waiting]
    yield Family("noc_outbox_oldest_age_seconds", "gauge", "Age of the oldest that waits.", ages or [Sample(0)])


def resident_bytes() -> int:
    """The process's memory: the second field of /proc/self/statm is its resident pages (proc(5))."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _labels(watch: Watch, name: str) -> dict[str, str]:
    return {"node": name, "region": watch.config.nodes[name].node.region or ""}
