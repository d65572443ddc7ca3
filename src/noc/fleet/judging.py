"""`[judging]`, `[[rule]]`, `[[maintenance]]`: what the watch makes of silence and telemetry, and when of neither."""

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from noc.fleet.part import Part

Seconds = Annotated[float, Field(gt=0, le=604_800, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}[a-z0-9]$")]


LIMITS: Final = ("above", "below", "beyond", "other_than")
"""What a rule over telemetry can be wrong by."""


class Judging(Part):
    """Seconds, and shares of one.

    Attributes:
        remind_sev1, remind_sev2: pause between two reminders of an incident that nobody has acknowledged.
        flap_within: what begins anew so soon after its end is the same incident once more.
        flap_steady_most: what flaps ends after a steady time that doubles with each flap, up to this.
        lost_share: what share of the nodes, and never fewer than three, must vanish together to be one incident.
        lost_clear: that incident ends when a smaller share than this is still gone.
        regions: tags that name a region; left out, the first tag of each node does.
    """

    remind_sev1: Seconds = 900
    remind_sev2: Seconds = 3_600
    flap_within: Annotated[float, Field(ge=0, le=86_400)] = 600
    flap_steady_most: Seconds = 900
    lost_share: Share = 0.6
    lost_clear: Share = 0.5
    regions: tuple[str, ...] | None = None


class TelemetryRule(Part):
    """One rule over samples: when a field is wrong, when it is right again, and what is said of it.

    Exactly one of `LIMITS` is given.

    Attributes:
        name: topic of the incident. A rule of a built-in's name replaces that.
        field: of the sample.
        per: another field; the rule then looks at field in percent of it, once `per` has reached `least`.
        above, below: the number is wrong beyond this limit.
        beyond: the number is wrong where its size, without its sign, is larger.
        other_than: the text is wrong where it is another one.
        clear: the number is right again when it has come back to here; the limit itself where it is left out.
        samples, seconds: for how many samples in a row, and for how long, it must be wrong.
        sev1_after: seconds until an incident that is not SEV1 from the start becomes it; never where left out.
        subject: whose samples: of nodes, or of HQ.
        nodes: names, or tags; every node where left out.
        words: what people read; `{value}` stands for what was seen.
        off: a built-in rule that is not wanted.
    """

    name: Key
    field: Key
    per: Key | None = None
    least: Annotated[float, Field(gt=0)] = 1
    above: Number | None = None
    below: Number | None = None
    beyond: Number | None = None
    other_than: Annotated[str, Field(max_length=200)] | None = None
    clear: Number | None = None
    samples: Annotated[int, Field(ge=1, le=10_000)] = 1
    seconds: Annotated[float, Field(ge=0, le=604_800)] = 0
    severity: Literal["SEV1", "SEV2"] = "SEV2"
    sev1_after: Seconds | None = None
    subject: Literal["nodes", "hq"] = "nodes"
    nodes: tuple[str, ...] = ()
    words: Annotated[str, Field(min_length=1, max_length=200)]
    off: bool = False


class Maintenance(Part):
    """A time in which nothing is opened, escalated or announced.

    Weekly (`Sun 02:00`) or once (`2026-12-20 00:00`) from `from` until `until`, or for `minutes` from each time at
    which `cron` fires; clocks are those of `zone`. `nodes` holds names, tags, `batch-N`, HQ's name, or `all`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    nodes: Annotated[tuple[str, ...], Field(min_length=1)]
    start: Annotated[str | None, Field(alias="from", max_length=20)] = None
    end: Annotated[str | None, Field(alias="until", max_length=20)] = None
    cron: Annotated[str, Field(max_length=100)] | None = None
    minutes: Annotated[int, Field(ge=1, le=10_080)] | None = None
    zone: str
    reason: Annotated[str, Field(min_length=1, max_length=200)]


@cache
def built_in() -> tuple[TelemetryRule, ...]:
    """The rules that hold where the fleet file says nothing else, read from `rules.toml` beside this file."""
    text = files("noc.fleet").joinpath("rules.toml").read_text(encoding="utf-8")
    return tuple(TelemetryRule.model_validate(table) for table in tomllib.loads(text)["rule"])


def rules_in_force(own: Iterable[TelemetryRule]) -> tuple[TelemetryRule, ...]:
    """Built-in rules and a fleet's own, those of one name replaced, those that are off left out."""
    merged = {rule.name: rule for rule in (*built_in(), *own)}
    return tuple(rule for rule in merged.values() if not rule.off)
