"""Who asks: the session behind a request, and how often it may ask."""

import time

from clavitor import sessions
from clavitor.database import Database
from clavitor.errors import HttpError
from clavitor.http import Headers, Request
from clavitor.limits import RateLimit, address_key
from clavitor.sessions import Session

COOKIE = "__Host-session"
OWN_ORIGIN = frozenset({"same-origin", "none"})


class Access:
    """Finds the session of a request.

    Args:
        database: where sessions are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._addresses = RateLimit(burst=500, per_second=50)
        self._accounts = RateLimit(burst=200, per_second=20)
        self._sign_in_addresses = RateLimit(burst=20, per_second=1 / 10)
        self._sign_in_names = RateLimit(burst=10, per_second=1 / 60)

    async def session(self, request: Request) -> Session:
        """The living session that the request carries, in a cookie or as a bearer token.

        Raises:
            HttpError: 401 without one, 403 for a cookie sent along by another site, 429 for too many requests.
        """
        self._addresses.take(address_key(request.peer))
        token = token_of(request)
        now = time.time()
        session = await self._database.read(lambda db: sessions.find(db, token, now)) if token else None
        if session is None:
            raise HttpError(401, "sign in first")
        self._accounts.take(str(session.account))
        if not session.noted:
            await self._database.write(lambda db: sessions.note(db, session, now))
        return session

    def stranger(self, request: Request) -> None:
        """Let somebody without a session ask something cheap; 429 where an address does so too often."""
        self._addresses.take(address_key(request.peer))

    def attempt(self, request: Request, name: str) -> None:
        """Let somebody try a password; 429 where an address or a name is tried too often."""
        self._sign_in_addresses.take(address_key(request.peer))
        self._sign_in_names.take(name)


def token_of(request: Request) -> str:
    """The session's token that the request carries, or nothing; 403 for a cookie sent along by another site."""
    return _bearer(request) or _cookie(request)


def cookie(token: str) -> Headers:
    """The header that gives a browser its session; an empty token takes it away."""
    age = int(sessions.ABSOLUTE) if token else 0
    return (("set-cookie", f"{COOKIE}={token}; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Strict"),)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _cookie(request: Request) -> str:
    """The cookie's token, unless the browser says that another site made it send the request."""
    for pair in request.headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            if request.headers.get("sec-fetch-site", "none") not in OWN_ORIGIN:
                raise HttpError(403, "this request comes from another site")
            return value
    return ""
