"""What the model is told to answer, and what it was asked."""

import threading
from collections import deque

from noc.lab.services.model.obedience import DONE, obey
from noc.lab.services.refusals import Document

KEPT = 1_000


class Mind:
    """What it was told to answer, and what it was asked; safe for use by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._answers: deque[Document] = deque()
        self._asked: deque[Document] = deque(maxlen=KEPT)
        self.obedient = False

    def tell(self, answers: list[Document]) -> None:
        """Queue answers, to be given in this order."""
        with self._lock:
            self._answers.extend(answers)

    def asked(self) -> list[Document]:
        """The requests, in order: model, messages and the tools' names; never a key."""
        with self._lock:
            return list(self._asked)

    def answer(self, request: Document) -> Document:
        """Note a request, and say what is answered: what was queued first, then what `obey` says, or a last word."""
        offered = [tool["function"]["name"] for tool in request.get("tools") or []]
        kept = {"model": request["model"], "messages": request["messages"], "tools": offered}
        with self._lock:
            self._asked.append(kept)
            if self._answers:
                return self._answers.popleft()
        return obey(request["messages"], offered) if self.obedient else {"say": DONE}
