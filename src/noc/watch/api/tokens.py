"""Tokens for programs: made once, shown once, good until their day, taken back at once."""

import asyncio
from typing import Any, Final

from pydantic import AwareDatetime
from starlette.responses import JSONResponse

from noc.errors import NotPermitted
from noc.fleet.model import Role
from noc.watch.access.caller import RANK, Caller, caller_of
from noc.watch.access.keyring import MOST, Keyring
from noc.watch.api import answers
from noc.watch.api.operation import Answer, Asked, Nothing, Operation, Part
from noc.watch.clock import iso, now
from noc.watch.errors import BadRequest
from noc.watch.store.records import Key

PATH: Final = "/api/v1/tokens/{name}"
LONGEST_MS: Final = 366 * 86_400_000
MOST_NAME: Final = 64


class WantedToken(Part):
    """What a token may do, and until when it is good: at most 366 days from now."""

    role: Role = "viewer"
    expires_at: AwareDatetime


class TokenApi:
    """The handlers; the keyring does the rest."""

    def __init__(self, keyring: Keyring) -> None:
        """Take the keys that were given away."""
        self._keyring = keyring
        self._changing = asyncio.Lock()

    def operations(self) -> list[Operation[Any, Any]]:
        """Their table."""
        return [
            Operation(
                method="GET",
                path="/api/v1/tokens",
                summary="Every token that is good for something, without its secret.",
                role="operator",
                handle=self.tokens,
                answers=answers.Tokens,
            ),
            Operation(
                method="PUT",
                path=PATH,
                summary="A token of this name with this role and end: made, with its secret (201), or changed (200).",
                role="approver",
                body=WantedToken,
                handle=self.put,
                answers=answers.NewToken,
                status=201,
                others={200: answers.Token},
            ),
            Operation(
                method="DELETE",
                path=PATH,
                summary="Take a token back; asking twice is harmless.",
                role="approver",
                handle=self.revoke,
            ),
        ]

    async def tokens(self, _asked: Asked[Nothing, Nothing]) -> Answer:
        """Every token."""
        return {"tokens": [token_document(key) for key in self._keyring.of("token")]}

    async def put(self, asked: Asked[Nothing, WantedToken]) -> Answer:
        """Make a token, or change the one of that name; the same request twice leaves the same token."""
        caller, name, role = _person(asked), asked.name(), asked.body.role
        if len(name) > MOST_NAME or not name.isprintable():
            raise BadRequest(f"a token's name is text of 1 to {MOST_NAME} characters")
        if RANK[role] > RANK[caller.role]:
            raise NotPermitted(f"{caller.name} is {caller.role} and cannot give away {role}")
        lasts = round(asked.body.expires_at.timestamp() * 1000) - now().wall
        if not 0 < lasts <= LONGEST_MS:
            raise BadRequest("a token is good for at most 366 days", why=f"it would end {asked.body.expires_at}")
        async with self._changing:  # two that ask for the same name at once get one token
            if (known := self._find(name)) is not None:
                changed = await self._keyring.change(known, role=role, expires=now().wall + lasts)
                return JSONResponse(token_document(changed), 200)
            return await self._make(name, caller.name, role, lasts)

    async def _make(self, name: str, person: str, role: Role, lasts: int) -> Answer:
        if len(self._keyring.of("token", person)) >= MOST["token"]:
            raise BadRequest(f"{person} has {MOST['token']} tokens", fix="noc tokens list, noc tokens revoke NAME")
        secret, key = await self._keyring.make("token", person=person, role=role, name=name, lasts_ms=lasts)
        return token_document(key) | {"secret": secret}

    async def revoke(self, asked: Asked[Nothing, Nothing]) -> Answer:
        """Take a token back."""
        _person(asked)
        if (known := self._find(asked.name())) is not None:
            await self._keyring.drop([known])
        return None

    def _find(self, name: str) -> Key | None:
        return next((key for key in self._keyring.of("token") if key.name == name), None)


def token_document(key: Key) -> dict[str, Any]:
    """One token as the API shows it."""
    times = {"created_at": iso(key.created), "expires_at": iso(key.expires)}
    return {"name": key.name, "person": key.person, "role": key.role} | times


def _person(asked: Asked[Any, Any]) -> Caller:
    """The caller, who is logged in on HQ: a token that could make tokens would outlive its own end, and what is asked
    for in a chat would outlive the chat. Raises NotPermitted."""
    caller = caller_of(asked.request)
    if caller.via != "socket":
        raise NotPermitted(f"a {caller.via} makes and takes back no tokens", fix="on HQ: noc tokens")
    return caller
