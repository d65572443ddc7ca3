"""What makes a node healthy: pure verdicts over facts that were gathered. A check that did not run is no pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from noc.hosts.web import Health
from noc.release.manifest import Manifest
from noc.runs.admission.clock import lasting
from noc.runs.site.watchdoor import Heartbeat, Watched

PORTS = (21, 22, 23, 25, 80, 111, 443, 2019, 2375, 3306, 5432, 6379, 8080, 8084, 8443, 9090, 9100, 10250, 27017, 51820)
"""TCP ports that are tried from HQ: the two that must be open, and those that are commonly forgotten."""
PUBLIC = frozenset({80, 443})
SESSION_S = 180
WORST_CLOCK_S = 60
"""Certificates, expiry and heartbeats are judged by time: a clock further off makes them fail for no visible cause."""
LEAST_CERTIFICATE_SHARE = 0.15
"""Share of its validity that a certificate must have left: ACME clients renew at a third, whatever the validity."""
_LATE = 2.5
_DAY_S = 86400


class State(StrEnum):
    """What a check found."""

    OK = "ok"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Check:
    """One check's name, what it found, and the fact behind it in words."""

    name: str
    state: State
    words: str


@dataclass(frozen=True)
class Facts:
    """What was seen of one node. None and "" mean that it could not be looked at, for the reason in `trouble`.

    Attributes:
        at: when, UTC.
        manifest: the release that the node should run; None where HQ does not know it.
        push_interval_s: seconds between heartbeats.
        tunnel_known: whether the hub's counters could be read.
        handshake_at: Unix seconds of the tunnel's last handshake; None for none.
        round_trip_ms: TCP connect to the node's SSH port through the tunnel; None where it did not answer.
        public: what the public name answered.
        open_ports: ports that answered on the public address; None where the scan did not run.
        tried_ports: ports that were tried.
        last: its newest push, with its own time; None for none.
        watched: the node as the watch sees it; None where the watch does not know it, or does not answer.
        trouble: why a look failed, by the check's name.
    """

    at: datetime
    manifest: Manifest | None
    push_interval_s: float
    tunnel_known: bool = False
    handshake_at: int | None = None
    round_trip_ms: float | None = None
    public: Health = field(default_factory=Health)
    open_ports: frozenset[int] | None = None
    tried_ports: tuple[int, ...] = ()
    last: Heartbeat | None = None
    watched: Watched | None = None
    trouble: Mapping[str, str] = field(default_factory=dict)


def judge(facts: Facts) -> tuple[Check, ...]:
    """All checks of one node, in the order in which they depend on each other."""
    return (
        _handshake(facts),
        _round_trip(facts),
        _https(facts),
        _certificate(facts),
        _ports(facts),
        _heartbeat(facts),
        _clock(facts),
        _telemetry(facts),
    )


def healthy(checks: Sequence[Check]) -> bool:
    """Whether every check ran and passed."""
    return all(check.state is State.OK for check in checks)


def _check(name: str, passed: bool, words: str) -> Check:
    return Check(name, State.OK if passed else State.FAILED, words)


def _not_run(name: str, facts: Facts, default: str) -> Check:
    return Check(name, State.NOT_RUN, facts.trouble.get(name, default))


def _handshake(facts: Facts) -> Check:
    if not facts.tunnel_known:
        return _not_run("tunnel", facts, "the hub's counters could not be read")
    if facts.handshake_at is None:
        return _check("tunnel", passed=False, words="no handshake seen")
    age = facts.at.timestamp() - facts.handshake_at
    return _check("tunnel", age < SESSION_S, f"handshake {max(age, 0):.0f} s ago")


def _round_trip(facts: Facts) -> Check:
    if facts.round_trip_ms is None:
        return _check("round trip", passed=False, words=facts.trouble.get("round trip", "no answer"))
    return _check("round trip", passed=True, words=f"{facts.round_trip_ms:.1f} ms")


def _https(facts: Facts) -> Check:
    public = facts.public
    if public.status is None:
        return _check("https", passed=False, words=public.trouble)
    if public.status != 200:
        return _check("https", passed=False, words=f"answers {public.status}")
    shown = f"{public.version} build {public.build}"
    if facts.manifest is None:
        return _not_run("https", facts, f"shows {shown}; HQ does not know which release it should run")
    wanted = f"{facts.manifest.version} build {facts.manifest.build}"
    right = (public.version, public.build) == (facts.manifest.version, facts.manifest.build)
    return _check("https", right, f"200, {shown}" if right else f"shows {shown}, expected {wanted}")


def _certificate(facts: Facts) -> Check:
    if facts.public.certificate_ends is None or facts.public.certificate_begins is None:
        return _not_run("certificate", facts, "no TLS session")
    days = (facts.public.certificate_ends - facts.at).total_seconds() / _DAY_S
    whole = (facts.public.certificate_ends - facts.public.certificate_begins).total_seconds() / _DAY_S
    least_days = whole * LEAST_CERTIFICATE_SHARE
    return _check("certificate", days >= least_days, f"{days:.1f} days left")


def _ports(facts: Facts) -> Check:
    if facts.open_ports is None:
        return _not_run("ports", facts, "the public address is not known")
    tried = f"{len(facts.tried_ports)} ports tried"
    closed, stray = PUBLIC - facts.open_ports, facts.open_ports - PUBLIC
    if stray:
        return _check("ports", passed=False, words=f"{_list(stray)} open to the world; {tried}")
    if closed:
        return _check("ports", passed=False, words=f"{_list(closed)} not open; {tried}")
    return _check("ports", passed=True, words=f"only 80 and 443 open, 22 closed; {tried}")


def _list(ports: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(ports)))


def _heartbeat(facts: Facts) -> Check:
    if facts.watched is None:
        return _not_run("heartbeat", facts, "the watch does not know this node")
    last = facts.watched.last_heartbeat
    if last is None:
        return _check("heartbeat", passed=False, words="none yet")
    age = (facts.at - last.at.astimezone(UTC)).total_seconds()
    return _check("heartbeat", age <= _LATE * facts.push_interval_s, f"{max(age, 0):.0f} s ago")


def _clock(facts: Facts) -> Check:
    last = facts.last
    if last is None or last.sent_at is None:
        return _not_run("clock", facts, "no heartbeat that tells its time")
    ahead_s = (last.sent_at - last.at).total_seconds()
    if abs(ahead_s) <= WORST_CLOCK_S:
        return _check("clock", passed=True, words="right")
    way = "ahead of" if ahead_s > 0 else "behind"
    return _check("clock", passed=False, words=f"{lasting(abs(ahead_s))} {way} HQ's")


def _telemetry(facts: Facts) -> Check:
    last = facts.watched.last_heartbeat if facts.watched else None
    if last is None or last.telemetry is None:
        return _not_run("telemetry", facts, "no telemetry came")
    odd = odd_telemetry(last.telemetry)
    return _check("telemetry", not odd, "; ".join(odd) or "11 fields, all sane")


_RANGES: Mapping[str, tuple[float, float]] = {
    "ram_mb": (1, 1 << 20),
    "disk_pct": (0, 95),
    "cpu_pct": (0, 100),
    "db_size_mb": (0, 1 << 20),
    "active_sessions": (0, 1 << 31),
    "req_1h": (0, 1 << 40),
    "err_1h": (0, 1 << 40),
    "cert_days_remaining": (0, 36_500),
    "uptime_s": (0, 1 << 40),
}
_MAY_BE_UNKNOWN = frozenset({"cert_days_remaining"})


def odd_telemetry(telemetry: Mapping[str, Any]) -> tuple[str, ...]:
    """What is wrong with a heartbeat's telemetry, in words; empty when all is sane.

    Args:
        telemetry: the body of a push: the plan's 11 fields.
    """
    wanted = {*_RANGES, "db_integrity", "nix_gen"}
    found = [f"{name} is missing" for name in sorted(wanted - telemetry.keys())]
    found += [f"{name} is not a field" for name in sorted(telemetry.keys() - wanted)]
    for name, (least, most) in _RANGES.items():
        value = telemetry.get(name, least)
        if value is None and name in _MAY_BE_UNKNOWN:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            found.append(f"{name} is {value}")
    if telemetry.get("db_integrity") not in ("ok", None):
        found.append(f"db_integrity is {telemetry['db_integrity']}")
    return tuple(found)
