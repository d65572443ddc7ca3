"""Who somebody is in a chat, and how they come to be known there."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from noc.agent.verbs.nothing import NoParams
from noc.agent.verbs.verb import Answer, Call, Done, Params
from noc.agent.words.message import Message
from noc.agent.words.neutral import stripped
from noc.errors import Usage

_WORDS = 300


class WhoAmI(Answer):
    """Who asks, what they may do, and who may change the fleet at this moment."""

    person: str
    role: str | None
    channel: str
    lease: str


class LinkParams(Params):
    """The one-time code that `noc link` gave."""

    code: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}$")]


class Linked(Answer):
    """Whose this chat is now."""

    person: str
    role: str | None


async def who(call: Call, _params: NoParams) -> Done[WhoAmI]:
    """Who asks. Raises Stranger."""
    door = call.house.runner(call.actor)
    known, lease = await door.ask("whoami"), (await door.ask("lease"))["explanation"]
    answer = WhoAmI(person=known["person"], role=known["role"], channel=known["channel"], lease=stripped(lease, _WORDS))
    return Done(answer, Message(f"you are {answer.person}, {answer.role}", (answer.lease,)))


async def link(call: Call, params: LinkParams) -> Done[Linked]:
    """Link a chat to a person; the actor has only a channel and a number yet. Raises CodeRefused, LinkRefused."""
    door, actor = call.house.runner(), call.actor
    found = (await door.ask("link", channel=actor.channel, id=actor.id, code=params.code))["linked"]
    answer = Linked(person=found["person"], role=found["role"])
    return Done(
        answer, Message(f"this chat is {answer.person}'s now", (f"role: {answer.role}", "/help lists what works"))
    )


def read_link(words: Sequence[str]) -> LinkParams:
    """The code. Raises Usage."""
    if len(words) != 1:
        raise Usage("the code is missing", fix="/link ABCD-EFGH, with the code that noc link gave on HQ")
    return LinkParams(code=words[0])
