"""The REST API: all operations in one table, from which come the routes and the OpenAPI document."""

import asyncio
import json
from functools import cached_property
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from noc.watch.access.keyring import Keyring
from noc.watch.api import answers
from noc.watch.api.alerts import AlertApi
from noc.watch.api.charts import ChartApi
from noc.watch.api.incidents import IncidentApi
from noc.watch.api.jobs import JobApi
from noc.watch.api.journal import JournalApi
from noc.watch.api.maintenance import MaintenanceApi
from noc.watch.api.metrics import MetricsApi
from noc.watch.api.nodes import NodeApi
from noc.watch.api.openapi import document
from noc.watch.api.operation import Answer, Asked, Nothing, Operation, routes
from noc.watch.api.people import PeopleApi
from noc.watch.api.tokens import TokenApi
from noc.watch.service.watch import Watch


class Api:
    """The table, and the handlers that belong to no other part of it."""

    def __init__(self, watch: Watch, keyring: Keyring) -> None:
        """Take the watch that is asked, and the keys that it gave away."""
        self._watch = watch
        self._parts = (
            NodeApi(watch),
            ChartApi(watch),
            JournalApi(watch),
            IncidentApi(watch),
            MaintenanceApi(watch),
            JobApi(watch),
            AlertApi(watch),
            TokenApi(keyring),
            PeopleApi(keyring),
            MetricsApi(watch),
        )

    def routes(self) -> list[BaseRoute]:
        """A route for every path of the table."""
        return routes(self.operations)

    @cached_property
    def operations(self) -> list[Operation[Any, Any]]:
        """The whole table."""
        return [
            Operation(
                method="GET",
                path="/health",
                summary="Whether pushes can be stored; 503 with the same document where they cannot.",
                role=None,
                handle=self.health,
                answers=answers.Health,
                others={503: answers.Health},
            ),
            Operation(
                method="GET",
                path="/api/v1/openapi.json",
                summary="This document.",
                role="viewer",
                media="application/json",
                handle=self.openapi,
            ),
            *(operation for part in self._parts for operation in part.operations()),
            Operation(
                method="POST",
                path="/api/v1/reload",
                summary="Read the fleet directory again; with problems in it the old one stays (422).",
                role="operator",
                handle=self.reload,
                answers=answers.Reloaded,
            ),
        ]

    async def health(self, _asked: Asked[Nothing, Nothing]) -> Answer:
        """Whether pushes can be stored."""
        if self._watch.broken:
            return JSONResponse({"status": "failing", "db": "failing"}, 503)
        return {"status": "ok", "db": "ok"}

    async def openapi(self, _asked: Asked[Nothing, Nothing]) -> Answer:
        """The OpenAPI document."""
        return Response(await asyncio.to_thread(lambda: self._document), media_type="application/json")

    async def reload(self, _asked: Asked[Nothing, Nothing]) -> Answer:
        """Read the fleet directory again."""
        await self._watch.reload()
        return {"ok": True, "nodes": len(self._watch.config.nodes)}

    @cached_property
    def _document(self) -> bytes:
        return json.dumps(document(self.operations), ensure_ascii=False).encode()
