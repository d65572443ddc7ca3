"""Going on after a restart: the judge that the database remembers.

The server's own absence counts against nobody: a deadline has as much left as it had when the server was last alive,
and always enough for one more push. The same holds for escalations and reminders.
"""

from math import inf

from noc.watch.clock import Moment
from noc.watch.config import Config
from noc.watch.judge.case import Case
from noc.watch.judge.judge import Judge
from noc.watch.judge.samples import Baseline
from noc.watch.store.past import Past
from noc.watch.store.records import Incident, IncidentSaved, Record, Window


def restore(config: Config, past: Past, now: Moment, *, spared_s: float = 0) -> tuple[Judge, list[Record]]:
    """The judge as it stood when the server was last alive, with every deadline moved by its absence.

    Args:
        config: the fleet.
        past: what the database remembers.
        now: the time.
        spared_s: seconds from now in which no node's silence counts: HQ stands elsewhere, and nodes look for it.

    Returns:
        The judge, and what has changed with the fleet file meanwhile, to be stored.
    """
    judge = Judge(config.rules, next_incident=past.next_incident)
    alive = min(past.alive if past.alive is not None else now.wall, now.wall)
    scene = config.scene()
    for window in past.windows:
        judge.maintenance.calendar.add(window, frozenset())
    passed = [record for record in judge.watch(scene, now) if isinstance(record, Window)]
    for name, is_live in scene.live.items():
        _restore_node(judge, name, past, now)
        if is_live and (beat := past.last.get(name)) is not None:
            _set_deadline(judge, name, waited=(alive - beat.at) / 1000, now=now)
        if is_live and spared_s > 0:
            judge.nodes[name].expires = max(now.mono + spared_s, judge.nodes[name].expires)
    # What nodes run may have been changed where nobody saw it: then their next push says what they are to run.
    known_runs = {} if spared_s > 0 else past.baseline
    judge.baseline = {name: Baseline(*runs) for name, runs in known_runs.items() if name in judge.nodes}
    _restore_incidents(judge, past, alive, now)
    for outcome in past.jobs:
        judge.jobs.recall(outcome, now)
    for deployment in past.deployments:
        if deployment.node in judge.nodes:
            judge.deploy(deployment, now)
    records = [*passed, *judge.watch(scene, now), *_bereft(judge, now)]
    return judge, records + _forgotten(judge, past, records, now)


def _restore_node(judge: Judge, name: str, past: Past, now: Moment) -> None:
    standing = judge.nodes[name]
    standing.live_since = past.first.get(name, now.wall)
    standing.last_ended = past.ended.get(name, 0)
    for boot, seq in past.counted.get(name, []):
        standing.retries.count(boot, seq)
    standing.last = past.last.get(name)
    standing.heard = standing.face.seen_at = now.mono
    standing.looked = standing.last is None


def _set_deadline(judge: Judge, name: str, *, waited: float, now: Moment) -> None:
    standing = judge.nodes[name]
    left = judge.rules.window - max(0.0, waited)
    standing.expires = now.mono + max(left, judge.rules.patience)


def _restore_incidents(judge: Judge, past: Past, alive: int, now: Moment) -> None:
    cases = {(case.subject, case.topic): case for case in judge.cases()}
    for incident in past.over:
        case = cases.get((incident.node, incident.topic))
        if case is not None and incident.parent is None and incident.ended is not None:
            case.over, case.over_at = incident, now.mono_at(incident.ended)
    for incident in past.open:
        if (case := cases.get((incident.node, incident.topic))) is not None:
            _resume(case, incident, alive, now)
        if incident.topic == "liveness" and (standing := judge.nodes.get(incident.node)) is not None:
            standing.death = incident.detail if incident.cause == "death" else None
            standing.overdue = incident.cause == "missed"
    for group in judge.groups.open:
        judge.groups.resume(group, now)


def _resume(case: Case, incident: Incident, alive: int, now: Moment) -> None:
    """Give an open incident its ladder back."""
    patience = case.rules.patience
    stood = max(0.0, (alive - (incident.reopened or incident.started)) / 1000)
    case.incident, case.over = incident, None
    if incident.severity != "SEV1" and case.sev1_after < inf:
        case.escalates = now.mono + max(case.sev1_after - stood, patience)
    if incident.acked is None and incident.parent is None:
        told = incident.reminded or incident.escalated or incident.reopened or incident.started
        waited = max(0.0, (alive - told) / 1000)
        case.reminds = now.mono + max(case.rules.remind_after(incident.severity) - waited, patience)


def _bereft(judge: Judge, now: Moment) -> list[Record]:
    """Let those speak for themselves whose parent is no longer open."""
    speaking = {group.case.incident.id for group in judge.groups.open if group.case.incident is not None}
    records: list[Record] = []
    for case in judge.cases():
        if case.incident is not None and case.incident.parent not in {None, *speaking}:
            records += case.orphan(None, now)
    judge.rearm()
    return records


def _forgotten(judge: Judge, past: Past, changes: list[Record], now: Moment) -> list[Record]:
    """End what nothing judges any more: its node has left the fleet, or its rule."""
    known = {case.incident.id for case in judge.cases() if case.incident is not None}
    known |= {record.incident.id for record in changes if isinstance(record, IncidentSaved)}
    return [
        record
        for incident in past.open
        if incident.id not in known
        for record in Case(incident.node, incident.topic, judge.rules, judge.ids, incident=incident).close(
            "nothing judges it any more", now
        )
    ]
