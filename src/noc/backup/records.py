"""What is written down of one node's backups: manifests and epochs, each under an HMAC of HQ's key."""

from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from noc.backup.epoch import Epoch
from noc.backup.errors import BackupDamaged
from noc.backup.files import read, write
from noc.backup.keys import derive, is_whole, mac
from noc.backup.manifest import Manifest, time_of

_MAX_MANIFEST, _MAX_EPOCH = 16 * 1024 * 1024, 256 * 1024

_R = TypeVar("_R", bound=BaseModel)


class Records:
    """Those of one node."""

    def __init__(self, directory: Path, node: str, key: bytes) -> None:
        """Use the node's directory; `key` is HQ's."""
        self._directory, self._node, self._key = directory, node, key
        self._seen: dict[str, tuple[tuple[int, int, int], Manifest | BackupDamaged]] = {}

    def names(self) -> list[str]:
        """Of the backups, the newest first."""
        found = []
        for path in self._directory.glob("*.json"):
            try:
                time_of(path.stem)
            except ValueError:
                continue
            found.append(path.stem)
        return sorted(found, reverse=True)

    def manifest(self, name: str) -> Manifest | BackupDamaged:
        """A manifest, or what is wrong with it; read once as long as its file is the same."""
        path = self._directory / f"{name}.json"
        try:
            status = path.stat()
        except FileNotFoundError:
            return BackupDamaged(f"{path} is missing")
        version = status.st_ino, status.st_mtime_ns, status.st_size
        if name not in self._seen or self._seen[name][0] != version:
            self._seen[name] = version, self._fresh(name, path)
        return self._seen[name][1]

    def put_manifest(self, manifest: Manifest) -> Manifest:
        """Write a manifest, and give it as it was written. Raises NoRoom, BackupError."""
        whole = manifest.model_copy(update={"mac": self._mac(manifest, manifest.epoch)})
        write(self._directory / f"{whole.name}.json", _text(whole))
        return whole

    def epoch_ids(self) -> list[str]:
        """Of every epoch that has a record, in any order."""
        return [path.stem for path in (self._directory / "epochs").glob("*.json") if path.name[0] != "."]

    def epoch(self, identifier: str) -> Epoch:
        """An epoch. Raises BackupDamaged: its record is missing, or was changed."""
        path = self._epoch_path(identifier)
        found = self._read(path, Epoch, _MAX_EPOCH, identifier)
        if found.id != identifier or found.node != self._node:
            raise BackupDamaged(f"{path} is another's record")
        return found

    def put_epoch(self, epoch: Epoch) -> Epoch:
        """Write an epoch, and give it as it was written. Raises NoRoom, BackupError."""
        whole = epoch.model_copy(update={"mac": self._mac(epoch, epoch.id)})
        write(self._epoch_path(epoch.id), _text(whole))
        return whole

    def _epoch_path(self, identifier: str) -> Path:
        return self._directory / "epochs" / f"{identifier}.json"

    def _fresh(self, name: str, path: Path) -> Manifest | BackupDamaged:
        try:
            found = self._read(path, Manifest, _MAX_MANIFEST)
        except BackupDamaged as error:
            return error
        if (found.name, found.node) != (name, self._node):
            return BackupDamaged(f"{path} is another's manifest")
        return found

    def _read(self, path: Path, kind: type[_R], limit: int, epoch: str | None = None) -> _R:
        fix = f"noc backup verify {self._node} says what is whole; mv {path} {path}.broken"
        try:
            record = orjson.loads(read(path, limit))
            model = kind.model_validate(record)
        except (ValueError, ValidationError) as error:
            raise BackupDamaged(f"{path} is damaged", why=str(error).splitlines()[0], fix=fix) from None
        if not is_whole(self._records_key(epoch or str(record["epoch"])), record):
            raise BackupDamaged(f"{path} is damaged", why="HQ's key says that it was changed", fix=fix)
        return model

    def _mac(self, record: BaseModel, epoch: str) -> str:
        return mac(self._records_key(epoch), record.model_dump(mode="json", by_alias=True))

    def _records_key(self, epoch: str) -> bytes:
        return derive(self._key, "records", self._node, epoch)


def _text(record: BaseModel) -> bytes:
    return orjson.dumps(record.model_dump(mode="json", by_alias=True), option=orjson.OPT_INDENT_2) + b"\n"
