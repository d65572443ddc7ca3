"""Verbs that take nothing."""

from collections.abc import Sequence

from noc.agent.verbs.verb import Params
from noc.errors import Usage


class NoParams(Params):
    """Nothing."""


def read_nothing(words: Sequence[str]) -> NoParams:
    """No words. Raises Usage."""
    if words:
        raise Usage("that takes nothing more", fix="give the command alone")
    return NoParams()
