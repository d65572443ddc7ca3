"""What the domain itself shows: a page that finds a vault, on whichever node it is asked."""

from clavitor import page
from clavitor.access import COOKIE, cookie
from clavitor.app import CONTENT_POLICY, Route
from clavitor.front import Front
from clavitor.http import Request, Response

HTML, SCRIPT = "text/html; charset=utf-8", "text/javascript; charset=utf-8"


class FrontPage:
    """The page at `/`, which is the front door at the domain and the vault at a node's own name.

    Args:
        front: knows which is which, and to which nodes the page measures its way.
    """

    def __init__(self, front: Front) -> None:
        self._front = front
        self._vault, self._door = (page.load(name, HTML) for name in ("index.html", "front.html"))

    def routes(self) -> list[Route]:
        """What these files answer to."""
        scripts = [Route("GET", f"/{name}", page.load(name, SCRIPT).get) for name in ("front.js", "race.js")]
        return [Route("GET", "/", self.get), *scripts]

    async def get(self, request: Request) -> Response:
        """The front door, or the vault.

        The domain may lead to another node tomorrow: a session that was opened there before is taken away.
        """
        await self._front.head()
        if not self._front.is_apex(request.headers.get("host", "")):
            return await self._vault.get(request)
        door = page.File.of(self._door.content, HTML, (("content-security-policy", self._policy()),))
        if f"{COOKIE}=" in request.headers.get("cookie", ""):
            return Response(200, door.content, (*door.headers, *cookie("")))
        return await door.get(request)

    def _policy(self) -> str:
        own, candidates = "connect-src 'self'", self._front.candidates
        measured = dict.fromkeys(node.url for each, around in candidates.items() for node in (each, *around))
        return CONTENT_POLICY.replace(own, " ".join([own, *measured]))
