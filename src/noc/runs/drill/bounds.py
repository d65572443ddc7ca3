"""What is promised of each fault: by when it is noticed, by when people are told, by when it is over. Pure.

| fault       | noticed after            | told after | over after                                    |
|-------------|--------------------------|------------|-----------------------------------------------|
| kill        | a push interval          | 2 min      | restart, first push, `recovery_steady`        |
| reboot      | missed pushes            | 2 min      | the time for a reboot, one push               |
| cut         | missed pushes            | 2 min      | its end, a new handshake, one push            |
| disk-full   | the rule `disk`          | 2 min      | its end, two pushes                           |
| clock       | the rule `clock`         | 2 min      | its end, two pushes                           |
| bad-release | `health_deadline`        | nobody is  | `health_deadline` and `confirm_deadline`      |
| hq-down     | outside alone            | nobody is  | its end, the watch's start, one push          |

Missed pushes are `sev2_missed` intervals and the grace of a tenth of one; a rule is its samples and seconds. Times run
from the order that breaks something, so each has `ORDER_S` for the order's own way. What takes longer to notice than
two minutes is told `TELL_S` later.
"""

import math
from dataclasses import dataclass
from typing import Final

from noc.fleet.judging import TelemetryRule, rules_in_force
from noc.fleet.model import Fleet
from noc.runs.plan.plan import Fault
from noc.runs.system.reboot import BACK_S

ALERT_S: Final = 120.0
"""The plan's own bound: a fault is told within two minutes."""
TELL_S: Final = 10.0
ORDER_S: Final = 3.0
RESTART_S: Final = 10.0
"""`RestartSec=1` of the service, and its start on the smallest machine."""
WATCH_START_S: Final = 15.0
HANDSHAKE_S: Final = 20.0
"""WireGuard tries a handshake every 5 s, and a watchdog's detour may have to end first."""
RULES: Final[dict[Fault, str]] = {"disk-full": "disk", "clock": "clock"}
"""The rule over telemetry that has to notice a fault."""


@dataclass(frozen=True)
class Bounds:
    """Seconds from the fault; None where nothing is promised."""

    noticed: float | None
    told: float | None
    over: float | None


def rule_for(fault: Fault, fleet: Fleet) -> TelemetryRule | None:
    """The rule that notices a fault, None for a fault that pushes or their absence tell, or where it is off."""
    name = RULES.get(fault)
    return next((rule for rule in rules_in_force(fleet.rule) if rule.name == name), None)


def hold_s(fault: Fault, fleet: Fleet) -> float:
    """Whole seconds that a fault has to last to be noticed for certain; 0 for one that is over at once."""
    interval = fleet.policy.push_interval
    match fault:
        case "cut" | "hq-down":
            return math.ceil(_missed_s(fleet) + interval)
        case "disk-full" | "clock":
            return math.ceil(_sampled_s(fault, fleet) + interval)
    return 0


def bounds(fault: Fault, fleet: Fleet, held_s: float) -> Bounds:
    """What a fleet promises of a fault.

    Args:
        fault: what is broken.
        fleet: the fleet file.
        held_s: seconds after which the fault ends by itself.
    """
    policy = fleet.policy
    interval, steady = policy.push_interval, policy.recovery_steady
    missed = ORDER_S + _missed_s(fleet)
    match fault:
        case "kill":
            return Bounds(ORDER_S + interval, ALERT_S, ORDER_S + RESTART_S + 2 * interval + steady)
        case "reboot":
            return Bounds(missed, ALERT_S, ORDER_S + BACK_S + 2 * interval)
        case "cut":
            return Bounds(missed, _told(missed), ORDER_S + held_s + HANDSHAKE_S + 2 * interval)
        case "disk-full" | "clock":
            sampled = ORDER_S + _sampled_s(fault, fleet)
            return Bounds(sampled, _told(sampled), ORDER_S + held_s + 3 * interval)
        case "bad-release":
            return Bounds(policy.health_deadline, None, policy.health_deadline + policy.confirm_deadline)
        case "hq-down":
            return Bounds(None, None, ORDER_S + held_s + WATCH_START_S + 2 * interval)


def _missed_s(fleet: Fleet) -> float:
    """From a last push to the incident, for a node that is as late as one may be."""
    return (fleet.policy.sev2_missed + 0.1) * fleet.policy.push_interval


def _sampled_s(fault: Fault, fleet: Fleet) -> float:
    rule = rule_for(fault, fleet)
    samples, seconds = (rule.samples, rule.seconds) if rule else (1, 0.0)
    return samples * fleet.policy.push_interval * 1.1 + seconds


def _told(noticed_s: float) -> float:
    return max(ALERT_S, noticed_s + TELL_S)
