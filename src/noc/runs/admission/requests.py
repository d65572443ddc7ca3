"""Requests on the disk: one file each, written whole. What was answered here is never forgotten by a crash.

A change of a request is on the disk before `put` returns, and is refused where the file does not hold what it was made
from. An approval that was used is written down as used before its run begins: killed between the two, the run has not
begun and the approval is gone, which is the safe one of the two mistakes.
"""

import logging
import os
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from noc.errors import Usage
from noc.fleet.files import replace
from noc.runs.admission.errors import NotApproved, RequestNotFound, StoreExposed, TooManyRequests
from noc.runs.admission.request import Request, State
from noc.runs.plan.phrase import WORDS, digits

MAX_WAITING = 100
MAX_WAITING_EACH = 20
MAX_ENDED = 200
MAX_BYTES = 2 * 1024 * 1024
MIN_DIGITS = 8
_KEPT = timedelta(days=1)
_NAME = re.compile(r"^[0-9a-f]{64}\.json$")
_WAITING = (State.PENDING, State.APPROVED)

log = logging.getLogger(__name__)


class Requests:
    """The store of one HQ. One writer: the runner."""

    def __init__(self, directory: Path) -> None:
        """Use a directory; `open` makes it."""
        self._directory = directory

    def open(self) -> None:
        """Make the directory where it is missing, and remove what a crash left half-written.

        Raises:
            StoreExposed: others could write into it.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self._directory.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise StoreExposed(
                f"{self._directory} is not the runner's alone",
                why=f"it belongs to uid {status.st_uid}, with mode {status.st_mode & 0o777:o}",
                fix=f"look who was there, then: chown noc-runner {self._directory}; chmod 700 {self._directory}",
            )
        for left in self._directory.glob(".*.new"):
            left.unlink()

    def all(self) -> list[Request]:
        """Every request that is kept, the oldest first; a file that cannot be read is no request, and gets logged."""
        found = (self._read(path) for path in self._directory.iterdir() if _NAME.match(path.name))
        return sorted((request for request in found if request), key=lambda request: request.at)

    def get(self, digest: str) -> Request | None:
        """The request of a plan, by the whole digest; None where there is none."""
        return self._read(self._path(digest))

    def find(self, wanted: str, now: datetime) -> Request:
        """A request by digits of its digest, by its phrase, or the newest one that waits as `last`.

        Args:
            wanted: eight or more hex digits; four words, with blanks or hyphens between them; or `last`.
            now: the time, UTC.

        Raises:
            RequestNotFound: there is none.
            Usage: there are several, or it is too short to say.
        """
        if wanted == "last":
            found = self.waiting(now)[-1:]
        else:
            start = _start(wanted)
            found = [request for request in self.all() if request.plan.digest.startswith(start)]
        if not found:
            raise RequestNotFound(f"no request is called {wanted[:64]}", fix="noc pending lists those that wait")
        if len(found) > 1:
            names = ", ".join(request.plan.digest[:16] for request in found[:4])
            raise Usage(f"several requests begin with {wanted[:64]}", why=names, fix="give more digits")
        return found[0]

    def waiting(self, now: datetime) -> list[Request]:
        """The requests that can still be answered or used, the oldest first."""
        return [request for request in self.all() if request.state(now) in _WAITING]

    def add(self, request: Request, now: datetime) -> None:
        """Take a new request in.

        Raises:
            TooManyRequests: too many wait already, of this requester or of all.
        """
        self.clean(now)
        waiting = self.waiting(now)
        own = [each for each in waiting if each.requester == request.requester]
        if len(waiting) >= MAX_WAITING or len(own) >= MAX_WAITING_EACH:
            raise TooManyRequests(
                f"{len(waiting)} requests wait for an approval already",
                why=f"{len(own)} of them are {request.requester}'s",
                fix="noc pending lists them, noc deny ends one",
            )
        self._write(request)

    def put(self, request: Request, was: Request) -> None:
        """Write a request that was changed; on the disk when it returns.

        Args:
            request: as it is now.
            was: what it was made from.

        Raises:
            NotApproved: the store does not hold that any more.
        """
        if self.get(was.plan.digest) != was:
            raise NotApproved(f"{was.name} has changed meanwhile", fix="noc pending shows how it stands")
        self._write(request)

    def clean(self, now: datetime) -> None:
        """Forget requests that ended long ago, and the oldest of very many."""
        ended = [request for request in self.all() if request.state(now) not in _WAITING]
        old = [request for request in ended if request.expires + _KEPT < now]
        self._forget([*old, *[request for request in ended if request not in old][:-MAX_ENDED]])

    def _forget(self, requests: Iterable[Request]) -> None:
        for request in requests:
            self._path(request.plan.digest).unlink()

    def _path(self, digest: str) -> Path:
        return self._directory / f"{digest}.json"

    def _write(self, request: Request) -> None:
        replace(self._path(request.plan.digest), request.model_dump_json())

    def _read(self, path: Path) -> Request | None:
        try:
            with path.open("rb") as file:
                request = Request.model_validate_json(file.read(MAX_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            log.warning("%s is no request, and approves nothing", path)
            return None
        if request.plan.digest != path.stem or request.plan.content_digest() != path.stem:
            log.warning("%s is a request of another plan, and approves nothing", path)
            return None
        return request


def _start(wanted: str) -> str:
    """The hex digits that the digest begins with which somebody means."""
    words = [word for word in re.split(r"[\s-]+", wanted) if word]
    if len(words) == WORDS:
        if (start := digits(words)) is None:
            raise RequestNotFound(f"{wanted[:64]} is no phrase", fix="noc pending shows the phrases of those that wait")
        return start
    if len(wanted) < MIN_DIGITS or not re.fullmatch(r"[0-9a-fA-F]+", wanted):
        raise Usage(
            f"{wanted[:64]} names no request", fix=f"give its four words, {MIN_DIGITS} digits of its digest, or last"
        )
    return wanted.lower()
