"""The front door over HTTP: where does a name's vault live, which nodes are there, how far is this one.

Whoever asks is a stranger: no answer holds or takes a session.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from clavitor import fields
from clavitor.access import Access
from clavitor.app import Route
from clavitor.errors import HttpError
from clavitor.front import Front, State
from clavitor.http import Headers, Request, Response

RETRY_AFTER = 60
ANY_ORIGIN: Headers = (("access-control-allow-origin", "*"), ("cache-control", "no-store"))
NO_VAULT_HERE = "no vault is kept at this address: ask where yours lives"


class FrontApi:
    """Handlers under `/api/v1/front`, and what the domain itself answers in the place of a vault.

    Args:
        front: knows where vaults live.
        access: how often a stranger may ask.
    """

    def __init__(self, front: Front, access: Access) -> None:
        self._front, self._access = front, access

    def routes(self) -> list[Route]:
        """What these handlers answer to."""
        return [
            Route("POST", "/api/v1/front/where", self.where),
            Route("GET", "/api/v1/front/nodes", self.nodes),
            Route("GET", "/api/v1/front/echo", self.echo),
        ]

    def guarded(self, routes: list[Route]) -> list[Route]:
        """The same routes, which at the domain itself send whoever comes to the node of the name that they bring."""
        return [replace(route, handle=self._guarded(route.handle)) for route in routes]

    async def where(self, request: Request) -> Response:
        """The origin of the node on which the vault of a name lives, or would; every name has an answer."""
        self._access.stranger(request)
        home = await self._front.home(fields.account_name(request.json()))
        if not home.url:
            raise HttpError(503, "this node does not know at this moment", retry_after=RETRY_AFTER)
        return Response.of({"url": home.url}, headers=_state(home.state))

    async def nodes(self, request: Request) -> Response:
        """The nodes that take new tenants, and the few to which a browser measures its way."""
        self._access.stranger(request)
        head, state = await self._front.head()
        listed = head.nodes if head else ()
        document = {
            "nodes": [{"name": each.name, "url": each.url, "groups": each.groups} for each in listed if each.open],
            "candidates": {
                each.name: [node.name for node in around] for each, around in self._front.candidates.items()
            },
        }
        return Response.of(document, headers=_state(state))

    async def echo(self, request: Request) -> Response:
        """Nothing, to be timed from a page of any origin."""
        self._access.stranger(request)
        return Response(204, headers=ANY_ORIGIN)

    def _guarded(self, handle: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
        async def guarded(request: Request, *values: str) -> Response:
            if self._front.is_apex(request.headers.get("host", "")):
                raise await self._misdirected(request)
            return await handle(request, *values)

        return guarded

    async def _misdirected(self, request: Request) -> HttpError:
        self._access.stranger(request)
        try:
            name = fields.account_name(request.json())
        except HttpError:
            return HttpError(421, NO_VAULT_HERE)
        return HttpError(421, NO_VAULT_HERE, url=(await self._front.home(name)).url)


def _state(state: State) -> Headers:
    return (("clavitor-directory", state),)
