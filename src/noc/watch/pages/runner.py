"""The runner's door, from the watch's side: one request as a JSON line over its Unix socket, and the answers to it.

The watch holds no key and decides nothing: it says for which person it asks, and the runner maps the person to a role.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from noc.errors import NocError, NotFound, NotPermitted
from noc.watch.errors import RunnerAway, RunnerUnclear, RunNotBegun

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes of one answer; a request with its plan has at most 2 MiB."""
MOST_AT_ONCE: Final = 8
ASK_S: Final = 5.0
BEGIN_S: Final = 60.0
"""Seconds for an approval until its run has begun: the runner may ask nodes first which numbers they know."""
_FIX: Final = "on HQ: systemctl status noc-runner"

Answer = Mapping[str, Any]


class RunnerDoor:
    """A caller of the runner, at most so many requests at once, each within its time."""

    def __init__(self, path: Path) -> None:
        """Use the runner behind a socket."""
        self._path = path
        self._free = asyncio.Semaphore(MOST_AT_ONCE)

    async def ask(self, op: str, *, person: str = "", **fields: str) -> Answer:
        """One question, one answer.

        Args:
            op: the operation.
            person: for whom it is asked; "" for the watch itself.
            fields: the request's other fields.

        Raises:
            RunnerAway: nobody answers, or not in time.
            RunnerUnclear: the answer is no answer.
            NocError: the runner's own refusal, with its code and exit code.
        """
        async with self._within(ASK_S), aclosing(self._answers(op, person, fields)) as answers:
            return await anext(answers)

    async def approve(self, digest: str, person: str) -> str:
        """Agree to a plan in a person's name, and wait until its run has begun.

        Returns:
            The run's id.

        Raises:
            RunNotBegun: the plan is approved, and nothing more.
            NocError: as `ask`.
        """
        approved = False
        try:
            async with self._within(BEGIN_S), aclosing(self._answers("approve", person, {"request": digest})) as told:
                while "run" not in (answer := await anext(told)):
                    approved = approved or "approved" in answer
                return str(answer["run"])
        except NocError as error:
            if not approved:
                raise
            fix = "approve it again when that is over, as long as it has not expired"
            raise RunNotBegun("the plan is approved, but its run has not begun", why=str(error), fix=fix) from error

    async def _answers(self, op: str, person: str, fields: Mapping[str, str]) -> AsyncGenerator[Answer, None]:
        voucher = {"for": {"channel": "page", "person": person}} if person else {}
        async with self._free:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=MAX_LINE)
            try:
                writer.write(json.dumps({"op": op, **voucher, **fields}).encode() + b"\n")
                await writer.drain()
                while True:
                    yield read_answer(await _line(reader))
            finally:
                writer.close()

    @asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[None]:
        """A bound on what is asked; whatever breaks on the way is told as the runner's absence."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise self._away(f"it said nothing within {seconds:g} s") from error
        except OSError as error:
            raise self._away(error.strerror or str(error)) from error

    def _away(self, why: str) -> RunnerAway:
        return RunnerAway(f"the runner does not answer at {self._path}", why=why, fix=_FIX)


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line. Raises ConnectionError where it does not come to its end, RunnerUnclear where it has none."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("it closed the connection") from error
    except asyncio.LimitOverrunError as error:
        raise RunnerUnclear(f"the runner's answer is longer than {MAX_LINE} bytes", fix=_FIX) from error


def read_answer(line: bytes) -> Answer:
    """One line of the runner's. Raises RunnerUnclear for what is no answer, and the refusal that it may hold."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RunnerUnclear("the runner's answer is not JSON", fix=_FIX) from error
    if not isinstance(answer, dict):
        raise RunnerUnclear("the runner's answer is not a JSON object", fix=_FIX)
    if "error" in answer:
        raise refusal(answer["error"])
    return answer


def refusal(document: object) -> NocError:
    """The runner's error as it was raised there: words, code and exit code; of the kind that the exit code means."""
    said = document if isinstance(document, dict) else {}
    what, why, fix = (str(said.get(name, "")) for name in ("what", "why", "fix"))
    try:
        code, exit_code = str(said["code"]).removeprefix("NOC-"), int(said["exit"])
    except (LookupError, ValueError, TypeError):
        return RunnerUnclear("the runner refused, and did not say why", fix=_FIX)
    base = {4: NotFound, 5: NotPermitted}.get(exit_code, NocError)
    kind: type[NocError] = type("RunnerRefused", (base,), {"code": code, "exit_code": exit_code})
    return kind(what, why=why, fix=fix)
