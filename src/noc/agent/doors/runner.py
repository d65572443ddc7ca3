"""The runner's door for programs that wait for many things at once."""

import asyncio
import getpass
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from noc.runs.admission.caller import not_an_operator
from noc.runs.runner.client import (
    ANSWER_TIMEOUT_S,
    MAX_ANSWER,
    SILENT_AFTER_S,
    absent,
    may_be_last,
    read_answer,
)

PLAN_S = 900.0
"""Seconds for a plan: nodes may have to ask their archive for updates."""


class RunnerDoor:
    """A caller of the runner, for itself or for somebody whom it vouches for. One connection a request."""

    def __init__(self, path: Path, vouched: Mapping[str, str] | None = None) -> None:
        """Use the runner behind a socket.

        Args:
            path: the socket.
            vouched: whom requests are for: `channel` and `id`; None for the caller's own login.
        """
        self._path = path
        self._vouched = {"for": dict(vouched)} if vouched else {}

    async def ask(self, op: str, *, within_s: float = ANSWER_TIMEOUT_S, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """One question, one answer.

        Args:
            op: the operation: plan, list, show, pending, health, whoami and so on.
            within_s: seconds to wait for the answer.
            fields: the request's other fields.

        Raises:
            CallerRefused: this login may not open the socket.
            RunnerAbsent: nobody answers.
            NocError: the runner's own refusal, with its code and exit code.
        """
        async with self._request(op, fields) as reader:
            answer = await self._answer(reader, within_s)
        if answer is None:
            raise absent(self._path, "it closed the connection")
        return answer

    async def stream(
        self,
        op: str,
        *,
        silent_s: float = SILENT_AFTER_S,
        **fields: Any,  # noqa: ANN401
    ) -> AsyncGenerator[dict[str, Any], None]:
        """A request with many answers: `start`, `approve`, `resume`, `follow`.

        The run's records come last; before them `{"approval": request}`, `{"waiting": words}`, `{"run": id}`. To close
        the generator leaves the run running; close it with `contextlib.aclosing`, so that it happens at once.

        Args:
            op: the operation.
            silent_s: seconds of silence after which the runner is taken for stuck.
            fields: the request's other fields.

        Raises: as `ask`; RunnerAbsent where the answers end before the run does.
        """
        async with self._request(op, fields) as reader:
            ended = False
            while (answer := await self._answer(reader, silent_s)) is not None:
                ended = may_be_last(answer)
                yield answer
        if not ended:
            raise absent(self._path, "it closed the connection")

    @asynccontextmanager
    async def _request(self, op: str, fields: dict[str, Any]) -> AsyncIterator[asyncio.StreamReader]:
        line = json.dumps({"op": op, **fields, **self._vouched}).encode() + b"\n"
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(self._path, limit=MAX_ANSWER)
        except PermissionError as error:
            raise not_an_operator(getpass.getuser()) from error
        except OSError as error:
            raise absent(self._path, error.strerror or str(error) or "it takes no connection") from error
        try:
            await self._say(writer, line)
            yield reader
        finally:
            writer.close()

    async def _say(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                writer.write(line)
                await writer.drain()
        except OSError as error:
            raise absent(self._path, error.strerror or "it does not listen") from error

    async def _answer(self, reader: asyncio.StreamReader, within_s: float) -> dict[str, Any] | None:
        """The next answer; None where the runner has closed the connection."""
        try:
            async with asyncio.timeout(within_s):
                line = await reader.readline()
        except TimeoutError:
            raise absent(self._path, f"it said nothing for {within_s:g} s") from None
        except OSError as error:
            raise absent(self._path, error.strerror or str(error)) from error
        except ValueError as error:
            raise absent(self._path, f"it said a line of more than {MAX_ANSWER} bytes") from error
        return read_answer(line) if line.endswith(b"\n") else None
