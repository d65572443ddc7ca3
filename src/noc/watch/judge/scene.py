"""What the judge has to know of the fleet: who is judged, by which rules, in which groups, and when not."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from noc.fleet.judging import Maintenance, TelemetryRule, rules_in_force
from noc.fleet.model import Fleet
from noc.fleet.windows import read_wall
from noc.watch.judge.groups import FEWEST, FLEET
from noc.watch.judge.jobs import Planned
from noc.watch.judge.rules import Rules
from noc.watch.store.records import Window, WindowKind

_WEEK = timedelta(days=7)
WRITTEN_BY = "fleet.toml"


@dataclass(frozen=True)
class Scene:
    """The fleet as the judge sees it.

    Attributes:
        live: every node's name, and whether it is judged.
        groups: name of a group → its nodes, the widest first.
        scopes: what a window can be for: a node, a tag, `batch-N`, the hub, `all` → names.
        telemetry: subject → the rules over its samples.
        windows: the maintenance that the fleet file names.
        hub: HQ's name, "" for none.
        jobs: those of HQ's schedule, by name.
    """

    live: Mapping[str, bool]
    rules: Rules
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    telemetry: Mapping[str, tuple[TelemetryRule, ...]] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    hub: str = ""
    jobs: Mapping[str, Planned] = field(default_factory=dict)

    @classmethod
    def of(cls, fleet: Fleet, live: Mapping[str, bool]) -> "Scene":
        """The scene of a fleet file, and of which nodes are live."""
        return cls(
            live=live,
            rules=Rules.of(fleet.policy, fleet.judging),
            groups=groups_of(fleet),
            scopes=scopes_of(fleet),
            telemetry=_telemetry(fleet),
            windows=tuple(_window(table) for table in fleet.maintenance),
            hub=fleet.hub.name,
            jobs={
                each.job: Planned(each.times(fleet.timezone), each.missed, each.within * 60_000)
                for each in fleet.schedule
            },
        )


def groups_of(fleet: Fleet) -> dict[str, frozenset[str]]:
    """The fleet, then each provider, then each region, those of fewer than three nodes and doubles left out."""
    wanted = fleet.judging.regions
    found = {FLEET: {node.name for node in fleet.nodes}}
    for node in fleet.nodes:
        found.setdefault(f"@provider/{node.provider}", set()).add(node.name)
    for node in fleet.nodes:
        for tag in node.tags[:1] if wanted is None else (tag for tag in node.tags if tag in wanted):
            found.setdefault(f"@region/{tag}", set()).add(node.name)
    groups: dict[str, frozenset[str]] = {}
    for name, names in found.items():
        if name == FLEET or (len(names) >= FEWEST and frozenset(names) not in groups.values()):
            groups[name] = frozenset(names)
    return groups


def scopes_of(fleet: Fleet) -> dict[str, frozenset[str]]:
    """Every word that a window's scope may hold, and whom it means."""
    found: dict[str, set[str]] = {"all": {fleet.hub.name, *(node.name for node in fleet.nodes)}}
    for node in fleet.nodes:
        for word in (*node.tags, f"batch-{node.batch}"):
            found.setdefault(word, set()).add(node.name)
    found |= {node.name: {node.name} for node in fleet.nodes} | {fleet.hub.name: {fleet.hub.name}}
    return {word: frozenset(names) for word, names in found.items()}


def _telemetry(fleet: Fleet) -> dict[str, tuple[TelemetryRule, ...]]:
    rules = rules_in_force(fleet.rule)
    found = {fleet.hub.name: tuple(rule for rule in rules if rule.subject == "hq")}
    for node in fleet.nodes:
        words = {node.name, *node.tags}
        concerned = (rule for rule in rules if rule.subject == "nodes")
        found[node.name] = tuple(rule for rule in concerned if not rule.nodes or words & set(rule.nodes))
    return found


def _window(table: Maintenance) -> Window:
    """A table of the fleet file as a window; its id is made from what it says, so that a reload knows it again."""
    kind, spec, minutes = _times(table)
    text = "\n".join([kind, spec, table.zone, str(minutes), table.reason, *sorted(table.nodes)])
    name = f"fleet-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return Window(name, kind, table.nodes, spec, table.zone, minutes, None, table.reason, WRITTEN_BY, 0)


def _times(table: Maintenance) -> tuple[WindowKind, str, int]:
    if table.cron is not None:
        assert table.minutes is not None, "the loader has checked that cron comes with minutes"
        return "cron", table.cron, table.minutes
    assert table.start is not None, "the loader has checked that there is a start"
    start = read_wall(table.start)
    kind: WindowKind = "single" if isinstance(start, datetime) else "weekly"
    if table.minutes is not None:
        return kind, table.start, table.minutes
    assert table.end is not None, "the loader has checked that there is an end"
    end = read_wall(table.end)
    if isinstance(start, datetime) and isinstance(end, datetime):
        return kind, table.start, round((end - start).total_seconds() / 60)
    assert isinstance(start, timedelta), "the loader has checked that both are of one form"
    assert isinstance(end, timedelta), "the loader has checked that both are of one form"
    return kind, table.start, round(((end - start) % _WEEK).total_seconds() / 60)
