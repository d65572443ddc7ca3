"""What the tests of rotations share: a runner that is killed as soon as its journal holds so many records."""

from typing import Any

import pytest

from noc.runs.record.events import Event
from noc.runs.record.journal import Journal
from noc.runs.record.run import Run


class Killed(BaseException):
    """The process is gone: nothing that handles failures may handle it."""


def kill_after(monkeypatch: pytest.MonkeyPatch, run: Run, records: int) -> None:
    """Let a run die right after its journal holds that many records."""
    append = Journal.append

    def counted(self: Journal, *args: Any, **kwargs: Any) -> Event:
        event = append(self, *args, **kwargs)
        if self.run == run.id and event.seq >= records:
            raise Killed
        return event

    monkeypatch.setattr(Journal, "append", counted)
