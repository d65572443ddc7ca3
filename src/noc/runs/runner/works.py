"""What a runner can do, given to it from outside, so that tests can give it something else to do."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noc.runs.plan.plan import Action, Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run

Executor = Callable[[Run], Awaitable[list[Verdict]]]
Look = Callable[[Sequence[str]], Awaitable[dict[str, Any]]]
Survey = Callable[[Plan], Awaitable[Plan]]


@dataclass(frozen=True)
class Works:
    """What a runner can do; each works on the fleet as it is at that moment.

    Attributes:
        executors: carry out a plan, by its action.
        resume: goes on with a rollout that was cut, from its own journal.
        survey: completes the outline of a plan by what the nodes say.
        looks: answer questions about nodes that change nothing, by the name of the operation.
    """

    executors: Mapping[Action, Executor]
    resume: Executor
    survey: Survey
    looks: Mapping[str, Look]
