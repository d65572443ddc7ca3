"""What rules over telemetry see of a push, and of a look from outside."""

from typing import NamedTuple

from noc.watch.judge.reading import Sample
from noc.watch.store.records import Beat, Sighting, Value


class Baseline(NamedTuple):
    """What a node runs as its last deployment left it; None where that is not known."""

    version: str | None
    generation: int | None


def baseline_of(beat: Beat) -> Baseline:
    """What a push says that its node runs."""
    generation = (beat.telemetry or {}).get("nix_gen")
    return Baseline(beat.version, generation if isinstance(generation, int) else None)


def drift(seen: Baseline, wanted: Baseline) -> str:
    """In what a node differs from what was deployed, in words; "" for nothing.

    What one side does not say is passed over.
    """
    found = []
    if seen.version and wanted.version and seen.version != wanted.version:
        found.append(f"version {seen.version} instead of {wanted.version}")
    if seen.generation is not None and wanted.generation is not None and seen.generation != wanted.generation:
        found.append(f"generation {seen.generation} instead of {wanted.generation}")
    return ", ".join(found)


def sample_of(beat: Beat, wanted: Baseline | None) -> Sample:
    """A push as rules see it: its telemetry, `clock_skew_s` (received less sent) and `drift`.

    Args:
        wanted: what was deployed; None while a deployment stands, or nothing is known.
    """
    sample: dict[str, Value] = dict(beat.telemetry or {})
    if beat.sent is not None:
        sample["clock_skew_s"] = (beat.at - beat.sent) / 1000
    if wanted is not None:
        sample["drift"] = drift(baseline_of(beat), wanted)
    return sample


def sample_seen(sighting: Sighting) -> Sample:
    """A look from outside as rules see it: `public_ms`, and `cert_left_pct` where its certificate holds."""
    sample: dict[str, Value] = {"public_ms": sighting.took_ms}
    start, end = sighting.certificate_from, sighting.certificate_until
    if start is not None and end is not None and end > start:
        sample["cert_left_pct"] = 100 * (end - sighting.at) / (end - start)
    return sample
