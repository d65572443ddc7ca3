"""The backups of all nodes, as they lie in one directory on HQ.

    NODE/epochs/EPOCH.json               to whose key chunks are sealed, and that key's private half, sealed itself
    NODE/chunks/EPOCH/ab/NAME.age        a chunk
    NODE/YYYYmmddTHHMMSSZ.json           a manifest: written last, so that what is listed is whole
    newest                               empty; written anew with each manifest: by its age the watch, which may not
                                         look into the others, knows how old the newest backup is

Everything is protected by HQ's key of backups; the clear content takes an epoch's identity, which HQ does not have.
"""

import shutil
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from noc.backup import epoch as epochs
from noc.backup.chunks import Chunks
from noc.backup.epoch import Epoch, Opener
from noc.backup.errors import BackupDamaged, NoBackup, NoRoom
from noc.backup.files import open_to_group, write
from noc.backup.keys import Whole, derive
from noc.backup.manifest import Manifest, time_of
from noc.backup.pruning import Gone, prune
from noc.backup.records import Records
from noc.fleet.backing import Backup

RESERVE = 256 * 1024 * 1024
"""Bytes that a backup leaves free on HQ's disk: journals and the watch need some."""
NEWEST = "newest"


class Repository:
    """All of it."""

    def __init__(self, root: Path, key: bytes) -> None:
        """Use a directory, made with the first backup.

        Args:
            root: HQ's is /var/lib/noc/backups.
            key: HQ's key of backups, 32 bytes.
        """
        self.root, self._key = root, key

    def node(self, name: str) -> "NodeBackups":
        """The backups of a node; nothing has to be there yet."""
        return NodeBackups(self.root / name, name, self._key)

    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes of which something lies there, sorted."""
        if not self.root.is_dir():
            return ()
        return tuple(sorted(path.name for path in self.root.iterdir() if path.is_dir() and path.name[0] != "."))

    def check_room(self, needed: int = 0) -> None:
        """Refuse what the disk has no room for.

        Args:
            needed: bytes, beside the reserve.

        Raises:
            NoRoom: it does not fit.
        """
        there = next(path for path in (self.root, *self.root.parents) if path.exists())
        free = shutil.disk_usage(there).free
        if free < needed + RESERVE:
            why = f"{needed + RESERVE} bytes are needed, a reserve of {RESERVE} included, and {free} are free"
            fix = "free space on HQ: noc prune --plan says what could go; or fewer hourly, daily, weekly in [backup]"
            raise NoRoom("HQ's disk has no room for a backup", why=why, fix=fix)


class NodeBackups:
    """The backups of one node."""

    def __init__(self, directory: Path, name: str, key: bytes) -> None:
        """Use a directory; `key` is HQ's."""
        self.directory, self.name, self._key = directory, name, key
        self._kept: dict[str, str] = {}
        self._records = Records(directory, name, key)

    def manifests(self) -> tuple[Manifest, ...]:
        """The backups that can be read and are as they were written, the newest first; see `damaged` for others."""
        return tuple(
            found for name in self._records.names() if isinstance(found := self._records.manifest(name), Manifest)
        )

    def damaged(self) -> dict[str, str]:
        """Names of manifests that cannot be used, each with why."""
        read_all = ((name, self._records.manifest(name)) for name in self._records.names())
        return {name: str(found.what) for name, found in read_all if isinstance(found, BackupDamaged)}

    def newest(self, at: datetime | None = None) -> Manifest:
        """The newest backup, or the newest until a time.

        Raises:
            NoBackup: there is none.
            BackupDamaged: its manifest was changed; an older one is never taken in its place unasked.
        """
        for name in self._records.names():
            if at is None or time_of(name) <= at:
                found = self._records.manifest(name)
                if isinstance(found, BackupDamaged):
                    raise found
                return found
        until = f" until {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""
        raise NoBackup(f"{self.name} has no backup{until}", fix=f"noc backup list {self.name} shows what there is")

    def epoch(self, recipients: Sequence[str], now: datetime | None = None) -> Epoch:
        """The current epoch; a new one where there is none for exactly these recipients, or its record is damaged.

        Raises:
            NoRecipients, NoRoom.
        """
        newest = max(self._records.epoch_ids(), default=None)
        if newest is not None:
            try:
                current = self.epoch_of(newest)
            except BackupDamaged:
                return self.begin(recipients, now)
            if set(current.recipients) == set(recipients):
                return current
        return self.begin(recipients, now)

    def begin(self, recipients: Sequence[str], now: datetime | None = None) -> Epoch:
        """A new epoch, whatever there is: after a restore, when its identity was in HQ's memory, or when asked.

        Raises:
            NoRecipients, NoRoom.
        """
        made = epochs.begin(self.name, recipients, now or datetime.now(UTC))
        open_to_group(self.directory.parent)
        return self._records.put_epoch(made)

    def epoch_of(self, identifier: str) -> Epoch:
        """The epoch of a manifest.

        Raises:
            BackupDamaged: its record is missing, or was changed.
        """
        return self._records.epoch(identifier)

    def names_key(self, epoch: Epoch) -> bytes:
        """The key under which the node names the chunks of an epoch: a secret, for the node alone."""
        return derive(self._key, "names", self.name, epoch.id)

    def missing(self, epoch: Epoch, names: Collection[str]) -> set[str]:
        """Which chunks have to be sent: those that HQ does not hold, or holds damaged."""
        chunks, sealed = self._chunks(epoch.id), self._sealed(epoch.id)
        found = {name: chunks.digest(name) for name in names}
        return {name for name, digest in found.items() if digest is None or digest not in sealed.get(name, {digest})}

    def keep(self, epoch: Epoch, name: str, zlib_bytes: bytes) -> int:
        """Seal a chunk and put it on the disk, durably.

        Returns:
            Bytes of its file.

        Raises:
            ChunkRefused: the content is not what the name says.
            NoRoom: HQ's disk is full; nothing of the chunk stays.
        """
        chunks = self._chunks(epoch.id)
        self._kept[name] = chunks.keep(epoch, name, zlib_bytes)
        return chunks.path(name).stat().st_size

    def commit(self, manifest: Manifest) -> Manifest:
        """Make a backup one that is listed: the last step, once all its chunks lie there.

        Args:
            manifest: without `sealed` and `mac`, which are filled in.

        Returns:
            It as it was written.

        Raises:
            BackupDamaged: a chunk is missing or damaged; nothing was written.
            NoRoom.
        """
        chunks, known = self._chunks(manifest.epoch), self._sealed(manifest.epoch)
        sealed = {}
        for name in sorted(manifest.names):
            digest = chunks.digest(name)
            if digest is None or digest not in self._expected(name, known, digest):
                raise BackupDamaged(f"chunk {name[:12]} of {self.name} is missing or damaged", fix="give it again")
            sealed[name] = digest
        whole = self._records.put_manifest(manifest.model_copy(update={"sealed": sealed}))
        write(self.directory.with_name(NEWEST), b"")
        return whole

    def verify(self, manifest: Manifest, read: dict[tuple[str, str], str | None] | None = None) -> tuple[str, ...]:
        """What is wrong with a backup, in words, as far as it shows without an identity: nothing where all is well.

        Its own record and its epoch's are held against HQ's key, every chunk's file against the hash that was
        written down when it was sealed.

        Args:
            manifest: of this node.
            read: one and the same for several backups reads the chunks that they share only once.
        """
        read = {} if read is None else read
        problems = []
        try:
            self.epoch_of(manifest.epoch)
        except BackupDamaged as error:
            problems.append(error.what)
        found = self._records.manifest(manifest.name)
        if isinstance(found, BackupDamaged):
            problems.append(found.what)
        chunks, known = self._chunks(manifest.epoch), self._sealed(manifest.epoch)
        for name in sorted(manifest.names):
            place = manifest.epoch, name
            if place not in read:
                read[place] = chunks.digest(name)
            if (digest := read[place]) is None:
                problems.append(f"chunk {name[:12]} is missing")
            elif digest not in known.get(name, {manifest.sealed[name]}):
                problems.append(f"chunk {name[:12]} is damaged")
        return tuple(problems)

    def read(self, manifest: Manifest, identity: str) -> Iterator[bytes]:
        """The database, chunk by chunk, each checked; after the last one, the whole.

        Args:
            manifest: of this node.
            identity: the epoch's, `AGE-SECRET-KEY-1…`.

        Raises:
            WrongIdentity: it opens something else.
            BackupDamaged: a chunk is missing or was changed, or the whole is not what was backed up: then what came
                before is not to be used either.
        """
        key = derive(self._key, "names", self.name, manifest.epoch)
        chunks, opener, whole = (
            self._chunks(manifest.epoch),
            Opener(self.epoch_of(manifest.epoch), identity),
            Whole(key),
        )
        for name, size in manifest.chunks:
            content = chunks.open(opener, name, size)
            whole.feed(content)
            yield content
        if whole.hex != manifest.whole:
            raise BackupDamaged(f"backup {manifest.name} of {self.name} is not the database that was backed up")

    def unshared(self) -> dict[str, int]:
        """For each backup, by name, the bytes on HQ's disk that no newer one shares."""
        named: set[tuple[str, str]] = set()
        found = {}
        for manifest in self.manifests():
            own = [name for name in manifest.names if (manifest.epoch, name) not in named]
            chunks = self._chunks(manifest.epoch)
            found[manifest.name] = sum(chunks.size(name) for name in own)
            named |= {(manifest.epoch, name) for name in own}
        return found

    def prune(self, backup: Backup, now: datetime) -> Gone:
        """Let old backups go, and the chunks and epochs that none names any more.

        Args:
            backup: how many stay.
            now: the time, UTC.
        """
        return prune(self.directory, self.manifests(), backup, now, collect=not self.damaged())

    def _chunks(self, epoch: str) -> Chunks:
        return Chunks(self.directory / "chunks" / epoch, derive(self._key, "names", self.name, epoch))

    def _sealed(self, epoch: str) -> dict[str, set[str]]:
        """What manifests of an epoch say that its chunks' files are: one that was sealed anew has two hashes."""
        found: dict[str, set[str]] = {}
        for manifest in self.manifests():
            if manifest.epoch == epoch:
                for name, digest in manifest.sealed.items():
                    found.setdefault(name, set()).add(digest)
        return found

    def _expected(self, name: str, known: dict[str, set[str]], lies: str) -> set[str]:
        """The hashes that a chunk's file may have; one that a cut backup left, which nobody told of, as it lies."""
        return {self._kept[name]} if name in self._kept else known.get(name, {lies})
