"""The audit: who did what, over all runs. The intent is on the disk before the act, its outcome after it.

What cannot be written down is not done.
"""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from noc.errors import NocError
from noc.runs.record.chain import GENESIS, Chain, ChainMoved, Link
from noc.runs.record.entries import MAX_ENTRY, Entry, Kind, read_entries
from noc.runs.record.errors import AuditBroken, AuditUnwritable
from noc.runs.record.tame import tame

MAX_ANSWER = 200
CUT = "unknown: the runner was cut"
_KEPT = 1000
_LONGEST = 300
"""Characters of what, by and result: an entry without its detail always fits into MAX_ENTRY."""

log = logging.getLogger(__name__)


class Audit:
    """The audit of one HQ. One writer, the runner; should there be two of them, each goes on behind the other."""

    def __init__(self, path: Path) -> None:
        """Use a file; nothing is read before the first use.

        Args:
            path: the file; it and its directory are made where they are missing.
        """
        self._path = path
        self._chain: Chain | None = None
        self._seq = 0
        self._open: dict[int, Entry] = {}
        self._recent: deque[Entry] = deque(maxlen=_KEPT)

    def open(self, under_way: str | None = None) -> list[Entry]:
        """Read what is there, cut a torn last line off, and end the intents that a cut runner left without an outcome.

        Args:
            under_way: the run that another runner has in hand, whose intents stay as they are; None for none.

        Returns:
            Those intents; none where it is open already.

        Raises:
            AuditBroken: the chain does not hold.
            AuditUnwritable: the file cannot be written.
        """
        if self._chain is not None:
            return []
        with self._writing():
            self._chain = self._resume() if self._path.exists() else self._begin()
        left = [entry for entry in self._open.values() if under_way is None or entry.detail.get("run") != under_way]
        try:
            for intent in left:
                self.outcome(intent.seq, CUT)
        except AuditUnwritable:
            self.close()
            raise
        return left

    def close(self) -> None:
        """Close the file; the next use opens it anew."""
        if self._chain is not None:
            self._chain.close()
            self._chain = None

    def _forget(self) -> None:
        """What was read of a file is no part of the one that follows it: the same read anew, or a new one."""
        self._seq = 0
        self._open.clear()
        self._recent.clear()

    def _begin(self) -> Chain:
        self._forget()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        chain = Chain.create(self._path, limit=MAX_ENTRY)
        self._path.chmod(0o600)
        return chain

    def _resume(self) -> Chain:
        self._forget()
        last: Link | None = None
        for found, entry in read_entries(self._path):
            last = found
            self._take(entry)
        try:
            return Chain.reopen(self._path, last, limit=MAX_ENTRY)
        except ChainMoved:
            return self._resume()

    def intend(self, what: str, by: str, /, **detail: Any) -> int:  # noqa: ANN401 - any JSON value
        """Write down what is about to be done; on the disk when it returns.

        Args:
            what: the act, in words.
            by: who asked for it.
            detail: facts to go with it; never a secret.

        Returns:
            The entry's number, for its outcome.

        Raises:
            AuditUnwritable, AuditBroken: the act must not begin.
        """
        return self._write(Kind.INTENT, what, by, detail=detail).seq

    def outcome(self, intent: int, result: str, /, **detail: Any) -> None:  # noqa: ANN401
        """Write down what came of an act.

        Args:
            intent: the number that `intend` returned.
            result: in words: `ok`, `failed` …
            detail: facts to go with it.

        Raises:
            KeyError: no intent of that number is without an outcome.
            AuditUnwritable: it could not be written; at the runner's next start the act counts as one that was cut.
        """
        begun = self._open[intent]
        self._write(Kind.OUTCOME, begun.what, begun.by, of=intent, result=result[:_LONGEST], detail=detail)

    @contextmanager
    def refusals(self, what: str, by: str, /, **detail: Any) -> Iterator[None]:  # noqa: ANN401
        """Write down that an act was refused, when what is done inside raises a NocError, and let that go on.

        A refusal that cannot be written is still one: that goes to the log, and the person hears the cause.

        Args:
            what: the act, in words.
            by: who asked for it.
            detail: facts to go with it.
        """
        try:
            yield
        except NocError as error:
            self.refuse(what, by, error, **detail)
            raise

    def refuse(self, what: str, by: str, error: NocError, /, **detail: Any) -> None:  # noqa: ANN401
        """Write down that an act was refused, and by what error; where that cannot be, it goes to the log.

        Args:
            what: the act, in words.
            by: who asked for it.
            error: what they heard.
            detail: facts to go with it.
        """
        try:
            self._write(Kind.REFUSAL, what, by, result="refused", detail={"error": error.as_dict(), **detail})
        except (AuditUnwritable, AuditBroken) as silent:
            log.error("the refusal of %s to %s was not written down: %s", what, by, silent)  # noqa: TRY400

    @contextmanager
    def acting(self, what: str, by: str, /, **detail: Any) -> Iterator[None]:  # noqa: ANN401
        """Write the intent, let what is inside be done, and write its outcome: `ok`, or the error that it raised.

        Args and raises as `intend`.
        """
        intent = self.intend(what, by, **detail)
        try:
            yield
        except NocError as error:
            self.outcome(intent, "failed", error=error.as_dict())
            raise
        except Exception as error:
            self.outcome(intent, "failed", error=repr(error))
            raise
        self.outcome(intent, "ok")

    @property
    def place(self) -> dict[str, Any]:
        """Where the audit stands, for a run's first record: `{"seq": …, "hash": …}`."""
        return {"seq": self._seq, "hash": self._chain.prev if self._chain else GENESIS}

    def entries(self, after: int | None = None, limit: int = 50) -> list[Entry]:
        """Entries in order: the newest, or those that follow a number.

        Args:
            after: a number; None for the newest entries.
            limit: how many at most, up to MAX_ANSWER.

        Raises:
            AuditBroken: the chain does not hold.
        """
        limit = max(1, min(limit, MAX_ANSWER))
        self.open()
        if after is None:
            return list(self._recent)[-limit:]
        if self._recent and after >= self._recent[0].seq - 1:
            return [entry for entry in self._recent if entry.seq > after][:limit]
        wanted = (entry for _, entry in read_entries(self._path) if entry.seq > after)
        return list(islice(wanted, limit))

    def _write(self, kind: Kind, what: str, by: str, **more: Any) -> Entry:  # noqa: ANN401
        self.open()
        assert self._chain is not None
        told = tame({"what": what[:_LONGEST], "by": by[:_LONGEST], **more})
        entry = Entry(seq=self._seq + 1, at=datetime.now(UTC), kind=kind, **told)
        try:
            with self._writing():
                self._chain.append(entry.model_dump(mode="json"))
        except ChainMoved:
            self._go_on_behind()
            return self._write(kind, what, by, **more)
        self._take(entry)
        return entry

    def _go_on_behind(self) -> None:
        """Another runner has written meanwhile: read what it wrote."""
        self.close()
        with self._writing():
            self._chain = self._resume()

    def _take(self, entry: Entry) -> None:
        self._seq = entry.seq
        self._recent.append(entry)
        if entry.kind is Kind.INTENT:
            self._open[entry.seq] = entry
        elif entry.of is not None:
            self._open.pop(entry.of, None)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise AuditUnwritable(
                f"the audit {self._path} cannot be written",
                why=error.strerror or str(error),
                fix=f"make room, or look at it: df {self._path.parent}; ls -l {self._path}",
            ) from error
