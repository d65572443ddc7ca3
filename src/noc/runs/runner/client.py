"""The runner's client: one request over its Unix socket, and the records that follow."""

import getpass
import json
import os
import select
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from noc.errors import NocError
from noc.runs.admission.caller import not_an_operator
from noc.runs.errors import BadRequest, RunnerAbsent
from noc.runs.paths import Paths
from noc.runs.record.events import RUN, Event, State

ANSWER_TIMEOUT_S = 60.0
SILENT_AFTER_S = 120.0
"""A run says something every few seconds, however long a step takes: a runner that is silent is stuck."""
MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of one line that the runner says."""
_PIECE = 64 * 1024
_AWAKE_S = 0.5


class Client:
    """A caller of the runner. It holds no key: what it may do, the runner decides by who it is."""

    def __init__(self, path: Path | None = None) -> None:
        """Use the runner behind a socket.

        Args:
            path: the socket, None for `NOC_RUNNER_SOCKET` or HQ's own.
        """
        self._path = path or Paths.from_environment(os.environ).runner_socket

    def ask(self, op: str, *, timeout_s: float = ANSWER_TIMEOUT_S, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """One question, one answer.

        Args:
            op: the operation: plan, list, show, health.
            timeout_s: seconds to wait for the answer.
            fields: the request's other fields.

        Raises:
            RunnerAbsent: nobody answers.
            NocError: the runner's own refusal, with its code and exit code.
        """
        with self._request(op, fields, timeout_s) as stream:
            return _answer(stream)

    def start(
        self, plan: dict[str, Any], *, wait_s: float = 0, heard: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> tuple[str, Generator[Event]]:
        """Start a run.

        Args:
            plan: as the runner made it.
            wait_s: seconds to wait where another run is under way; 0 to be refused at once.
            heard: gets the runner's answers before the run begins: `{"waiting": why}`.

        Returns:
            The run's id, and its records until the last. Closing the generator leaves the run running.

        Raises:
            as `ask` does.
        """
        return self._begin("start", {"plan": plan, "wait_s": wait_s}, heard)

    def approve(
        self, request: str, signature: str | None, *, wait_s: float = 0, heard: Callable[[dict[str, Any]], None]
    ) -> tuple[str, Generator[Event]]:
        """Agree to a plan that waits, and follow the run that this begins.

        Args:
            request: digits of its digest, its phrase, or `last`.
            signature: an SSH signature of its statement, None without one.
            wait_s: seconds to wait where another run is under way; 0 to be refused at once.
            heard: gets the runner's answers before the run begins: `{"approved": request}`, `{"waiting": why}`.

        Returns and raises as `start`.
        """
        return self._begin("approve", {"request": request, "signature": signature, "wait_s": wait_s}, heard)

    def resume(
        self, run: str, *, wait_s: float = 0, heard: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> tuple[str, Generator[Event]]:
        """Go on with a run that was cut or halted.

        Args:
            run: its id, the last part of it, or `last`.
            wait_s: seconds to wait where another run is under way; 0 to be refused at once.
            heard: gets the runner's answers before the run goes on: `{"waiting": why}`.

        Returns and raises as `start`; the records are all of the run's, from the first.
        """
        return self._begin("resume", {"run": run, "wait_s": wait_s}, heard)

    @contextmanager
    def talk(self, op: str, *, timeout_s: float | None = None, **fields: Any) -> Iterator["Talk"]:  # noqa: ANN401
        """A request that has many answers, and to which more can be said; leaving it ends what it does.

        Args:
            op: the operation: logs, exec, ssh.
            timeout_s: seconds to wait for each answer; None for as long as it takes.
            fields: the request's other fields.

        Raises:
            RunnerAbsent: nobody answers, or the runner went away.
        """
        with self._connected(op, fields, timeout_s) as connection:
            yield Talk(connection, self._absent)

    def _begin(
        self, op: str, fields: dict[str, Any], heard: Callable[[dict[str, Any]], None]
    ) -> tuple[str, Generator[Event]]:
        lines = self._stream(op, fields)
        while "run" not in (answer := next(lines)):
            heard(answer)
        return str(answer["run"]), _events(lines)

    def job(
        self, name: str, action: str, *, wait_s: float, heard: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> tuple[str, Generator[Event]] | None:
        """Begin a run of HQ's schedule, which the runner plans itself.

        Args:
            name: the job.
            action: which of its runs.
            wait_s: seconds to wait where another run is under way.
            heard: gets the runner's answers before the run begins: `{"waiting": why}`, `{"nothing": why}`.

        Returns:
            As `start`; None where there is nothing to do. Raises as `ask` does.
        """
        lines = self._stream("job", {"job": name, "action": action, "wait_s": wait_s})
        while "run" not in (answer := next(lines)):
            heard(answer)
            if "nothing" in answer:
                lines.close()
                return None
        return str(answer["run"]), _events(lines)

    def follow(self, run: str, after: int = 0) -> Generator[Event]:
        """A run's records from the one after number `after`, until the last. Raises as `ask` does."""
        return _events(self._stream("follow", {"run": run, "after": after}))

    def _stream(self, op: str, fields: dict[str, Any]) -> Generator[dict[str, Any]]:
        with self._request(op, fields, SILENT_AFTER_S) as stream:
            ended = False
            while True:
                try:
                    answer = _answer(stream)
                except EOFError:
                    if ended:
                        return
                    raise
                ended = may_be_last(answer)
                yield answer

    @contextmanager
    def _request(self, op: str, fields: dict[str, Any], timeout_s: float) -> Iterator[BinaryIO]:
        with self._connected(op, fields, timeout_s) as connection, connection.makefile("rb") as stream:
            try:
                yield stream
            except (OSError, EOFError) as error:
                raise self._absent(str(error) or "it closed the connection") from error

    @contextmanager
    def _connected(self, op: str, fields: dict[str, Any], timeout_s: float | None) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            try:
                connection.connect(str(self._path))
                connection.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
            except PermissionError as error:
                raise not_an_operator(getpass.getuser()) from error
            except OSError as error:
                raise self._absent(error.strerror or str(error)) from error
            connection.settimeout(timeout_s)
            yield connection

    def _absent(self, why: str) -> RunnerAbsent:
        return absent(self._path, why)


class Talk:
    """A conversation with the runner, as `Client.talk` begins it."""

    def __init__(self, connection: socket.socket, absent: Callable[[str], RunnerAbsent]) -> None:
        """Use a connection whose request is sent, and what a broken one is told as."""
        self._connection, self._absent = connection, absent
        self._heard = bytearray()

    def fileno(self) -> int:
        """What becomes readable with more to be heard, for select(2); what is `pending` was read already."""
        return self._connection.fileno()

    def pending(self) -> bool:
        """Whether an answer was read already, so that to wait for the connection would be to wait in vain."""
        return b"\n" in self._heard

    def answer(self) -> dict[str, Any] | None:
        """The next answer, None behind the last.

        Raises:
            NocError: the runner's own refusal.
            RunnerAbsent: the way to it broke, or it was silent for too long.
        """
        while not self.pending():
            try:
                self._wait()
                piece = self._connection.recv(_PIECE)
            except OSError as error:
                raise self._absent(error.strerror or str(error)) from error
            if not piece or len(self._heard) > MAX_ANSWER:
                return None
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        return read_answer(bytes(line))

    def _wait(self) -> None:
        """Wait for more, awake every now and then: a Ctrl-C in the instant before a read would be heard behind it."""
        end = None if (limit_s := self._connection.gettimeout()) is None else time.monotonic() + limit_s
        while not select.select([self._connection], [], [], _AWAKE_S)[0]:
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"it said nothing for {limit_s:g} s")

    def answers(self, last: str) -> Iterator[dict[str, Any]]:
        """All answers, as they come.

        Args:
            last: a word that the last of them holds, and no other.

        Raises:
            as `answer`; RunnerAbsent where the last never came.
        """
        while (answer := self.answer()) is not None:
            yield answer
            if last in answer:
                return
        raise self.cut()

    def cut(self) -> RunnerAbsent:
        """What it means that the runner has closed the connection too soon."""
        return self._absent("it closed the connection in the middle")

    def say(self, **message: Any) -> None:  # noqa: ANN401 - any JSON value
        """Say something more; who has ended the talk on the other side says so in its last answer."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.sendall(json.dumps(message).encode() + b"\n")


def _events(lines: Generator[dict[str, Any]]) -> Generator[Event]:
    with closing(lines):
        for line in lines:
            yield Event.model_validate(line)


def _answer(stream: BinaryIO) -> dict[str, Any]:
    line = stream.readline(MAX_ANSWER)
    if not line.endswith(b"\n"):
        raise EOFError
    return read_answer(line)


def absent(path: Path, why: str) -> RunnerAbsent:
    """What it means that nobody answers at a socket, or no longer."""
    return RunnerAbsent(
        f"the runner does not answer at {path}",
        why=why,
        fix="on HQ: systemctl status noc-runner; a run that had begun is found with noc run list",
    )


def may_be_last(answer: Mapping[str, Any]) -> bool:
    """Whether a record ends its run. No proof that none follows: a run that was resumed has one in its middle."""
    return answer.get("step") == RUN and answer.get("state") in (State.OK, State.FAILED)


def read_answer(line: bytes) -> dict[str, Any]:
    """One line of the runner's.

    Raises:
        BadRequest: it is no JSON object.
        NocError: the runner's own refusal, with its code and exit code.
    """
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise BadRequest("the runner's answer is not a JSON object")
    if "error" in answer and "seq" not in answer:
        raise _refusal(answer["error"])
    return answer


def _refusal(document: dict[str, Any]) -> NocError:
    """The runner's error as it was raised there: same code, same exit code, and whatever else it tells as data."""
    told = {key: value for key, value in document.items() if key != "exit"}
    attributes = {
        "code": str(document["code"]).removeprefix("NOC-"),
        "exit_code": int(document["exit"]),
        "as_dict": lambda _: told,
    }
    kind: type[NocError] = type("Refusal", (NocError,), attributes)
    return kind(document["what"], why=document["why"], fix=document["fix"])
