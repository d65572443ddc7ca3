"""From what somebody said to what a verb takes: words of a chat, or a document of a model."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from noc.agent.errors import BadArguments
from noc.agent.verbs.table import COMMANDS
from noc.agent.verbs.verb import AnyVerb, Params
from noc.agent.words.message import Message
from noc.agent.words.neutral import stripped
from noc.errors import Usage
from noc.fleet.model import Role

_RANK: Mapping[Role, int] = {"viewer": 0, "agent": 1, "operator": 2, "approver": 3}
_MOST_WORDS = 300
_MOST_PROBLEMS = 20
_FIELD = 64


def read_words(verb: AnyVerb, words: Sequence[str]) -> Params:
    """What follows a command in a chat.

    Args:
        verb: one of those that chats offer.
        words: as they were typed, without the command.

    Raises:
        Usage: they are no such thing, with what would be as the fix.
    """
    assert verb.parse is not None, "a verb that chats offer reads words"
    fix = f"/{verb.chat} {verb.usage}".rstrip()
    if len(words) > _MOST_WORDS:
        raise Usage("those are too many words", fix=fix)
    try:
        found: Params = verb.parse(words)
    except ValidationError as error:
        raise Usage(f"/{verb.chat} does not take that", why=problems(error), fix=fix) from None
    return found


def read_document(verb: AnyVerb, document: Mapping[str, Any]) -> Params:
    """The arguments of a tool. Raises BadArguments with each field that is wrong; no value is quoted."""
    try:
        found: Params = verb.params.model_validate(document)
    except ValidationError as error:
        raise BadArguments(f"{verb.name} does not take that", why=problems(error), fix="see its input schema") from None
    return found


def problems(error: ValidationError) -> str:
    """What is wrong with which field: `nodes.0: String should match …; more: Extra inputs are not permitted`."""
    told = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{stripped('.'.join(map(str, each['loc'])), _FIELD) or 'all'}: {each['msg']}" for each in told]
    more = [f"and {len(lines) - _MOST_PROBLEMS} more"] if len(lines) > _MOST_PROBLEMS else []
    return "; ".join([*lines[:_MOST_PROBLEMS], *more])


def help_message(role: Role) -> Message:
    """The commands that somebody of a role may give in a chat."""
    rows = [
        (f"/{verb.chat} {verb.usage}".rstrip(), verb.title)
        for verb in COMMANDS.values()
        if _RANK[verb.role] <= _RANK[role]
    ]
    width = max(len(usage) for usage, _ in rows)
    return Message("what works here", (), "\n".join(f"{usage.ljust(width)}  {title}" for usage, title in rows))
