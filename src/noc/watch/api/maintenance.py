"""Maintenance through the API: windows by their names, silences among them, which begin now."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from noc.watch.access.caller import caller_of
from noc.watch.api import answers
from noc.watch.api.operation import Answer, Asked, Nothing, Operation, Part
from noc.watch.clock import iso, now
from noc.watch.service.watch import Watch
from noc.watch.service.windows import LONGEST_MINUTES, WindowView

Scope = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], Field(min_length=1, max_length=100)]
Minutes = Annotated[int, Field(ge=1, le=LONGEST_MINUTES)]
Reason = Annotated[str, Field(max_length=500)]


class NewWindow(Part):
    """Maintenance for nodes, tags or batches (`all` for every one).

    It holds at `spec`, as clocks in `zone` show it (the fleet's by default), or once at `starts_at`; a silence begins
    now, and names neither.
    """

    kind: Literal["single", "weekly", "cron", "silence"]
    scope: Scope
    minutes: Minutes
    reason: Reason = ""
    spec: Annotated[str, Field(max_length=200)] = ""
    zone: Annotated[str, Field(max_length=64)] = ""
    starts_at: AwareDatetime | None = None


class MaintenanceApi:
    """The handlers; the watch decides."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that is asked."""
        self._watch = watch

    def operations(self) -> list[Operation[Any, Any]]:
        """Their table."""
        return [
            Operation(
                method="GET",
                path="/api/v1/maintenance",
                summary="Windows of maintenance that hold or are to come, those of deployments and silences included.",
                role="viewer",
                handle=self.windows,
                answers=answers.MaintenanceWindows,
            ),
            Operation(
                method="PUT",
                path="/api/v1/maintenance/{name}",
                summary="Plan a window of that name, or change it; 409 for one of the fleet file or of a run. "
                "A silence begins anew.",
                role="operator",
                body=NewWindow,
                handle=self.put,
                conflicts=True,
            ),
            Operation(
                method="DELETE",
                path="/api/v1/maintenance/{name}",
                summary="End a window that a person opened, for good; 409 for one of the fleet file or of a run.",
                role="operator",
                handle=self.close,
            ),
        ]

    async def windows(self, _asked: Asked[Nothing, Nothing]) -> Answer:
        """Every window."""
        moment = now()
        document = {"now": iso(moment.wall), "timezone": self._watch.config.fleet.timezone}
        return document | {"windows": [window_document(view) for view in self._watch.windows(moment)]}

    async def put(self, asked: Asked[Nothing, NewWindow]) -> Answer:
        """A window is planned, or changed."""
        body = asked.body
        await self._watch.put_window(
            asked.name(),
            body.kind,
            body.scope,
            minutes=body.minutes,
            who=caller_of(asked.request).name,
            reason=body.reason,
            spec=body.spec,
            zone=body.zone or self._watch.config.fleet.timezone,
            starts=None if body.starts_at is None else round(body.starts_at.timestamp() * 1000),
        )
        return None

    async def close(self, asked: Asked[Nothing, Nothing]) -> Answer:
        """A window ends."""
        await self._watch.close_window(asked.name())
        return None


def window_document(view: WindowView) -> dict[str, Any]:
    """A window as the API shows it."""
    times = {"until": None if view.until is None else iso(view.until), "next": view.next and iso(view.next)}
    return asdict(view) | {"scope": list(view.scope)} | times
