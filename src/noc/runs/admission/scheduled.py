"""The standing approval: a table of `[[schedule]]` is a person's word for the runs that its job stands for.

It covers exactly these, of all nodes, as the runner itself has planned them, and nothing else that its caller may wish.
"""

from collections.abc import Mapping
from typing import Final

from noc.fleet.model import Fleet
from noc.fleet.scheduling import Job, Schedule
from noc.runs.admission.caller import RUNNER, Caller
from noc.runs.admission.errors import JobNotScheduled, NotApproved
from noc.runs.errors import CallerRefused
from noc.runs.plan.plan import Action, Options, Plan

ACTIONS: Final[Mapping[Job, tuple[Action, ...]]] = {"backup": ("backup",), "os-update": ("os-update", "reboot")}
"""The runs of a job, in their order."""
LOOKS: Final[Mapping[Job, str]] = {
    "certificates": "health",
    "prices": "prices",
    "briefing": "audit-head",
    "audit-head": "audit-head",
}
"""The looks of jobs that change no node, by the runner's operation."""


def scheduled(job: str, fleet: Fleet) -> Schedule:
    """The table of a job. Raises JobNotScheduled where the fleet file has none."""
    found = next((each for each in fleet.schedule if each.job == job), None)
    if found is None:
        names = ", ".join(each.job for each in fleet.schedule) or "none"
        raise JobNotScheduled(f"no job {job[:32]} is scheduled", why=f"[[schedule]] of fleet.toml has {names}")
    return found


def check_headquarters(caller: Caller) -> None:
    """Let HQ itself pass: root, and the user that its timers run as. Raises CallerRefused."""
    if caller.uid != 0 and caller.name != RUNNER:
        fix = "give the command that the job stands for, such as noc backup run all"
        raise CallerRefused(f"{caller.name} does not do what HQ's schedule says", why="only HQ itself does", fix=fix)


def check_standing(plan: Plan, job: str, fleet: Fleet) -> None:
    """Hold a plan against the standing approval.

    Raises:
        JobNotScheduled: the fleet file has no such job.
        NotApproved: the plan is another than the job stands for: another action or node, or more than the action alone.
    """
    schedule = scheduled(job, fleet)
    nodes = {node.name for node in fleet.nodes}
    beyond = plan.release or plan.configuration or plan.options != Options() or not nodes.issuperset(plan.nodes)
    if beyond or plan.action not in ACTIONS.get(schedule.job, ()):
        raise NotApproved(
            f"the schedule does not stand for {plan.label()}",
            why=f"job {job} stands for {', '.join(ACTIONS.get(schedule.job, ())) or 'a look'}, and nothing else",
            fix="give the command itself, and ask for its approval",
        )
