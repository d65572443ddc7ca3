"""A halt: the runs that are under way end at their next step, and no other begins until it is lifted."""

from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from noc.fleet.files import replace
from noc.runs.admission.clock import told
from noc.runs.admission.errors import Halted
from noc.runs.record.chain import sync_directory
from noc.runs.record.tame import tame

_MAX_BYTES = 64 * 1024
_LONGEST = 500


class Order(BaseModel):
    """Who halted the fleet, why ("" where nothing was said), and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str
    why: str
    at: AwareDatetime

    def sentence(self, zone: tzinfo = UTC) -> str:
        """It in words: `halted by johan at Mon 2026-03-02 07:00:00 UTC: the database is being moved`."""
        return f"halted by {self.by} at {told(self.at.astimezone(zone))}" + (f": {self.why}" if self.why else "")


class Halt:
    """The file that is there while the fleet is halted: what stops a run is not lost with a process or the power."""

    def __init__(self, path: Path) -> None:
        """Use a file; its directory exists."""
        self._path = path

    def set(self, by: str, why: str) -> Order:
        """Halt the fleet; on the disk when it returns.

        Args:
            by: who.
            why: for those who meet it, "" for nothing.

        Returns:
            What stands: the first order, where there is one already.
        """
        if (standing := self.read()) is not None:
            return standing
        # Whatever somebody has typed, or a chat passed on: no character of it may keep the file from being written.
        order = Order(by=by, why=" ".join(str(tame(why)).split())[:_LONGEST], at=datetime.now(UTC))
        replace(self._path, order.model_dump_json())
        # Root may have written it, with an umask of its own, for a runner that did not answer: that one must read it.
        self._path.chmod(0o644)
        return order

    def lift(self) -> Order | None:
        """Let runs begin again, and return what stood; None where nothing did."""
        order = self.read()
        with suppress(FileNotFoundError):
            self._path.unlink()
            sync_directory(self._path.parent)
        return order

    def read(self) -> Order | None:
        """What stands; None where runs may begin. A file that cannot be read halts as well, and says so."""
        try:
            with self._path.open("rb") as file:
                text = file.read(_MAX_BYTES)
            return Order.model_validate_json(text)
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is damaged"
            return Order(by="somebody", why=f"{self._path} cannot be read: {why}", at=_written(self._path))

    def check(self) -> None:
        """Go on only where nothing stands.

        Raises:
            Halted: with who, when and why.
        """
        if (order := self.read()) is not None:
            raise Halted("the fleet is halted", why=order.sentence(), fix="when it may go on: noc halt --lift")


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
