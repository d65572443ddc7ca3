"""What a runner can do, given to it from outside, so that tests can give it something else to do."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from noc.runs.backup.unsealed import Unsealed
from noc.runs.plan.plan import Action, Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run

Executor = Callable[[Run], Awaitable[list[Verdict]]]
Look = Callable[[Sequence[str]], Awaitable[dict[str, Any]]]
Survey = Callable[[Plan], Awaitable[Plan]]
AskFences = Callable[[int | None], Awaitable[Mapping[str, int | str]]]


async def no_nodes(_number: int | None) -> Mapping[str, int | str]:
    """The fences of a fleet without nodes."""
    return {}


@dataclass(frozen=True)
class Works:
    """What a runner can do; each works on the fleet as it is at that moment.

    Attributes:
        executors: carry out a plan, by its action.
        resume: goes on with a rollout that was cut, from its own journal.
        survey: completes the outline of a plan by what the nodes say.
        looks: answer questions about nodes that change nothing, by the name of the operation.
        fences: asks every node for the highest fence number that it knows of, or tells all a number; by name, why not
            where one does not answer.
        unsealed: keys of backups that a person has opened.
    """

    executors: Mapping[Action, Executor]
    resume: Executor
    survey: Survey
    looks: Mapping[str, Look]
    fences: AskFences = no_nodes
    unsealed: Unsealed = field(default_factory=Unsealed)
