"""Prometheus' text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats)."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_QUOTE, _ESCAPED_QUOTE = '"', '\\"'

Kind = Literal["gauge", "counter", "histogram"]
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One number: its labels, and what stands behind the family's name (`_bucket`, `_sum`, `_count`)."""

    value: float
    labels: Labels = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name. Units are Prometheus' base units: seconds, bytes, ratios."""

    name: str
    kind: Kind
    help: str
    samples: Sequence[Sample]


class Histogram:
    """Counts of observations by size, since the process started."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Start at zero; `bounds` are the upper ends of the buckets, rising."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation; what lies on a bound belongs below it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def samples(self) -> list[Sample]:
        """Its buckets, each with all smaller ones in it, its sum and its count."""
        found, total = [], 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            found.append(Sample(total, {"le": _number(bound)}, "_bucket"))
        return [*found, Sample(self._sum, suffix="_sum"), Sample(total, suffix="_count")]


def exposition(families: Iterable[Family]) -> str:
    """The whole text; a family without samples is left out."""
    return "".join(_family(family) for family in families if family.samples)


def _family(family: Family) -> str:
    lines = [f"# HELP {family.name} {_escaped(family.help)}", f"# TYPE {family.name} {family.kind}"]
    lines += [f"{family.name}{each.suffix}{_labels(each.labels)} {_number(each.value)}" for each in family.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    quoted = (f'{name}="{_escaped(value).replace(_QUOTE, _ESCAPED_QUOTE)}"' for name, value in labels.items())
    return "{" + ",".join(quoted) + "}" if labels else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
