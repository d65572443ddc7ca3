"""A plan becomes a run, or is asked for where somebody has to agree first."""

from contextlib import aclosing
from typing import Any, Literal

from noc.agent.verbs.fields import DigestArgument
from noc.agent.verbs.verb import Answer, Call, Done, Params
from noc.agent.words.message import Message
from noc.agent.words.request import standing
from noc.errors import NocError
from noc.runs.admission.errors import RequestNotFound
from noc.runs.errors import RunNotFound

_HOW = (
    "An approver agrees with `noc approve {phrase}` on HQ, with the button in the operations chat, or on HQ's page. "
    "No tool approves. Tell the person you act for, then call plan_show with the digest: once it says used, it names "
    "the run."
)


class StartParams(Params):
    """Which plan."""

    digest: DigestArgument


class Started(Answer):
    """What came of it. `needs_approval` is no failure: `how` says who has to do what; only `started` has a run."""

    state: Literal["started", "needs_approval", "denied", "expired"]
    digest: str
    run: str | None
    what: str
    needs: str
    expires: str
    how: str


async def start(call: Call, params: StartParams) -> Done[Started]:
    """Begin the run of a plan, or ask for the agreement that it needs. Raises the runner's refusals."""
    door = call.house.runner(call.actor)
    try:
        known = (await door.ask("pending", request=params.digest))["request"]
    except NocError as error:
        if error.code != RequestNotFound.code:
            raise
    else:
        return _asked(known)
    async with aclosing(door.stream("start", digest=params.digest)) as answers:
        async for answer in answers:
            if "approval" in answer:
                return _asked(answer["approval"])
            if "run" in answer:
                return _begun(params.digest, str(answer["run"]))
    raise RunNotFound("the runner has named no run", fix="noc run list")


def _asked(request: dict[str, Any]) -> Done[Started]:
    """What a request that is known already, or has just been taken in, means for who wants to begin."""
    states = {"used": "started", "denied": "denied", "expired": "expired"}
    state = states.get(request["state"], "needs_approval")
    words = standing(request)
    how = {
        "started": "Follow it with run_wait.",
        "needs_approval": _HOW.format(phrase=request["phrase"].replace(" ", "-")),
        "denied": "Somebody said no. Ask them; a new plan is asked for anew.",
        "expired": "Nobody agreed in time. Make a new plan.",
    }[state]
    answer = Started.model_validate(
        {
            **{name: request[name] for name in ("digest", "what", "needs", "run", "expires")},
            "state": state,
            "how": how,
        }
    )
    return Done(answer, Message(str(request["what"]), (words, f"phrase: {request['phrase']}")))


def _begun(digest: str, run: str) -> Done[Started]:
    how = "Follow it with run_wait."
    answer = Started(state="started", digest=digest, run=run, what="", needs="", expires="", how=how)
    return Done(answer, Message(f"run {run} has begun"))
