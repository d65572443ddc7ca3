"""The self-extracting file: the installer, an index of hashes, and wheels, in one archive that Python runs."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from noc.hub import installer
from noc.hub.wheels import Wheels

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes whenever it is packed
_INTERPRETER = b"#!/usr/bin/env python3\n"


def write_distribution(out: Path, version: str, wheels: Wheels, files: Iterable[Path], pip: Path) -> Path:
    """Write `noc-<version>.run`.

    Its last 64 bytes, the zip comment, are the SHA-256 of everything before them: the installer starts by checking
    itself, so that a flipped byte anywhere is refused before anything is used.

    Args:
        out: directory to write to; made where absent.
        version: of noc.
        wheels: names of the wheels to install, by target.
        files: the wheels themselves, in whatever order.
        pip: the wheel of pip, which installs the others.

    Returns:
        The path of the file.
    """
    contents = {path.name: path.read_bytes() for path in [*files, pip]}
    index = {
        "version": version,
        "pip": pip.name,
        "targets": wheels,
        "wheels": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"noc-{version}.run"
    temporary = path.with_suffix(".new")
    temporary.write_bytes(_pack(index, contents))
    temporary.chmod(0o755)
    return temporary.replace(path)


def _pack(index: Mapping[str, object], wheels: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    buffer.write(_INTERPRETER)
    with zipfile.ZipFile(buffer, "a") as archive:
        _add(archive, "__main__.py", Path(installer.__file__).read_bytes(), zipfile.ZIP_DEFLATED)
        _add(archive, "index.json", json.dumps(index, indent=1, sort_keys=True).encode(), zipfile.ZIP_DEFLATED)
        for name in sorted(wheels):
            _add(archive, f"wheels/{name}", wheels[name], zipfile.ZIP_STORED)
        archive.comment = b"0" * installer.DIGEST_CHARS
    content = buffer.getvalue()[: -installer.DIGEST_CHARS]
    return content + hashlib.sha256(content).hexdigest().encode()


def _add(archive: zipfile.ZipFile, name: str, content: bytes, compression: int) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = compression
    entry.create_system = 3
    entry.external_attr = 0o100644 << 16
    archive.writestr(entry, content)
