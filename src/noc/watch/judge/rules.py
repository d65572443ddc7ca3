"""The numbers of judgement, from the fleet's policy. All in seconds."""

from dataclasses import dataclass

from noc.fleet.judging import Judging
from noc.fleet.model import Policy
from noc.watch.store.records import Severity


@dataclass(frozen=True, slots=True)
class Rules:
    """When silence becomes an incident, and when life ends one.

    Attributes:
        interval: seconds between two pushes of a node.
        missed: how many pushes must be missed for a SEV2.
        sev1_after: seconds from an incident's start to its SEV1.
        steady: seconds that a new process must keep pushing after a death.
        remind_sev1, remind_sev2: seconds between two reminders.
        flap_within: seconds after its end in which an incident that begins anew is the same one.
        flap_steady_most: seconds of calm after which whatever flapped is over.
        lost_share, lost_clear: shares of a group that are gone when its incident begins, and when it ends.
    """

    interval: float = 30
    missed: int = 2
    sev1_after: float = 300
    steady: float = 60
    remind_sev1: float = 900
    remind_sev2: float = 3_600
    flap_within: float = 600
    flap_steady_most: float = 900
    lost_share: float = 0.6
    lost_clear: float = 0.5

    @classmethod
    def of(cls, policy: Policy, judging: Judging) -> "Rules":
        """The rules that a fleet states."""
        numbers = judging.model_dump(exclude={"regions"})
        return cls(policy.push_interval, policy.sev2_missed, policy.sev1_after, policy.recovery_steady, **numbers)

    @property
    def grace(self) -> float:
        """What a push may be late by: 0.5 s, or a tenth of a short interval.

        So an alert leaves within two missed pushes and one second of the last sign of life, its own way included.
        """
        return min(0.5, self.interval / 10)

    @property
    def widest_grace(self) -> float:
        """What a node's push may be late by whose pushes often are: a tenth of the interval."""
        return self.interval / 10

    @property
    def patience(self) -> float:
        """From one push to the instant at which the next counts as missed, for a node that is on time."""
        return self.interval + self.grace

    @property
    def window(self) -> float:
        """From the last push to the instant at which a SEV2 starts, for a node that is on time."""
        return self.missed * self.interval + self.grace

    @property
    def together(self) -> float:
        """Nodes that vanish within this time vanish together."""
        return self.missed * self.interval

    def remind_after(self, severity: Severity) -> float:
        """The pause between two reminders of an incident of that severity."""
        return self.remind_sev1 if severity == "SEV1" else self.remind_sev2

    def settle(self, flaps: int) -> float:
        """How long an incident that began anew so many times must be calm before it ends; 0 for one that did not."""
        return min(self.flap_steady_most, self.steady * 2.0 ** min(flaps, 16)) if flaps else 0.0
