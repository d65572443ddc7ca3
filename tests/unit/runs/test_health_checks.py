import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from noc.fleet.model import Fleet
from noc.hosts.web import Health
from noc.runs.health.checks import Facts, State, healthy, judge, odd_telemetry
from noc.runs.health.health import health, round_trip_ms
from noc.runs.paths import Paths
from noc.runs.site.watchdoor import Heartbeat, Watched
from runs_kit import NOW, World, make_site, manifest

TELEMETRY = {
    "ram_mb": 200,
    "disk_pct": 12.5,
    "cpu_pct": 3.0,
    "db_size_mb": 0.1,
    "db_integrity": "ok",
    "active_sessions": 0,
    "req_1h": 10,
    "err_1h": 0,
    "cert_days_remaining": 80,
    "nix_gen": None,
    "uptime_s": 100,
}
HEARD = NOW - timedelta(seconds=20)
GOOD = Facts(
    at=NOW,
    manifest=manifest(),
    push_interval_s=30,
    tunnel_known=True,
    handshake_at=int(NOW.timestamp()) - 60,
    round_trip_ms=12.0,
    public=Health(200, "1.1.0", 2, "boot", NOW - timedelta(days=30), NOW + timedelta(days=60)),
    open_ports=frozenset({80, 443}),
    tried_ports=(22, 80, 443),
    last=Heartbeat(at=HEARD, sent_at=HEARD),
    watched=Watched(
        name="virginia",
        state="up",
        last_heartbeat=Heartbeat(at=HEARD, telemetry=TELEMETRY),
    ),
)


def found(facts: Facts, name: str) -> tuple[State, str]:
    return next((check.state, check.words) for check in judge(facts) if check.name == name)


def test_a_node_on_which_every_check_passes_is_healthy() -> None:
    assert healthy(judge(GOOD))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"handshake_at": None}, "tunnel"),
        ({"handshake_at": int(NOW.timestamp()) - 181}, "tunnel"),
        ({"round_trip_ms": None}, "round trip"),
        ({"public": replace(GOOD.public, version="1.0.0")}, "https"),
        ({"public": replace(GOOD.public, status=503)}, "https"),
        ({"public": Health(trouble="connection refused")}, "https"),
        ({"public": replace(GOOD.public, certificate_ends=NOW + timedelta(days=4))}, "certificate"),
        ({"open_ports": frozenset({22, 80, 443})}, "ports"),
        ({"open_ports": frozenset({443})}, "ports"),
        ({"watched": Watched(name="virginia", state="down")}, "heartbeat"),
        (
            {"watched": Watched(name="v", state="late", last_heartbeat=Heartbeat(at=NOW - timedelta(seconds=90)))},
            "heartbeat",
        ),
    ],
)
def test_one_thing_that_is_wrong_fails_its_check_and_the_node(change: dict[str, object], check: str) -> None:
    facts = replace(GOOD, **change)  # type: ignore[arg-type]
    assert found(facts, check)[0] is State.FAILED
    assert not healthy(judge(facts))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"tunnel_known": False}, "tunnel"),
        ({"open_ports": None}, "ports"),
        ({"watched": None}, "heartbeat"),
        ({"watched": None}, "telemetry"),
        ({"manifest": None}, "https"),
        ({"public": Health(trouble="connection refused")}, "certificate"),
    ],
)
def test_a_check_that_could_not_run_is_no_pass(change: dict[str, object], check: str) -> None:
    facts = replace(GOOD, **change)  # type: ignore[arg-type]
    assert found(facts, check)[0] is State.NOT_RUN
    assert not healthy(judge(facts))


def test_the_port_check_says_how_many_ports_were_tried() -> None:
    assert found(GOOD, "ports")[1] == "only 80 and 443 open, 22 closed; 3 ports tried"


def test_a_short_lived_certificate_is_judged_by_its_own_validity() -> None:
    short = replace(GOOD.public, certificate_begins=NOW - timedelta(days=2), certificate_ends=NOW + timedelta(days=4))
    assert found(replace(GOOD, public=short), "certificate")[0] is State.OK


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("disk_pct", 97),
        ("ram_mb", 0),
        ("cpu_pct", "3"),
        ("uptime_s", True),
        ("db_integrity", "row 3 is missing"),
        ("cert_days_remaining", -1),
        ("surprise", 1),
    ],
)
def test_odd_telemetry_is_named(name: str, value: object) -> None:
    assert name in " ".join(odd_telemetry({**TELEMETRY, name: value}))


def test_a_missing_field_is_named() -> None:
    assert odd_telemetry({name: value for name, value in TELEMETRY.items() if name != "req_1h"}) == (
        "req_1h is missing",
    )


def test_what_a_node_cannot_know_yet_is_not_odd() -> None:
    assert not odd_telemetry({**TELEMETRY, "cert_days_remaining": None, "db_integrity": None})


async def test_round_trips_are_measured_before_anything_else_keeps_hq_busy(
    paths: Paths, fleet: Fleet, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    async def trip(address: str) -> float:
        await asyncio.sleep(0.01)
        order.append("trip")
        return 7.0

    class Busy:
        async def health(self, _: str) -> Health:
            order.append("https")
            return Health()

    monkeypatch.setattr("noc.runs.health.health.round_trip_ms", trip)
    site = replace(make_site(paths, fleet, world), web=Busy())  # type: ignore[arg-type]
    document = await health(site, ["all"])
    assert order == ["trip"] * 3 + ["https"] * 3
    assert [row["checks"][1]["words"] for row in document["nodes"]] == ["7.0 ms"] * 3


async def test_a_round_trip_is_that_of_the_fastest_connection() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    taken = await round_trip_ms("127.0.0.1", server.sockets[0].getsockname()[1])
    server.close()
    assert taken is not None
    assert await round_trip_ms("127.0.0.1", 1) is None


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [
        (timedelta(seconds=59), State.OK, "right"),
        (timedelta(hours=1), State.FAILED, "1 h ahead of HQ's"),
        (timedelta(hours=-1), State.FAILED, "1 h behind HQ's"),
    ],
)
def test_a_clock_is_held_against_hqs(ahead: timedelta, state: State, words: str) -> None:
    last = Heartbeat(at=HEARD, sent_at=HEARD + ahead)
    assert found(replace(GOOD, last=last), "clock") == (state, words)


def test_a_clock_that_nobody_told_of_is_not_called_right() -> None:
    assert found(replace(GOOD, last=Heartbeat(at=HEARD)), "clock")[0] is State.NOT_RUN
