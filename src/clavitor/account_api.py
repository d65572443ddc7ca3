"""The doors to an account: sign up, sign in, sign out, change the password, delete."""

import hmac
import secrets
import sqlite3
import time

from clavitor import accounts, fields, invitations, sessions
from clavitor.access import Access, cookie, token_of
from clavitor.accounts import Account, Locks, Verifier
from clavitor.app import Route
from clavitor.database import Database
from clavitor.errors import HttpError
from clavitor.front import Front, Home
from clavitor.http import Request, Response
from clavitor.stretch import Stretcher

NOBODY = b"\0" * accounts.SALT_BYTES  # the salt that an unknown name's attempt is stretched with
KEY = "authentication_key"
WRONG = "name or password is wrong"
NO_INVITATION = "this invitation is unknown, used or expired"
ELSEWHERE = "this vault is kept on another node"
RETRY_SIGN_UP = 60


class AccountApi:
    """Handlers under `/api/v1/account`, `/api/v1/session` and `/api/v1/derivation`.

    Args:
        database: where accounts are kept.
        access: tells who asks.
        stretcher: makes verifiers.
        front: knows which names live here; without it all do.
    """

    def __init__(self, database: Database, access: Access, stretcher: Stretcher, front: Front | None = None) -> None:
        self._database, self._access, self._stretcher, self._front = database, access, stretcher, front

    def routes(self) -> list[Route]:
        """What these handlers answer to."""
        return [
            Route("POST", "/api/v1/derivation", self.derivation),
            Route("POST", "/api/v1/account", self.sign_up),
            Route("PUT", "/api/v1/account", self.change_password),
            Route("DELETE", "/api/v1/account", self.delete),
            Route("POST", "/api/v1/session", self.sign_in),
            Route("DELETE", "/api/v1/session", self.sign_out),
        ]

    async def derivation(self, request: Request) -> Response:
        """How the client derives its keys for a name; every name has an answer."""
        self._access.stranger(request)
        name = fields.account_name(request.json())
        salt, iterations = await self._database.read(lambda db: accounts.derivation(db, name))
        return Response.of({"salt": fields.encode(salt), "iterations": iterations})

    async def sign_up(self, request: Request) -> Response:
        """Open an account for an invitation, and its first session."""
        document = request.json()
        name, key, locks = fields.account_name(document), _key(document), _locks(document)
        code = fields.text(document, "invitation")
        self._access.attempt(request, f"invitation {code}")
        home = await self._home(name)
        if home is not None:
            _check_sign_up(home)
        if not await self._database.read(lambda db: invitations.is_open(db, code, time.time())):
            raise HttpError(403, NO_INVITATION if home is None else f"{NO_INVITATION}, or is for another name")
        if home is not None and not home.listed:
            raise HttpError(403, "this name was given no place here: ask who invited you")
        verifier = await self._verifier(key)

        def store(db: sqlite3.Connection) -> str:
            now = time.time()
            account = accounts.create(db, name, locks, verifier, now)
            if account is None:
                raise HttpError(409, "this name is taken")
            if not invitations.redeem(db, code, now):
                raise HttpError(403, NO_INVITATION)
            return sessions.create(db, account, now)

        return _welcome(document, await self._database.write(store), locks, status=201)

    async def sign_in(self, request: Request) -> Response:
        """Open a session; an unknown name and a wrong password cost and look the same, here or elsewhere."""
        document = request.json()
        name = fields.account_name(document)
        self._access.attempt(request, name)
        home = await self._home(name) or Home()
        account = await self._database.read(lambda db: accounts.by_name(db, name))
        proven = await self._prove(account if home.may_be_here else None, _key(document), home.elsewhere)
        held = token_of(request)

        def store(db: sqlite3.Connection) -> str:
            _check_unchanged(db, proven)
            return sessions.replace(db, held, proven.id, time.time())

        return _welcome(document, await self._database.write(store), proven.locks, status=200)

    async def sign_out(self, request: Request) -> Response:
        """End the session that asks."""
        session = await self._access.session(request)
        await self._database.write(lambda db: sessions.end(db, session))
        return Response(204, headers=cookie(""))

    async def change_password(self, request: Request) -> Response:
        """Replace key and locks, given the current key; every other session of the account ends."""
        document = request.json()
        account = await self._owner(request, document)
        replacement = document.get("new")
        if not isinstance(replacement, dict):
            raise HttpError(400, "new must be an object")
        key, locks = _key(replacement), _locks(replacement)
        verifier = await self._verifier(key)

        def store(db: sqlite3.Connection) -> str:
            _check_unchanged(db, account)
            accounts.replace_locks(db, account.id, locks, verifier)
            sessions.end_all(db, account.id)
            return sessions.create(db, account.id, time.time())

        return _welcome(document, await self._database.write(store), locks, status=200)

    async def delete(self, request: Request) -> Response:
        """Delete the account and all it holds, given the current key."""
        account = await self._owner(request, request.json())

        def store(db: sqlite3.Connection) -> None:
            _check_unchanged(db, account)
            accounts.delete(db, account.id)

        await self._database.write(store)
        return Response(204, headers=cookie(""))

    async def _owner(self, request: Request, document: dict[str, object]) -> Account:
        """The account of the session, once its password's key has been shown again."""
        session = await self._access.session(request)
        account = await self._database.read(lambda db: accounts.by_id(db, session.account))
        self._access.attempt(request, account.name if account else "")
        return await self._prove(account, _key(document))

    async def _home(self, name: str) -> Home | None:
        return await self._front.home(name) if self._front else None

    async def _verifier(self, key: bytes) -> Verifier:
        salt = secrets.token_bytes(accounts.SALT_BYTES)
        return Verifier(salt, await self._stretcher.stretch(key, salt))

    async def _prove(self, account: Account | None, key: bytes, elsewhere: str = "") -> Account:
        stretched = await self._stretcher.stretch(key, account.verifier.salt if account else NOBODY)
        if account is None or not hmac.compare_digest(stretched, account.verifier.hash):
            raise HttpError(421, ELSEWHERE, url=elsewhere) if elsewhere else HttpError(401, WRONG)
        return account


def _check_sign_up(home: Home) -> None:
    """Refuse whom the directory has elsewhere, and everybody while it is not proven to be the newest."""
    if not home.takes_sign_ups:
        raise HttpError(503, "no vault can be opened here at this moment", retry_after=RETRY_SIGN_UP)
    if home.elsewhere:
        raise HttpError(421, ELSEWHERE, url=home.elsewhere)


def _check_unchanged(connection: sqlite3.Connection, account: Account) -> None:
    """Between the proof of a password and the write that rests on it, the password may have been changed."""
    if accounts.by_id(connection, account.id) != account:
        raise HttpError(401, WRONG)


def _key(document: dict[str, object]) -> bytes:
    return fields.octets(document, KEY, accounts.KEY_BYTES, accounts.KEY_BYTES)


def _locks(document: dict[str, object]) -> Locks:
    return Locks(
        salt=fields.octets(document, "salt", accounts.SALT_BYTES, accounts.SALT_BYTES),
        iterations=fields.iterations(document),
        wrapped_key=fields.octets(document, "wrapped_key", accounts.WRAPPED_KEY_BYTES, accounts.WRAPPED_KEY_BYTES),
    )


def _welcome(document: dict[str, object], token: str, locks: Locks, *, status: int) -> Response:
    """The session as a cookie; as a bearer token in the body, and no cookie, for a client that asks for one."""
    body = {"wrapped_key": fields.encode(locks.wrapped_key), "idle_s": sessions.IDLE, "absolute_s": sessions.ABSOLUTE}
    if document.get("bearer") is True:
        return Response.of({**body, "token": token}, status=status)
    return Response.of(body, status=status, headers=cookie(token))
