"""Briefings: one short message, what needs a person first."""

from collections.abc import Sequence
from typing import Final

from noc.fleet.model import Fleet
from noc.watch.alerts.facts import DAY_MS, Facts
from noc.watch.alerts.messages import subject
from noc.watch.clock import local, span
from noc.watch.store.records import Incident

SOON_MS: Final = 14 * DAY_MS
MOST_NAMED: Final = 8


def write_briefing(facts: Facts, fleet: Fleet, more: Sequence[str] = ()) -> dict[str, str]:
    """Title and text of a day's briefing, with lines that come from elsewhere at its end."""
    still = _still(facts)
    lines = [
        *_needs_a_person(facts, still, fleet),
        _nodes(facts),
        _incidents(facts, still, fleet),
        *(f"silenced until {local(until, fleet.timezone)[:8]}: {scope}" for scope, until in facts.silences),
        *_versions(facts),
        *more,
    ]
    up, all_nodes = sum(state == "up" for state in facts.states.values()), len(facts.states)
    title = f"{fleet.name}: {up} of {all_nodes} nodes up, {_counted(len(still), 'incident')} open"
    return {"title": title, "text": "\n".join(line for line in lines if line)}


def write_news(title: str, lines: Sequence[str], facts: Facts, fleet: Fleet) -> dict[str, str]:
    """Title and text of a briefing after something was done: what changed, what needs a person, what is open.

    Args:
        title: what was done, and how it went.
        lines: what there is to say of it.
        facts: the fleet as it is now.
        fleet: its file.
    """
    needs, still = _needs_a_person(facts, _still(facts), fleet), _still(facts)
    text = [*lines, *needs, _nodes(facts), f"{_counted(len(still), 'incident')} open"]
    return {"title": f"{fleet.name}: {title}", "text": "\n".join(text)}


def _still(facts: Facts) -> list[Incident]:
    return [incident for incident in facts.incidents if incident.ended is None]


def _needs_a_person(facts: Facts, still: list[Incident], fleet: Fleet) -> list[str]:
    alone = [incident for incident in still if incident.acked is None and incident.parent is None]
    lines = [
        f"! {incident.severity} {subject(incident, fleet)}, {incident.topic}: "
        f"nobody has taken over for {span(facts.at - incident.started)}"
        for incident in alone[:MOST_NAMED]
    ]
    if len(alone) > MOST_NAMED:
        lines.append(f"! and {len(alone) - MOST_NAMED} more that nobody has taken over")
    lines += [f"! {_counted(count, 'message')} could not go out on {name}" for name, count in facts.waiting.items()]
    soon = sorted((until, name) for name, until in facts.certificates.items() if until < facts.at + SOON_MS)
    lines += [
        f"! the certificate of {name} " + (f"ends in {span(until - facts.at)}" if until > facts.at else "has expired")
        for until, name in soon[:MOST_NAMED]
    ]
    return lines


def _nodes(facts: Facts) -> str:
    others: dict[str, list[str]] = {}
    for name, state in facts.states.items():
        if state not in {"up", "pending"}:
            others.setdefault(state, []).append(name)
    return "; ".join(f"{state}: {_named(names)}" for state, names in others.items()) or "every live node is up"


def _incidents(facts: Facts, still: list[Incident], fleet: Fleet) -> str:
    over = [incident for incident in facts.incidents if incident.ended is not None and incident.parent is None]
    if not over:
        return "no incident ended within the day" if still else "no incident within the day"
    longest = max(over, key=lambda incident: (incident.ended or 0) - incident.started)
    lasted = span((longest.ended or 0) - longest.started)
    return f"{_counted(len(over), 'incident')} over, the longest {subject(longest, fleet)} for {lasted}"


def _versions(facts: Facts) -> list[str]:
    versions: dict[str, list[str]] = {}
    for node, version in facts.versions.items():
        versions.setdefault(version, []).append(node)
    return [f"now on {version}: {_named(names)}" for version, names in versions.items()]


def _named(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} nodes"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
