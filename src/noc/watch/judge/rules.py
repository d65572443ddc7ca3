"""The numbers of judgement, from the fleet's policy. All in seconds."""

from dataclasses import dataclass

from noc.fleet.model import Policy


@dataclass(frozen=True, slots=True)
class Rules:
    """When silence becomes an incident, and when life ends one.

    Attributes:
        interval: seconds between two pushes of a node.
        missed: how many pushes must be missed for a SEV2.
        sev1_after: seconds from an incident's start to its SEV1.
        steady: seconds that a new process must keep pushing after a death.
    """

    interval: float = 30
    missed: int = 2
    sev1_after: float = 300
    steady: float = 60

    @classmethod
    def of(cls, policy: Policy) -> "Rules":
        """The rules that a fleet's policy states."""
        return cls(policy.push_interval, policy.sev2_missed, policy.sev1_after, policy.recovery_steady)

    @property
    def grace(self) -> float:
        """What a push may be late by: 0.5 s, or a tenth of a short interval.

        So an alert leaves within two missed pushes and one second of the last sign of life, its own way included.
        """
        return min(0.5, self.interval / 10)

    @property
    def patience(self) -> float:
        """From one push to the instant at which the next counts as missed."""
        return self.interval + self.grace

    @property
    def window(self) -> float:
        """From the last push to the instant at which a SEV2 starts."""
        return self.missed * self.interval + self.grace
