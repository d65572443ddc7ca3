"""What people decide in a chat: to agree to a plan, or not. No model ever gets these verbs."""

from collections.abc import Sequence
from contextlib import aclosing

from noc.agent.verbs.fields import NamedRequest, ReasonArgument, RequestArgument
from noc.agent.verbs.verb import Answer, Call, Done, Params
from noc.agent.words.message import Message
from noc.agent.words.neutral import neutral
from noc.errors import Usage
from noc.runs.errors import RunNotFound

_PHRASE = 4


class ApproveParams(Params):
    """Which plan: no other may come in between what somebody has seen and what they agree to."""

    request: NamedRequest


class Approved(Answer):
    """A plan that somebody has agreed to, and the run that has begun by it."""

    digest: str
    phrase: str
    what: str
    requester: str
    by: str
    run: str


class DenyParams(Params):
    """Which plan, and why not."""

    request: RequestArgument = "last"
    reason: ReasonArgument = ""


class Denied(Answer):
    """A plan that somebody does not agree to."""

    digest: str
    phrase: str
    what: str
    requester: str
    by: str


async def approve(call: Call, params: ApproveParams) -> Done[Approved]:
    """Agree to a plan, and return once its run has begun. Raises the runner's refusals."""
    request = None
    async with aclosing(call.house.runner(call.actor).stream("approve", request=params.request)) as answers:
        async for answer in answers:
            request = answer.get("approved", request)
            if request and "run" in answer and "step" not in answer:
                same = {name: request[name] for name in ("digest", "phrase", "what", "requester")}
                by, run = str(request["approval"]["by"]), str(answer["run"])
                told = Message(f"{request['what']}: approved by {by}", (f"run {run} has begun",))
                return Done(Approved(**same, by=by, run=run), told)
    raise RunNotFound("the runner has named no run", fix="noc run list")


async def deny(call: Call, params: DenyParams) -> Done[Denied]:
    """Do not agree to a plan. Raises the runner's refusals."""
    door = call.house.runner(call.actor)
    request = (await door.ask("deny", request=params.request, reason=params.reason))["denied"]
    by, reason = str(request["denial"]["by"]), request["denial"]["reason"]
    answer = Denied(**{name: request[name] for name in ("digest", "phrase", "what", "requester")}, by=by)
    return Done(answer, Message(f"{request['what']}: denied by {by}", (neutral(reason, 200),) if reason else ()))


def read_approve(words: Sequence[str]) -> ApproveParams:
    """Digits, four words, words-with-hyphens. Raises Usage."""
    if len(words) not in (1, _PHRASE) or words[0] == "last":
        why = "another one may have come since you looked"
        raise Usage("that names no plan", why=why, fix="/approve WORD WORD WORD WORD, as the plan shows them")
    return ApproveParams(request=" ".join(words))


def read_deny(words: Sequence[str]) -> DenyParams:
    """The plan in one word (digits, words-with-hyphens, last), then why not in any number of words."""
    return DenyParams(request=words[0] if words else "last", reason=" ".join(words[1:])[:200])
