"""A refusal in a chat: what, why, and what mends it."""

from noc.agent.words.message import Message
from noc.agent.words.neutral import neutral, stripped
from noc.errors import NocError

_WORDS = 600


def refusal_message(error: NocError) -> Message:
    """An error with its code, and below it what mends it; its sentences may quote a node, or whoever asked."""
    lines = [neutral(error.why, _WORDS)] if error.why else []
    return Message(f"{neutral(error.what, _WORDS)} (NOC-{error.code})", tuple(lines), stripped(error.fix, _WORDS))
