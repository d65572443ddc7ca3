"""What one push says about the one before: another process, pushes that never came, a machine that booted."""

from typing import Final

from noc.watch.store.records import Beat, Event, Record

UPTIME_SLACK_S: Final = 2


def continuity(beat: Beat, before: Beat | None, incident: int | None) -> list[Record]:
    """The event of another process, or of numbers that were left out."""
    if before is None or before.boot != beat.boot:
        detail = {"boot": beat.boot, "version": beat.version, "before": before.boot if before else None}
        return [Event("boot", beat.node, beat.at, incident, detail)] if beat.boot else []
    if before.seq is not None and beat.seq is not None and beat.seq > before.seq + 1:
        lost = {"missing": beat.seq - before.seq - 1, "after": before.seq, "boot": beat.boot}
        return [Event("gap", beat.node, beat.at, incident, lost)]
    return []


def reboot(beat: Beat, before: Beat | None) -> list[Record]:
    """The event of a machine that has booted since the push before: its uptime fell."""
    last = (before.telemetry or {}).get("uptime_s") if before is not None else None
    new = (beat.telemetry or {}).get("uptime_s")
    if not isinstance(last, int | float) or not isinstance(new, int | float) or new >= last - UPTIME_SLACK_S:
        return []
    return [Event("reboot", beat.node, beat.at, detail={"uptime_s": new, "before": last})]
