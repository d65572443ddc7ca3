"""What the bot still knows after a restart: how far it has read, the messages of what is open, and who it knew.

None of it decides anything: what waits, and who somebody is, the runner says each time. A file that cannot be read
means that some messages stay as they are.
"""

import logging
import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from noc.agent.bot.transport import Channel, MessageRef
from noc.fleet.files import replace

MAX_BYTES = 1024 * 1024
MAX_OPEN = 200
MAX_PLANS = 100
MAX_KNOWN = 500
MAX_BRIEFED = 20

log = logging.getLogger(__name__)


class Shown(BaseModel):
    """A plan that somebody was shown, with the button that begins it.

    Attributes:
        by: who asked for it.
        chat: where.
        channel: of which service.
    """

    model_config = ConfigDict(extra="forbid")

    by: str
    channel: Channel
    chat: str


class Kept(BaseModel):
    """The state as it lies in its file.

    Attributes:
        offsets: the next update that a channel has not read yet, by channel.
        requests: messages that announce a request which is open, by its digest.
        runs: messages that show a run under way, by its id; an empty list for one that is not shown.
        plans: plans that may be begun, by the digits that stand in their buttons.
        asked: where somebody has asked for what waits or runs, by digest, so that the result is told there.
        briefed: briefings that were told, by the watch's names, the latest last.
        known: accounts that were somebody's when they were last heard, `telegram:4711`, the latest last.
    """

    model_config = ConfigDict(extra="forbid")

    offsets: dict[str, Annotated[int, Field(ge=0)]] = {}
    requests: dict[str, list[MessageRef]] = {}
    runs: dict[str, list[MessageRef]] = {}
    plans: dict[str, Shown] = {}
    asked: dict[str, Shown] = {}
    briefed: list[str] = []
    known: list[str] = []


class Keeper:
    """Holds the state, and writes every change of it down before it counts."""

    def __init__(self, file: Path) -> None:
        """Read the state.

        Args:
            file: where it lies; its directory exists. One that is not there, or cannot be read, is an empty state.
        """
        self._file = file
        self.now = _read(file)

    def save(self) -> None:
        """Write it down: whole, for nobody else to read. A disk that takes nothing is logged, and the bot goes on."""
        state = self.now
        for table, most in ((state.requests, MAX_OPEN), (state.runs, MAX_OPEN), (state.plans, MAX_PLANS)):
            _shorten(table, most)
        _shorten(state.asked, MAX_PLANS)
        del state.known[:-MAX_KNOWN]
        del state.briefed[:-MAX_BRIEFED]
        try:
            self._file.touch(mode=0o600)
            replace(self._file, state.model_dump_json())
        except OSError as error:
            log.warning("%s cannot be written: %s", self._file, error.strerror or error)

    def offset(self, channel: Channel) -> int:
        """The next update that a channel has not read yet; 0 before the first."""
        return self.now.offsets.get(channel, 0)

    def read_up_to(self, channel: Channel, offset: int) -> None:
        """Note that everything before an update is read: what follows from it happens once, or not at all."""
        self.now.offsets[channel] = offset
        self.save()

    def knows(self, account: str) -> bool:
        """Whether an account was somebody's when it was last heard."""
        return account in self.now.known

    def meet(self, account: str, *, known: bool) -> None:
        """Note whether an account is somebody's."""
        if known != self.knows(account):
            self.now.known = [each for each in self.now.known if each != account] + ([account] if known else [])
            self.save()


def _shorten(table: dict[str, object] | dict[str, Shown] | dict[str, list[MessageRef]], most: int) -> None:
    """Forget the oldest of too many."""
    for key in list(table)[: max(0, len(table) - most)]:
        del table[key]


def _read(file: Path) -> Kept:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as opened:  # noqa: PTH123 - it is a descriptor already
            return Kept.model_validate_json(opened.read(MAX_BYTES))
    except FileNotFoundError:
        return Kept()
    except (OSError, ValidationError):
        log.warning("%s is no state of the bot: messages that it had open stay as they are", file)
        return Kept()
