"""Ctrl-C while a run is followed: the first one stops the run, the second one leaves it to itself."""

import signal
import sys
from threading import Event, Thread
from types import FrameType, TracebackType
from typing import Self

from noc.errors import NocError
from noc.runs.runner.client import Client

WORDS = "stopping: the node in hand is turned back unless it is proven; Ctrl-C again leaves it to itself"
_ANSWER_S = 5.0


class Stopping:
    """While it is entered, the first Ctrl-C asks the runner to stop a run; the next is a KeyboardInterrupt as ever.

    A signal handler may interrupt whatever is being written, so that another thread speaks and asks.

    Attributes:
        asked: whether there was a Ctrl-C.
    """

    def __init__(self, client: Client, run: str) -> None:
        """Watch over a run that this client has started."""
        self.asked = False
        self._client, self._run, self._woken = client, run, Event()
        self._thread = Thread(target=self._ask, name="stop", daemon=True)

    def __enter__(self) -> Self:
        """From now on; below a shell's background job, which no Ctrl-C reaches, it stays without effect."""
        self._thread.start()
        self._before = signal.getsignal(signal.SIGINT)
        if self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._first)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Not any more; a request that is under way is given its time, so that two quick Ctrl-C stop the run, too."""
        signal.signal(signal.SIGINT, self._before)
        self._woken.set()
        self._thread.join(_ANSWER_S)

    def _first(self, _number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.asked = True
        self._woken.set()

    def _ask(self) -> None:
        self._woken.wait()
        if not self.asked:
            return
        _say(WORDS)
        try:
            self._client.ask("stop", timeout_s=_ANSWER_S, run=self._run)
        except NocError as error:
            _say(f"the runner could not be told to stop: {error}")


def _say(text: str) -> None:
    # A live table takes over this stream while it is shown, and sets lines that come through it above itself.
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
