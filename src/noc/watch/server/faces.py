"""What people and programs see of a watch: the API and the pages, on this machine's socket and behind the proxy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from noc.watch.access.doors import PeerDoor, WebDoor
from noc.watch.access.keyring import Keyring
from noc.watch.api.acknowledge import AcknowledgeDoor
from noc.watch.api.rest import Api
from noc.watch.pages.acts import Acts
from noc.watch.pages.decisions import Decisions
from noc.watch.pages.login import Login
from noc.watch.pages.refusals import Refusals
from noc.watch.pages.runner import RunnerDoor
from noc.watch.pages.runs import RunBoard
from noc.watch.pages.waiting import Waiting
from noc.watch.pages.web import Web
from noc.watch.service.watch import Watch


@dataclass(frozen=True)
class Faces:
    """Both applications of a watch that runs.

    Attributes:
        local: for who connects on this machine.
        web: for who comes through the proxy.
    """

    local: ASGIApp
    web: ASGIApp
    _pages: Web

    @classmethod
    async def open(cls, watch: Watch, runner: Path | None = None) -> Self:
        """Read the keys that were given away, and what the pages show of the time before.

        Args:
            watch: it runs.
            runner: the socket of the runner beside it; None for none.
        """
        keyring, runs = Keyring(watch), RunBoard()
        await keyring.start()
        waiting = Waiting(RunnerDoor(runner) if runner else None)
        pages = Web.of(watch, runs, waiting)
        await pages.dashboard.start()
        login = Login(watch, pages.look, keyring)
        routes: Sequence[BaseRoute] = [
            *Api(watch, keyring).routes(),
            *runs.routes(),
            *login.routes(),
            *pages.routes(),
            *Acts(watch).routes(),
            *Decisions(waiting).routes(),
            *AcknowledgeDoor(watch, keyring).routes(),
        ]
        app = Starlette(routes=routes, exception_handlers=dict(Refusals(login).handlers()))
        return cls(PeerDoor(app, lambda: watch.config.fleet), WebDoor(app, lambda: watch.config, keyring), pages)

    def stop(self) -> None:
        """End every stream, and what is asked for them, so that the listeners can stop."""
        self._pages.stream.stop()
        self._pages.waiting.stop()
