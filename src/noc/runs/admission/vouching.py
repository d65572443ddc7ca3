"""The person for whom a service speaks: found by the runner, from what the service has heard, and never by its word.

A request may hold `"for": {"channel": "telegram", "id": "4711"}` from the bot, which knows numbers and no people, or
`"for": {"channel": "page", "person": "johan"}` from the watch, at whose pages people sign in.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from pydantic import TypeAdapter, ValidationError

from noc.fleet.model import Fleet, Role
from noc.runs.admission.approval import role_of
from noc.runs.admission.caller import BOT, SERVICES, WATCH, Caller
from noc.runs.admission.errors import Stranger
from noc.runs.admission.identities import Channel, Identities, Number
from noc.runs.admission.permits import check_permitted
from noc.runs.errors import BadRequest, CallerRefused

PAGE = "page"
_CHANNELS: Final[Mapping[str, frozenset[str]]] = {BOT: frozenset(get_args(Channel)), WATCH: frozenset({PAGE})}
_NUMBER = TypeAdapter(Number)


class Vouching:
    """Says who asks, and for what they may."""

    def __init__(self, identities: Identities, fleet: Callable[[], Fleet]) -> None:
        """Use the linked identities, and the fleet file as it is at each request."""
        self._identities, self._fleet = identities, fleet

    def admit(self, caller: Caller, request: Mapping[str, Any]) -> Caller:
        """Who asks: the caller itself, or the person for whom it speaks.

        Args:
            caller: at the other end of the socket.
            request: the line that came.

        Raises:
            CallerRefused: it may not speak for anybody, not from there, or the tables of `permits` do not name this.
            Stranger: nobody whom the fleet file lists is behind it.
            BadRequest: whom it speaks for cannot be read.
            IdentitiesUnreadable, FleetProblems: nobody can say who that is.
        """
        who, role = caller, None
        if "for" in request:
            who, role = self._person(caller, request["for"])
        check_permitted(who, role, request)
        return who

    def _person(self, caller: Caller, said: object) -> tuple[Caller, Role]:
        channel = str(said.get("channel")) if isinstance(said, dict) else ""
        if caller.name not in _CHANNELS:
            raise CallerRefused(
                f"{caller.name} speaks for nobody else", why=f"only {BOT} and {WATCH} do", fix="ask in your own name"
            )
        if not isinstance(said, dict) or channel not in _CHANNELS[caller.name]:
            raise CallerRefused(f"{caller.name} does not hear people by {channel[:32]}")
        key = "person" if channel == PAGE else "id"
        if set(said) != {"channel", key} or not isinstance(said[key], str):
            raise BadRequest("whom this is for cannot be read", why=f"channel and {key} are expected, and no more")
        name, number = (said[key], "") if channel == PAGE else (self._owner(channel, said[key]), said[key])
        role = role_of(name, self._fleet()) if name else None
        if role is None or name in SERVICES:
            raise stranger(channel)
        return Caller(caller.uid, name, frozenset(), channel, number, caller.name), role

    def _owner(self, channel: str, number: str) -> str:
        """Whose an identity is, "" for nobody's."""
        found = self._identities.find(channel, checked_number(number))
        return found.person if found else ""


def checked_number(number: object) -> str:
    """A person's number in a channel, as it is kept. Raises BadRequest for what is none."""
    try:
        return _NUMBER.validate_python(number, strict=True)
    except ValidationError:
        raise BadRequest("that is no number of a person", why="up to 20 decimal digits are expected") from None


def stranger(channel: str) -> Stranger:
    """The refusal of somebody whom nobody knows."""
    fix = "noc link on HQ" if channel != PAGE else "the fleet file's [[people]] lists who may"
    return Stranger(f"nobody whom fleet.toml lists is behind this {channel} identity", fix=fix)
