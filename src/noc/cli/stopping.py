"""Ctrl-C while a run is followed: the first one stops the run, the second one leaves it to itself."""

import signal
import sys
from threading import Event, Thread, get_ident
from types import FrameType, TracebackType
from typing import Self

from noc.errors import NocError
from noc.runs.runner.client import Client

WORDS = "stopping: the node in hand is turned back unless it is proven; Ctrl-C again leaves it to itself"
_ANSWER_S = 5.0
_NUDGE, _NUDGE_S = signal.SIGURG, 0.2


class Stopping:
    """While it is entered, the first Ctrl-C asks the runner to stop a run; the next is a KeyboardInterrupt as ever.

    A signal handler may interrupt whatever is being written, so that another thread speaks and asks. That thread also
    nudges the one that reads, with a signal of no meaning: a Ctrl-C that comes in the instant before a read blocks
    would otherwise be heard only when the read ends.

    Attributes:
        asked: whether there was a Ctrl-C.
    """

    def __init__(self, client: Client, run: str) -> None:
        """Watch over a run that this client has started."""
        self.asked = False
        self._client, self._run, self._woken, self._left = client, run, Event(), Event()
        self._thread = Thread(target=self._watch, args=(get_ident(),), name="stop", daemon=True)

    def __enter__(self) -> Self:
        """From now on; below a shell's background job, which no Ctrl-C reaches, it stays without effect."""
        self._before = signal.getsignal(signal.SIGINT)
        if self._before is signal.default_int_handler:
            signal.signal(_NUDGE, lambda _number, _frame: None)
            signal.signal(signal.SIGINT, self._first)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Not any more; a request that is under way is given its time, so that two quick Ctrl-C stop the run, too."""
        if self._before is not signal.default_int_handler:
            return
        signal.signal(signal.SIGINT, self._before)
        self._left.set()
        self._woken.set()
        self._thread.join(_ANSWER_S)
        signal.signal(_NUDGE, signal.SIG_DFL)

    def _first(self, _number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.asked = True
        self._woken.set()

    def _watch(self, reader: int) -> None:
        while not self._woken.wait(_NUDGE_S):
            signal.pthread_kill(reader, _NUDGE)
        if self.asked:
            self._ask()
        while not self._left.wait(_NUDGE_S):
            signal.pthread_kill(reader, _NUDGE)

    def _ask(self) -> None:
        _say(WORDS)
        try:
            self._client.ask("stop", timeout_s=_ANSWER_S, run=self._run)
        except NocError as error:
            _say(f"the runner could not be told to stop: {error}")


def _say(text: str) -> None:
    # A live table takes over this stream while it is shown, and sets lines that come through it above itself.
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
