"""The rules over telemetry of one subject, each with its memory: how long it has been wrong, and its incident."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from noc.fleet.judging import TelemetryRule
from noc.watch.clock import Moment
from noc.watch.judge.case import Case
from noc.watch.judge.reading import Sample, in_words, read, value_of
from noc.watch.judge.rules import Rules
from noc.watch.store.records import Record


@dataclass(slots=True)
class Check:
    """One rule over one subject's samples. `wrong` counts bad samples in a row, since the monotonic instant `since`."""

    rule: TelemetryRule
    case: Case
    wrong: int = 0
    since: float = inf

    def take(self, value: float | str, now: Moment) -> list[Record]:
        """Judge one value."""
        match read(self.rule, value):
            case "wrong":
                return self._wrong(value, now)
            case "right":
                self.wrong, self.since = 0, inf
                if self.case.incident is not None:
                    return self.case.better(f"now {in_words(self.rule, value)}", now)
            case "between":
                self.wrong, self.since = 0, inf
        return []

    def _wrong(self, value: float | str, now: Moment) -> list[Record]:
        self.wrong, self.since = self.wrong + 1, min(self.since, now.mono)
        if self.case.incident is not None:
            return self.case.worse()
        lasting = self.wrong >= self.rule.samples and now.mono - self.since >= self.rule.seconds
        if not lasting or self.case.quiet:
            return []
        return self.case.open("rule", in_words(self.rule, value), now, severity=self.rule.severity)


class Checks:
    """Every rule that concerns one subject.

    Attributes:
        cases: each rule's case.
        quiet: maintenance of the subject.
    """

    def __init__(self, subject: str, ids: Iterator[int]) -> None:
        """Begin with no rules."""
        self._subject, self._ids = subject, ids
        self._checks: dict[str, Check] = {}
        self.cases: list[Case] = []
        self.quiet = False

    def rule(self, telemetry: Sequence[TelemetryRule], rules: Rules, now: Moment) -> list[Record]:
        """Take the rules that hold from now on; the incident of one that is gone ends."""
        named = {rule.name: rule for rule in telemetry}
        records: list[Record] = []
        for name in [name for name in self._checks if name not in named]:
            case = self._checks.pop(name).case
            records += case.close("the rule holds no more", now) if case.incident is not None else []
        for name, rule in named.items():
            case = Case(self._subject, name, rules, self._ids, quiet=self.quiet)
            check = self._checks.setdefault(name, Check(rule, case))
            check.rule, check.case.rules = rule, rules
            check.case.sev1_after = inf if rule.sev1_after is None else rule.sev1_after
        self.cases = [check.case for check in self._checks.values()]
        return records

    def take(self, sample: Sample, now: Moment) -> list[Record]:
        """Judge a sample by every rule whose field is in it; returns what must be stored."""
        records: list[Record] = []
        for check in self._checks.values():
            if check.rule.field in sample and (value := value_of(check.rule, sample)) is not None:
                records += check.take(value, now)
        return records

    def silenced(self, *, quiet: bool, now: Moment) -> list[Record]:
        """Maintenance of the subject begins or ends: what is still wrong then opens with the next sample."""
        self.quiet = quiet
        return [record for case in self.cases for record in case.silenced(quiet=quiet, now=now)]

    def close(self, reason: str, now: Moment) -> list[Record]:
        """Nobody judges the subject any more."""
        return [record for case in self.cases if case.incident for record in case.close(reason, now)]

    def due(self) -> float:
        """The next instant at which time alone changes an incident."""
        return min([case.due() for case in self.cases if case.incident is not None], default=inf)

    def expire(self, now: Moment) -> list[Record]:
        """Do what became due at `now`, which is the exact instant that `due` named."""
        first = min(self.cases, key=Case.due)
        return first.expire(now)

    def extend(self, seconds: float, now: Moment) -> None:
        """Move every deadline: the server itself was away."""
        for case in self.cases:
            case.extend(seconds, now)
