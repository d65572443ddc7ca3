"""A node with a directory of tenants, asked in this process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from clavitor.app import App
from clavitor.counters import HourCounter
from clavitor.database import Database, prepare
from clavitor.front import Front, draw
from clavitor.http import Response
from clavitor.release import identify
from clavitor.service import _routes
from clavitor.stretch import Stretcher
from clavitor.tenants import tenant_id
from clavitor_service import Vault, body
from noc.placement.head import ListedNode
from tenant_directory import DOMAIN, TenantDirectory

WHERE, SESSION = "/api/v1/front/where", "/api/v1/session"
APEX = {"host": DOMAIN}


class Node(Vault):
    """A node's application, and its front door."""

    front: Front

    async def where(self, name: str, **more: Any) -> Response:
        return await self.ask("POST", WHERE, {"name": name}, **more)

    async def lives(self, name: str) -> str:
        """The node's name by which the door answers."""
        url: str = body(await self.where(name))["url"]
        return url.removeprefix("https://").removesuffix(f".{DOMAIN}")


class Counted:
    """A function that notes what it was given first.

    Args:
        function: does the work.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.given = function, list[Any]()

    def __call__(self, *arguments: Any) -> Any:
        self.given.append(arguments[0])
        return self._function(*arguments)


@contextmanager
def running(root: Path, name: str, directory: TenantDirectory) -> Iterator[Node]:
    """The application of the node of that name, as its process puts it together."""
    path = root / f"{name}.db"
    prepare(path)
    with ExitStack() as stack:
        database, stretcher = stack.enter_context(closing(Database(path))), stack.enter_context(closing(Stretcher()))
        front = stack.enter_context(closing(Front(directory.files, f"https://{name}.{DOMAIN}")))
        node = Node(App(_routes(identify(), database, stretcher, front), HourCounter(), HourCounter()), database, path)
        node.front = front
        yield node


def nobody_at(front: Front, name: str, nodes: Sequence[ListedNode]) -> str:
    """An account name that nobody has, and that the door sends to the node of that name."""
    known = front._known
    assert known is not None
    for number in range(1000):
        tenant = tenant_id(known.key, f"nobody-{number}")
        if nodes[draw(tenant, known.seeds, known.directory.homes)].name == name:
            return f"nobody-{number}"
    raise AssertionError(f"nobody is sent to {name}")
