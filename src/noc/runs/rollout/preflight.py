"""What is looked at before anything is touched: pure judgement over facts that were read."""

from noc.hosts.activation import NodeFacts
from noc.hosts.web import Health
from noc.release.manifest import Manifest

ROOM = 64 * 1024 * 1024
"""Bytes that stay free on a node's disk beside release and snapshot: the database grows, and the system's journal."""


def obstacles(facts: NodeFacts, manifest: Manifest | None, fence: int) -> tuple[str, ...]:
    """Why a node cannot be changed now, in words; empty when it can.

    Args:
        facts: what the activator says of its node.
        manifest: the release, None where the one that runs stays, or the new one lies there already.
        fence: the run's fence number.
    """
    release = manifest.size if manifest is not None and manifest.sha256 not in facts.releases else 0
    snapshot = facts.snapshots[-1].bytes if facts.snapshots else 0
    wanted = ROOM + release + snapshot
    checks = (
        (
            facts.pending is None,
            f"activation {facts.pending} is not settled: noc run resume goes on with it, or it turns back by itself",
        ),
        (
            facts.fence <= fence,
            f"it has seen fence {facts.fence}, this run has {fence}: was HQ restored? noc lease --help",
        ),
        (facts.disk_free_bytes >= wanted, f"{facts.disk_free_bytes >> 20} MiB free, {wanted >> 20} MiB needed"),
    )
    return tuple(words for holds, words in checks if not holds)


def clock_skew(facts: NodeFacts, asked: float, answered: float) -> float | None:
    """Seconds by which a node's clock is ahead of HQ's; None where the node does not tell its time.

    Args:
        facts: what the activator says of its node.
        asked, answered: HQ's time, Unix seconds, before and after; what lies between is no skew.
    """
    if facts.clock is None:
        return None
    return min(facts.clock - asked, 0.0) + max(facts.clock - answered, 0.0)


def runs_already(facts: NodeFacts, release: str) -> bool:
    """Whether the node runs the release of that hash, and has proven it."""
    return facts.current == release and release in facts.proven and facts.pending is None


def shows(public: Health, manifest: Manifest) -> bool:
    """Whether a public name answers as the release would."""
    return (public.status, public.version, public.build) == (200, manifest.version, manifest.build)
