"""Going on after a restart: the standings that the database remembers.

The server's own absence counts against nobody: a deadline has as much left as it had when the server was last alive,
and always enough for one more push.
"""

from noc.watch.clock import Moment
from noc.watch.config import Config
from noc.watch.judge.judge import Judge
from noc.watch.store.past import Past


def restore(config: Config, past: Past, now: Moment) -> Judge:
    """The judge as it stood when the server was last alive, with every deadline moved by its absence."""
    judge = Judge(config.rules, next_incident=past.next_incident)
    alive = min(past.alive if past.alive is not None else now.wall, now.wall)
    for name, is_live in config.live().items():
        standing = judge.node(name)
        standing.judged(live=is_live, now=now)
        standing.live_since = past.first.get(name, 0)
        standing.last_ended = past.ended.get(name, 0)
        for boot, seq in past.counted.get(name, []):
            standing.count(boot, seq)
        if (beat := past.last.get(name)) is not None:
            standing.last = beat
            if is_live:
                _set_deadline(judge, name, waited=(alive - beat.at) / 1000, now=now)
    _restore_incidents(judge, past, alive, now)
    for deployment in past.deployments:
        if deployment.node in judge.nodes:
            judge.nodes[deployment.node].deploy(deployment, now)
    judge.rearm()
    return judge


def _set_deadline(judge: Judge, name: str, *, waited: float, now: Moment) -> None:
    rules, standing = judge.rules, judge.nodes[name]
    left = rules.window - max(0.0, waited)
    standing.expires = now.mono + max(left, rules.patience)
    standing.heard = now.mono


def _restore_incidents(judge: Judge, past: Past, alive: int, now: Moment) -> None:
    for incident in past.open:
        standing = judge.node(incident.node)
        standing.incident = incident
        standing.death = incident.detail if incident.cause == "death" else None
        standing.overdue = incident.cause == "missed"
        if incident.escalated is None:
            stood = max(0.0, (alive - incident.started) / 1000)
            standing.escalates = now.mono + max(judge.rules.sev1_after - stood, judge.rules.patience)
