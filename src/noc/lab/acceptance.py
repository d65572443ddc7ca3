"""Milestone M3 as acceptance lines: pure functions from what the pilot saw to verdicts with their evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

from noc.lab.stranger import Scan, Tls
from noc.lab.trials import Trial
from noc.runs.review.report import Evidence, Line, Verdict
from noc.runs.review.windows import activation_windows, overlapping

ALERT_BOUND_S = 120
DEATH_BOUND_S = 5
PUBLIC_PORTS = {80, 443}


def rolling(deployment: Mapping[str, Any], nodes: Sequence[str], version: str) -> Line:
    """The rolling deployment: every node confirmed on the new version, and no two activations at a time.

    Args:
        deployment: the document of `noc deploy … --json`, with its rows and its run's events.
        nodes: the nodes it was to reach.
        version: the version that it was to bring.
    """
    rows = {row["node"]: row for row in deployment["nodes"]}
    right = [name for name in nodes if rows.get(name, {}).get("verdict") == "confirmed"]
    windows = activation_windows(deployment["events"])
    overlap = overlapping(windows)
    passed = len(right) == len(nodes) and not overlap and len(windows) == len(nodes)
    one_by_one = "one at a time" if not overlap else f"OVERLAPPING: {overlap}"
    return Line(
        name="Rolling deployment",
        accepted_when=f"a rolling deployment over the {len(nodes)} nodes is proven on each",
        verdict=_verdict(passed),
        summary=f"{len(right)} of {len(nodes)} nodes confirmed on {version}, activated {one_by_one}.",
        evidence=(
            *(
                Evidence(label=name, value=f"{row['before']} → {row['now']}: {row['verdict']}")
                for name, row in rows.items()
            ),
            Evidence(label="run", value=str(deployment["run"])),
        ),
    )


def killed(trials: Sequence[Trial], healthy_after: bool) -> Line:
    """The killed service: alert within two minutes, restart, green."""
    passed = bool(trials) and healthy_after and all(trial.alert_s <= ALERT_BOUND_S for trial in trials)
    slowest = max((trial.alert_s for trial in trials), default=0)
    return Line(
        name="Killed service",
        accepted_when="the service is killed on frankfurt → an alert within 2 min → restart → green",
        verdict=_verdict(passed),
        summary=f"Slowest alert {slowest:.1f} s after the fault; "
        + ("every node healthy afterwards." if healthy_after else "NOT every node healthy afterwards."),
        evidence=tuple(Evidence(label=trial.fault, value=_story(trial)) for trial in trials),
    )


def noticed(death: Trial, cut: Trial, push_interval_s: float, missed: int) -> Line:
    """Detection: a death within 5 s, a node cut off within the missed pushes and one second."""
    bound = missed * push_interval_s + 1
    passed = death.alert_s <= DEATH_BOUND_S and cut.alert_s <= bound
    return Line(
        name="Detection",
        accepted_when=f"the alert arrives within {DEATH_BOUND_S} s of a death, and within {missed} missed pushes + 1 s "
        f"({bound:.0f} s here) of a cut",
        verdict=_verdict(passed),
        summary=f"Death noticed after {death.alert_s:.1f} s, cut after {cut.alert_s:.1f} s.",
        evidence=tuple(Evidence(label=trial.fault, value=_story(trial)) for trial in (death, cut)),
    )


def closed(scans: Mapping[str, Scan]) -> Line:
    """The port scan of each node: 22 not public, and nothing but 80 and 443."""
    passed = bool(scans) and all(
        set(scan.open_ports) == PUBLIC_PORTS and scan.scanned == 65535 for scan in scans.values()
    )
    return Line(
        name="Port scan",
        accepted_when="a port scan of each node, from a host that is not HQ, finds 22 closed",
        verdict=_verdict(passed),
        summary="Only 80 and 443 are open on each." if passed else "Ports differ from 80 and 443.",
        evidence=tuple(
            Evidence(
                label=f"{name} ({scan.address})",
                value=f"open: {', '.join(map(str, scan.open_ports)) or 'none'} of {scan.scanned} TCP ports scanned",
            )
            for name, scan in scans.items()
        ),
    )


def tls_valid(seen: Mapping[str, Tls]) -> Line:
    """TLS valid on each node, verified against the authority's root."""
    valid = [name for name, tls in seen.items() if tls.ok]
    return Line(
        name="TLS",
        accepted_when="TLS is valid on each node",
        verdict=_verdict(bool(seen) and len(valid) == len(seen)),
        summary=f"{len(valid)} of {len(seen)} certificates verified, by name, chain and date.",
        evidence=tuple(Evidence(label=name, value=tls.seen) for name, tls in seen.items()),
    )


def _verdict(passed: bool) -> Verdict:
    return Verdict.PASSED if passed else Verdict.FAILED


def _story(trial: Trial) -> str:
    parts = [f"alert after {trial.alert_s:.1f} s: {trial.alert}"]
    if trial.escalated_s is not None:
        parts.append(f"SEV1 after {trial.escalated_s:.1f} s")
    if trial.restored_s is not None:
        parts.append(f"restored after {trial.restored_s:.1f} s")
    parts.append(f"recovery told after {trial.recovered_s:.1f} s")
    return "\n".join(parts)
