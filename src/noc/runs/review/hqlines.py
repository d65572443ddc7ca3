"""Acceptance lines about HQ, the runs that were, and what people decided."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from noc.fleet.model import Node
from noc.runs.review.lines import FAILED, NOT_RUN, PASSED, Finding, line
from noc.runs.review.report import Line
from noc.runs.review.seen import RunSeen, Seen

ALERT_BOUND_S = 120
"""Within how many seconds a killed service has to be told of, by the plan."""


def hub(seen: Seen) -> Line:
    """The tunnel's hub is up."""
    peers = seen.peers
    found: Finding = (
        (NOT_RUN, seen.trouble.get("tunnel", "the hub's counters could not be read"))
        if peers is None
        else (PASSED, f"it answers, with {peers} spokes")
    )
    return line("WireGuard hub", "the hub of the tunnel is up", found)


def unit(seen: Seen, name: str, title: str, accepted_when: str) -> Line:
    """One of HQ's services runs."""
    state = seen.units.get(name)
    if state is None:
        return line(title, accepted_when, (NOT_RUN, seen.trouble.get("units", "systemd was not asked")))
    return line(title, accepted_when, (PASSED if state == "active" else FAILED, f"{name} is {state}"))


def page(seen: Seen, host: str, title: str, accepted_when: str) -> Line:
    """A public page answers over strict TLS."""
    found = seen.pages.get(host)
    if found is None:
        return line(title, accepted_when, (NOT_RUN, seen.trouble.get(host, "it was not asked")))
    until = f", certificate until {found.certificate_ends:%Y-%m-%d}" if found.certificate_ends else ""
    words = found.trouble or f"https://{host} answers {found.status}{until}"
    return line(title, accepted_when, (PASSED if found.status == 200 else FAILED, words))


def provision_bound(seen: Seen) -> Line:
    """Every provisioning that is on record kept the plan's bound."""
    bound = seen.fleet.policy.provision_bound
    took = {
        node: seconds
        for run in reversed(seen.runs)
        if run.action == "provision"
        for node, seconds in run.node_seconds.items()
        if node in run.good
    }
    accepted = f"any node is provisioned in less than {bound / 60:g} min"
    if not took:
        return line("Provisioning", accepted, (NOT_RUN, "no node was provisioned yet: noc provision NODE"))
    slowest = max(took, key=lambda node: took[node])
    verdict = PASSED if took[slowest] < bound else FAILED
    words = f"{len(took)} nodes, the slowest {slowest} in {took[slowest]:.0f} s"
    return line("Provisioning", accepted, (verdict, words), [(node, f"{took[node]:.1f} s") for node in sorted(took)])


def deploy_bound(seen: Seen) -> Line:
    """The newest rollout, as it was or as it would be for the whole fleet, keeps the plan's bound."""
    bound = seen.fleet.policy.deploy_bound
    accepted = f"a fleet-wide deployment takes less than {bound / 60:g} min"
    run = next((each for each in seen.runs if each.action == "deploy" and each.ok and each.nodes), None)
    if run is None:
        return line("Fleet-wide deployment", accepted, (NOT_RUN, "no deployment went well yet: noc deploy all RELEASE"))
    whole = len(seen.nodes())
    seconds = run.seconds * max(1.0, whole / len(run.nodes))
    how = "measured" if len(run.nodes) >= whole else f"predicted from {len(run.nodes)} nodes, one after the other"
    verdict = PASSED if seconds < bound else FAILED
    return line("Fleet-wide deployment", accepted, (verdict, f"{seconds:.0f} s for {whole} nodes, {how}"), _story(run))


def rolling(seen: Seen, nodes: Iterable[Node], accepted_when: str) -> Line:
    """The newest rollout over all of some nodes was proven on each, one at a time."""
    names = {node.name for node in nodes}
    runs = (run for run in seen.runs if run.action == "deploy" and names <= set(run.nodes))
    run = next(runs, None)
    if run is None or not names:
        return line("Rolling deployment", accepted_when, (NOT_RUN, "no rollout over all of them is on record"))
    good = len(names & run.good)
    one_by_one = f"OVERLAPPING: {run.overlap}" if run.overlap else "one at a time"
    verdict = PASSED if run.ok and good == len(names) and not run.overlap else FAILED
    return line(
        "Rolling deployment", accepted_when, (verdict, f"{good} of {len(names)} proven, {one_by_one}"), _story(run)
    )


def _story(run: RunSeen) -> list[tuple[str, str]]:
    rows = [(node, verdict) for node, verdict in run.verdicts.items()]
    return [("run", f"{run.id}, ended {run.ended:%Y-%m-%d %H:%M} UTC, {run.seconds:.1f} s"), *rows]


def killed(seen: Seen, nodes: Iterable[Node]) -> Line:
    """A service was killed, somebody heard in time, and it is well again: by the watch's own record."""
    accepted = f"the service is killed → an alert within {ALERT_BOUND_S // 60} min → restart → green"
    if seen.incidents is None:
        return line("Killed service", accepted, (NOT_RUN, seen.trouble.get("watch", "the watch was not asked")))
    names = {node.name for node in nodes}
    deaths = [
        each for each in seen.incidents if each["cause"] == "death" and each["node"] in names and each["ended_at"]
    ]
    if not deaths:
        fix = "kill it on one of them: systemctl kill -s KILL clavitor.service"
        return line("Killed service", accepted, (NOT_RUN, f"no death is on record; {fix}"))
    newest = deaths[0]
    told = _told_after(newest)
    if told is None:
        return line("Killed service", accepted, (FAILED, f"incident {newest['id']}: no alert went out"))
    words = f"{newest['node']}: alert {told:.1f} s after the death, recovered at {newest['ended_at']}"
    verdict = PASSED if told <= ALERT_BOUND_S else FAILED
    return line("Killed service", accepted, (verdict, words), [(f"incident {newest['id']}", str(newest["detail"]))])


def _told_after(incident: Mapping[str, Any]) -> float | None:
    """Seconds from the start of an incident to its first alert."""
    sent = [each["sent_at"] for each in incident["alerts"] if each.get("sent_at") and each.get("kind") == "opened"]
    sent = sent or [each["sent_at"] for each in incident["alerts"] if each.get("sent_at")]
    if not sent:
        return None
    return (datetime.fromisoformat(min(sent)) - datetime.fromisoformat(incident["started_at"])).total_seconds()


def reported(seen: Seen, milestone: str) -> Line:
    """The newest report of an earlier milestone is a go."""
    accepted = f"{milestone} has been reviewed, and every line of it passed"
    found = seen.reports.get(milestone)
    if found is None:
        return line(f"Evidence of {milestone}", accepted, (NOT_RUN, f"no report is kept: noc review {milestone}"))
    passed = sum(each.passed for each in found.lines)
    words = (
        f"{passed} of {len(found.lines)} lines passed at {found.ended:%Y-%m-%d %H:%M} UTC, report {found.digest[:12]}"
    )
    evidence = [(each.name, f"{each.verdict.value}: {each.summary}") for each in found.lines]
    return line(f"Evidence of {milestone}", accepted, (PASSED if found.go else FAILED, words), evidence)


def decided(seen: Seen, milestone: str) -> Line:
    """A person decided go on an earlier milestone, by a signature that still holds."""
    accepted = f"a person has decided on {milestone}, by signature"
    found = seen.decisions.get(milestone)
    if found is None:
        fix = f"noc review {milestone} --decide go"
        return line(f"Decision on {milestone}", accepted, (NOT_RUN, f"nobody has decided yet: {fix}"))
    words = f"{found.word.upper()} by {found.person} at {found.at:%Y-%m-%d %H:%M} UTC, report {found.digest[:12]}"
    return line(f"Decision on {milestone}", accepted, (PASSED if found.word == "go" else FAILED, words))


def apex(seen: Seen) -> Line:
    """The domain itself leads to the node that was chosen for it, or to one of those that its balancer leads to."""
    chosen, accepted = seen.inventory.apex, f"{seen.fleet.domain} is routed to a live node"
    if chosen is None:
        return line("Domain", accepted, (NOT_RUN, "no node was chosen yet: noc dns apex NODE"))
    records = [seen.inventory.record(name) for name in (chosen, *seen.inventory.routed)]
    known = {str(each) for record in records for each in (record.address, record.address6) if each is not None}
    found = seen.addresses.get(seen.fleet.domain)
    if found is None:
        return line("Domain", accepted, (NOT_RUN, seen.trouble.get(seen.fleet.domain, "it was not looked up")))
    right = bool(found) and set(found) <= known
    return line("Domain", accepted, (PASSED if right else FAILED, f"{chosen}: {', '.join(found) or 'no address'}"))
