"""One thing that can be asked for, as a value: tools for a model and commands of a chat are made from it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from noc.agent.doors.actor import Actor
from noc.agent.doors.house import House
from noc.agent.doors.runner import PLAN_S
from noc.agent.words.message import Message
from noc.fleet.model import Role

Where = Literal["mcp", "chat"]
Progress = Callable[[float, float | None, str], Awaitable[None]]
"""Takes how far something is, how far it will be where that is known, and words."""


class Params(BaseModel):
    """What a verb takes: bounded, and nothing besides."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(BaseModel):
    """What a verb answers. A text from a node, or from who wrote to one, stands only in fields named `untrusted_*`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


P = TypeVar("P", bound=Params)
A = TypeVar("A", bound=Answer)


async def _unheard(_done: float, _whole: float | None, _words: str) -> None:
    """Progress that nobody listens to."""


@dataclass(frozen=True)
class Call:
    """Who asks, and what is reached for them.

    Attributes:
        house: the doors.
        actor: who asks.
        progress: hears how far a verb is that takes long.
        patience_s: seconds that who asks waits for a plan.
    """

    house: House
    actor: Actor
    progress: Progress = _unheard
    patience_s: float = PLAN_S


@dataclass(frozen=True)
class Done(Generic[A]):
    """What came of a verb: the answer as data, for a model, and as a message, for people in a chat."""

    answer: A
    message: Message


@dataclass(frozen=True, kw_only=True)
class Verb(Generic[P, A]):
    """A verb.

    Attributes:
        name: the tool's name, `plan_create`.
        chat: the chat's command without its slash, "" where chats have none.
        usage: what follows the command in a chat, `NODES VERSION`; "" for nothing.
        command: the same on the command line, `noc` left out: `deploy --plan`.
        title: what it is called in a menu.
        summary: what it does and answers, for who has to choose: a model, or a person who asks for help.
        params, answer: what it takes and answers.
        role: what who asks must be at least; the runner and the watch decide it, here it is told.
        reads: it changes nothing.
        destructive: it may take something away that cannot be had back by asking again.
        idempotent: to ask twice is to ask once.
        doors: where it is offered.
        act: does it. Raises NocError where it is refused.
        parse: what follows the command in a chat, as words, to what the verb takes; raises Usage with the usage as fix.
    """

    name: str
    command: str
    title: str
    summary: str
    params: type[P]
    answer: type[A]
    act: Callable[[Call, P], Awaitable[Done[A]]]
    parse: Callable[[Sequence[str]], P] | None = None
    role: Role = "viewer"
    chat: str = ""
    usage: str = ""
    reads: bool = True
    destructive: bool = False
    idempotent: bool = True
    doors: frozenset[Where] = frozenset({"mcp", "chat"})


AnyVerb = Verb[Any, Any]
