"""Who stands behind a request, and whether that is enough for what it asks."""

from dataclasses import dataclass
from typing import Final, Literal

from starlette.requests import Request

from noc.errors import NotPermitted
from noc.fleet.model import Role

Via = Literal["socket", "session", "token", "link", "chat"]
RANK: Final[dict[Role, int]] = {"viewer": 0, "agent": 1, "operator": 2, "approver": 3}


@dataclass(frozen=True)
class Caller:
    """A person or a program, as its connection or its key proved it.

    Attributes:
        name: the login on HQ, or the name of the token.
        role: what it may do at most.
        via: how that was proven: peer credentials of the Unix socket, a page's session, an API token, a link that is
            good for one act, or the word of the bot, which speaks for a person in a chat.
    """

    name: str
    role: Role
    via: Via


def caller_of(request: Request) -> Caller:
    """The caller that the listener found. Raises NotPermitted where it found none."""
    caller = request.scope.get("state", {}).get("caller")
    if not isinstance(caller, Caller):
        raise NotPermitted("nobody has signed in", fix="on HQ: noc dashboard --link")
    return caller


def need(request: Request, role: Role) -> Caller:
    """The caller, who has at least this role. Raises NotPermitted."""
    caller = caller_of(request)
    if RANK[caller.role] < RANK[role]:
        raise NotPermitted(f"{caller.name} is {caller.role}, this needs {role}", fix="ask somebody who may")
    return caller
