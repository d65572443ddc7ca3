"""Questions in turn: whoever asks without end, by however many connections, has one of them answered at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from noc.runs.admission.caller import Caller
from noc.runs.runner.door import Answers, Operation


class Turns:
    """Lets each user's questions pass one after the other.

    A question keeps the runner busy while it reads files. Were sixty of one user answered in a row, everybody else, a
    halt and the lease's heartbeat among them, would wait for all of them; so they wait for one.
    """

    def __init__(self) -> None:
        """Begin with nobody."""
        self._turns = defaultdict[int, asyncio.Lock](asyncio.Lock)

    def taking(self, question: Operation) -> Operation:
        """The same question, asked in turn; it is answered whole before any of it is sent.

        Args:
            question: one that waits for nobody, and has few answers.
        """

        async def answer(request: Mapping[str, Any], caller: Caller) -> Answers:
            async with self._turns[caller.uid]:
                await asyncio.sleep(0)  # without a pause within the turn nobody would ever have to wait for one
                found = [each async for each in question(request, caller)]
            for each in found:
                yield each

        return answer
