"""Many questions over one connection: JSON lines in, JSON lines out, so that no question costs a start of Python."""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

MAX_LINE = 1 << 20
AT_ONCE = 16
IDLE_S = 3600
READING = frozenset({"facts", "verify", "compare", "outdated", "status"})
FENCING = frozenset({"fence", "arm", "start"})

Answer = Callable[[Sequence[str], int | None], tuple[int, dict[str, Any]]]


class Session:
    """One connection of HQ.

    It has the fence of what it asked for: once a younger run has acted on the node, this session may change nothing
    any more, whatever it was about to say.
    """

    def __init__(self, answer: Answer, out: int) -> None:
        """Take what answers a question (its arguments, the session's fence), and the file that answers go to."""
        self._answer, self._out = answer, out
        self._fence: int | None = None
        self._writing = threading.Lock()
        self._room = threading.Semaphore(AT_ONCE)
        self._changing: list[threading.Thread] = []

    def serve(self, source: BinaryIO) -> None:
        """Answer until the input ends, and then finish what changes something."""
        signal.alarm(IDLE_S)
        while (line := source.readline(MAX_LINE + 1)) and len(line) <= MAX_LINE:
            signal.alarm(IDLE_S)
            self._room.acquire()
            self._begin(line)
        signal.alarm(0)
        for thread in self._changing:
            thread.join()

    def _begin(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            number, arguments = int(said["id"]), [str(said["verb"]), *map(str, said["args"])]
        except (ValueError, KeyError, TypeError):
            self._room.release()
            return self._tell(None, 2, {"ok": False, "code": "usage", "why": "not a question"})
        reading = arguments[0] in READING
        thread = threading.Thread(target=self._do, args=(number, arguments), daemon=reading)
        self._changing = [other for other in self._changing if other.is_alive()] + ([] if reading else [thread])
        return thread.start()

    def _do(self, number: int, arguments: Sequence[str]) -> None:
        try:
            status, answer = self._answer(arguments, self._fence)
            if status == 0 and arguments[0] in FENCING:
                self._fence = answer["fence"]
            self._tell(number, status, answer)
        finally:
            self._room.release()

    def _tell(self, number: int | None, status: int, answer: dict[str, Any]) -> None:
        line = json.dumps({"id": number, "status": status, "answer": answer}).encode() + b"\n"
        with self._writing, contextlib.suppress(BrokenPipeError):
            while line:
                line = line[os.write(self._out, line) :]
