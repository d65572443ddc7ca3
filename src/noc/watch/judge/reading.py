"""What one rule makes of one sample: pure, and without memory."""

from collections.abc import Mapping
from typing import Literal

from noc.fleet.judging import TelemetryRule
from noc.watch.store.records import Value

Sample = Mapping[str, Value]
Reading = Literal["wrong", "right", "between"]


def value_of(rule: TelemetryRule, sample: Sample) -> Value:
    """What a rule looks at in a sample; None where the sample does not say, or too little to divide by."""
    value = sample.get(rule.field)
    if rule.per is None or value is None:
        return value
    whole = sample.get(rule.per)
    if not isinstance(value, int | float) or not isinstance(whole, int | float) or whole < rule.least:
        return None
    return 100 * value / whole


def read(rule: TelemetryRule, value: float | str) -> Reading | None:
    """Whether a value is wrong, right again, or between the two limits; None where a rule cannot judge its type."""
    if rule.other_than is not None:
        return ("right" if value == rule.other_than else "wrong") if isinstance(value, str) else None
    if isinstance(value, str):
        return None
    if rule.below is not None:
        clear = rule.below if rule.clear is None else rule.clear
        return "wrong" if value < rule.below else "right" if value >= clear else "between"
    if rule.beyond is not None:
        value = abs(value)
    limit = rule.above if rule.above is not None else rule.beyond
    assert limit is not None, f"rule {rule.name} has no limit"
    clear = limit if rule.clear is None else rule.clear
    return "wrong" if value > limit else "right" if value <= clear else "between"


def in_words(rule: TelemetryRule, value: float | str) -> str:
    """A rule's words with the value in them: numbers to a tenth, texts of a node cut to 200 characters."""
    shown = value[:200] if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
    return rule.words.replace("{value}", shown)
