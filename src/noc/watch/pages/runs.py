"""Runs as the runner shows them: kept in memory, for the page alone. What happened stands in the runner's journals."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from noc.watch.access.caller import need
from noc.watch.api.operation import read_body
from noc.watch.clock import now
from noc.watch.errors import BadRequest

MAX_BODY: Final = 512 * 1024
MOST_RUNS: Final = 5
SHOWN_MS: Final = 3_600_000
"""For so long an ended run keeps its line, and one that is not heard of any more its table."""
STALE_MS: Final = 30_000

Kind = Literal["waiting", "in-hand", "done", "failed", "skipped"]
Word = Annotated[str, Field(max_length=100)]
Line = Annotated[str, Field(max_length=2_000)]


class ShownNode(BaseModel):
    """One node of a run: where it stands, in which step since when, from which release to which, and what is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: Word
    wave: Annotated[int, Field(ge=0)] | None = None
    kind: Kind
    word: Word
    step: Word = ""
    since: AwareDatetime | None = None
    before: Word = ""
    target: Word = ""
    says: Line = ""


class ShownRun(BaseModel):
    """One run at one moment.

    Attributes:
        what: the plan in words.
        phrase: the plan's, for people to compare.
        by: who asked for it.
        begun: when.
        notice: what was last said of it as a whole.
        progress: how far it is, or how it went, in one line.
        nodes: in the plan's order.
        ended: when it ended, None while it is under way.
        good: whether it ended as planned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Line
    phrase: Word
    by: Word
    begun: AwareDatetime
    notice: Line = ""
    progress: Line = ""
    nodes: Annotated[tuple[ShownNode, ...], Field(max_length=300)] = ()
    ended: AwareDatetime | None = None
    good: bool = False


class RunBoard:
    """The last few runs, by their ids, the one that was heard of last at the end."""

    def __init__(self) -> None:
        """Nothing was heard of yet."""
        self._runs: dict[str, tuple[int, ShownRun]] = {}

    def routes(self) -> list[BaseRoute]:
        """The path on which the runner shows its run."""
        return [Route("/api/v1/runs/{run}", self.put, methods=["PUT"])]

    async def put(self, request: Request) -> Response:
        """Take what a run is like now. Raises BadRequest, TooLarge, and NotPermitted for who may run nothing."""
        need(request, "operator")
        self.show(request.path_params["run"], read_run(await read_body(request, MAX_BODY)), now().wall)
        return Response(status_code=204)

    def show(self, run: str, shown: ShownRun, wall: int) -> None:
        """Keep what a run is like, received at `wall` (ms); the one that was not heard of longest makes room.

        Raises:
            BadRequest: the id is none.
        """
        if not 0 < len(run) <= 64:
            raise BadRequest("a run's id is text of 1 to 64 characters")
        self._runs.pop(run, None)
        self._runs[run] = (wall, shown)
        while len(self._runs) > MOST_RUNS:
            del self._runs[next(iter(self._runs))]

    def under_way(self, wall: int) -> list[tuple[str, ShownRun, int | None]]:
        """Runs that have not ended, with the time (ms) since which they are silent where that is too long."""
        return [
            (run, shown, heard if wall - heard > STALE_MS else None)
            for run, (heard, shown) in self._runs.items()
            if shown.ended is None and wall - heard <= SHOWN_MS
        ]

    def ended(self, wall: int) -> Sequence[tuple[str, ShownRun]]:
        """Runs that have ended not long ago, newest first."""
        found = [(run, shown) for run, (heard, shown) in self._runs.items() if shown.ended and wall - heard <= SHOWN_MS]
        return found[::-1]


def read_run(body: bytes) -> ShownRun:
    """Read what the runner sent. Raises BadRequest with the first thing that is wrong with it."""
    try:
        return ShownRun.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise BadRequest("this is no run that can be shown", why=why) from None
