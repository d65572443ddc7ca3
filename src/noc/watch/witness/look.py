"""What one look at a public address means: pure verdicts over what the resolver and the address answered."""

from datetime import datetime
from ipaddress import IPv4Address

from noc.hosts.web import Health
from noc.watch.push.wire import plain
from noc.watch.store.records import Sighting, SightingStage
from noc.watch.witness.names import Lookup

MAX_DETAIL = 500
MAX_VERSION = 64


def misled(hostname: str, lookup: Lookup, expected: IPv4Address | None) -> str:
    """What is wrong with a name, in words; "" where it leads to its node and nowhere else.

    Args:
        hostname: the name.
        lookup: what it leads to.
        expected: the node's address, None where HQ does not know it.
    """
    if lookup.trouble:
        return f"{hostname}: {lookup.trouble}"
    if expected is None or set(lookup.addresses) == {expected}:
        return ""
    return f"{hostname} leads to {', '.join(map(str, lookup.addresses))}, the node is at {expected}"


def wrong_answer(health: Health) -> tuple[SightingStage, str]:
    """Where a question failed, and in which words; two empty ones where the service answered that it is well."""
    if health.status is None:
        return health.stage or "answer", health.trouble
    if health.status != 200:
        return "answer", f"answers {health.status}"
    if health.version is None or health.boot_id is None:
        return "answer", "answers 200, but not as the service does"
    return "", ""


def sighting(node: str, at: int, took_ms: float, misleading: str, health: Health | None) -> Sighting:
    """One look as it is stored.

    Args:
        node: the node's name.
        at: when it began, ms UTC.
        took_ms: how long it took.
        misleading: what `misled` said of the name.
        health: what the node's address answered; None where it is not known, or nobody was asked.
    """
    health = health or Health(stage="name")
    stage, words = wrong_answer(health)
    if misleading:
        there = "" if health.stage == "name" else f"; there {words or 'it serves'}"
        stage, words = "name", misleading + there
    return Sighting(
        node=node,
        at=at,
        ok=not stage,
        stage=stage,
        detail=plain(words, MAX_DETAIL),
        took_ms=took_ms,
        version=plain(health.version, MAX_VERSION) if health.version else None,
        certificate_from=_ms(health.certificate_begins),
        certificate_until=_ms(health.certificate_ends),
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
