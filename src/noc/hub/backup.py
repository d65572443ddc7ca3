"""A backup of HQ: made, kept on HQ until the second place has it, and brought there with all that waits."""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from noc import __version__
from noc.errors import NocError
from noc.fleet.backing import Second
from noc.fleet.files import replace
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.hub.backup_archive import database_copy, recipients, sealed, write
from noc.hub.backup_manifest import Manifest, Member
from noc.hub.backup_trees import DATABASES, FENCE, HUB_KEY_MEMBER, Tree, trees_below
from noc.hub.errors import BackupFailed
from noc.hub.places import CREDENTIALS, OUTGOING, SECOND_KEY
from noc.hub.second import Copy, Place, copies, file_sha256, name_of
from noc.hub.second_opening import opened
from noc.mesh.keys import public_from_private
from noc.runs.admission.fence import last_fence
from noc.runs.doctor.second import STATE_FILE, Sending, read_sending

WAITING_KEPT = 3


@dataclass(frozen=True)
class Made:
    """A backup that was made: where its file lies, its size in bytes, and what it holds."""

    path: Path
    bytes: int
    sha256: str
    manifest: Manifest

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        about = self.manifest.model_dump(mode="json", exclude={"members"})
        return {
            "name": self.path.name,
            "bytes": self.bytes,
            "sha256": self.sha256,
            **about,
            "files": len(self.manifest.members),
        }


@dataclass(frozen=True)
class Sent:
    """What became of the second place: where it is, what went there and was removed there, and what went wrong."""

    where: str
    sent: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    error: NocError | None = None

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        error = self.error.as_dict() if self.error else None
        return {"where": self.where, "sent": list(self.sent), "removed": list(self.removed), "error": error}


class Backups:
    """Backups of the HQ whose files lie below a directory.

    Args:
        root: / on HQ.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._trees = {tree.name: tree for tree in trees_below(root)}
        self.outgoing = self._below(OUTGOING)
        self.fleet: Fleet = load(self._tree("fleet").path)

    def make(self, out: Path | None, now: datetime) -> Made:
        """Make a backup.

        Args:
            out: the file to write; None for one among those that wait.
            now: its time.

        Raises:
            NoRecipients: nobody could open it.
            BackupFailed: nothing half made is left.
        """
        to = recipients(self._tree("trust").path / "recipients")
        if out is not None and out.exists():
            raise BackupFailed(f"{out} is there already", fix="name another file")
        path = out or self.outgoing / name_of(self.fleet.hub.name, now)
        with self._alone(), self._databases() as databases:
            for left in self.outgoing.glob("*.part"):
                left.unlink()
            manifest = sealed(path, to, self._producer(databases, now))
            return Made(path, path.stat().st_size, file_sha256(path), manifest)

    def waiting(self) -> tuple[Copy, ...]:
        """Those that the second place does not have yet, newest first."""
        found = self.outgoing.iterdir() if self.outgoing.is_dir() else ()
        return copies(((path.name, path.stat().st_size) for path in found), self.fleet.hub.name)

    def send(self, now: datetime) -> Sent | None:
        """Bring all that waits to the second place; None where none is named. What could not go there waits on.

        A place that fails is no exception here: what it failed with is in the answer, and written down for the doctor.
        """
        second = self.fleet.backup.second
        if second is None:
            self._prune()
            return None
        where = f"{second.user}@{second.host}:{second.path}" if second.host else second.path
        sent: list[str] = []
        removed: tuple[str, ...] = ()
        error: NocError | None = None
        try:
            with self._alone(), opened(second, self._below(CREDENTIALS) / SECOND_KEY) as place:
                for copy in reversed(self.waiting()):
                    place.put(self.outgoing / copy.name, copy.name)
                    (self.outgoing / copy.name).unlink()
                    sent.append(copy.name)
                removed = thin(place, second, self.fleet.hub.name)
        except NocError as failure:
            error = failure
        self._prune()
        self._note(error, now)
        return Sent(where, tuple(sent), removed, error)

    def kept(self) -> tuple[Copy, ...]:
        """What the second place holds, newest first; nothing where none is named. Raises SecondAbsent."""
        if (second := self.fleet.backup.second) is None:
            return ()
        with opened(second, self._below(CREDENTIALS) / SECOND_KEY) as place:
            return copies(place.files(), self.fleet.hub.name)

    @contextmanager
    def _databases(self) -> Iterator[dict[str, Path]]:
        """Whole copies of the databases that are in use, by their names in the archive. Raises BackupFailed."""
        with ExitStack() as copies:
            found = {
                f"{tree}/{name}": copies.enter_context(
                    database_copy(self._tree(tree).path / name, self._tree(tree).path / f".{name}.copy")
                )
                for tree, name in DATABASES
            }
            yield {name: copy for name, copy in found.items() if copy is not None}

    def _producer(self, databases: Mapping[str, Path], now: datetime) -> Callable[[BinaryIO], Manifest]:
        private = (self._tree("credentials").path / Path(HUB_KEY_MEMBER).name).read_text().strip()
        fence = last_fence(self._tree("state").path / Path(FENCE).relative_to("state"))

        def about(members: dict[str, Member]) -> Manifest:
            return Manifest(
                noc=__version__,
                hub=self.fleet.hub.name,
                hub_key=public_from_private(private),
                at=now,
                fence=fence,
                members=members,
            )

        return lambda stream: write(stream, self._trees.values(), databases, about, now)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One backup at a time: two would read each other's half of it. Raises BackupFailed."""
        self.outgoing.mkdir(mode=0o750, exist_ok=True)
        with (self.outgoing / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupFailed("another backup of HQ is under way", fix="wait for its end") from None
            yield

    def _prune(self) -> None:
        for copy in self.waiting()[WAITING_KEPT:]:
            (self.outgoing / copy.name).unlink(missing_ok=True)

    def _note(self, error: NocError | None, now: datetime) -> None:
        """Write down for the doctor how it went; that it cannot be written must not hide how it went."""
        before = read_sending(self.outgoing)
        last = before.succeeded if before else None
        trouble = ": ".join(filter(None, (error.what, error.why))) if error else ""
        state = Sending(tried=now, succeeded=last if error else now, error=trouble)
        path = self.outgoing / STATE_FILE
        with suppress(OSError):
            replace(path, state.model_dump_json() + "\n")
            path.chmod(0o644)

    def _tree(self, name: str) -> Tree:
        return self._trees[name]

    def _below(self, path: Path) -> Path:
        return self._root / path.relative_to("/")


def thin(place: Place, second: Second, hub: str) -> tuple[str, ...]:
    """Remove what is beyond `keep` at the second place, oldest first; the newest stays always. Returns their names."""
    old = [copy.name for copy in copies(place.files(), hub)[max(second.keep, 1) :]]
    for name in reversed(old):
        place.remove(name)
    return tuple(reversed(old))
