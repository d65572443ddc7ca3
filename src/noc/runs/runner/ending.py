"""How a run ended, as one number and as a table."""

from collections.abc import Sequence

from noc.runs.plan.plan import Plan
from noc.runs.record.events import Verdict
from noc.runs.rollout import verdicts as rollout


def exit_code(plan: Plan, verdicts: Sequence[Verdict]) -> int:
    """What the command returns: 0 all good, 3 partly done, 1 failed; of a rollout see `noc.runs.rollout.verdicts`.

    A drill of which anything misses what is promised has failed.
    """
    if plan.is_rollout:
        return rollout.exit_code(verdicts)
    left = [verdict for verdict in verdicts if not verdict.good]
    return (3 if len(left) < len(verdicts) and plan.action != "drill" else 1) if left else 0


def unknown(plan: Plan) -> list[Verdict]:
    """The table of a run that ended before it could say anything of its nodes."""
    return [Verdict(node=name, before="", now="", verdict="unknown") for name in plan.nodes]
