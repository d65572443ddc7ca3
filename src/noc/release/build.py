"""Building a release: the service and the pure-Python packages it needs, in one file that runs in place."""

import io
import json
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

from noc.release.dependencies import needed_distributions
from noc.release.errors import NativeCode
from noc.release.manifest import PAYLOAD
from noc.release.sign import RELEASE_RECORD

_INTERPRETER = b"#!/usr/bin/env python3\n"
_ELF = b"\x7fELF"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first moment: a file's time must not change the release's hash
_MAIN = "import runpy\n\nrunpy.run_module({package!r}, run_name='__main__', alter_sys=True)\n"
_LICENCES = ("licen", "copying", "notice", "authors")


def build(package: Path, out: Path, *, version: str, build_number: int) -> Path:
    """Build a release from a package with a `__main__`.

    The same tree, version, build number and packages give the same bytes on every machine with the same zlib.

    Args:
        package: directory of the service's package, `src/clavitor`.
        out: directory to write `clavitor.pyz` into; made where absent.
        version: the version the release carries.
        build_number: rises with every release.

    Returns:
        The path of the payload.

    Raises:
        NotPackable: the package imports something that cannot go along.
        NativeCode: compiled code was found inside.
    """
    contents = {"__main__.py": _MAIN.format(package=package.name).encode()}
    contents |= _service_files(package)
    for part in needed_distributions(package):
        contents |= _library_files(part)
    contents[RELEASE_RECORD] = (json.dumps({"version": version, "build": build_number}) + "\n").encode()
    out.mkdir(parents=True, exist_ok=True)
    return _write(out / PAYLOAD, _archive(contents))


def _service_files(package: Path) -> dict[str, bytes]:
    """Everything the service consists of: code, pages, migrations; no caches."""
    return {
        f"{package.name}/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _library_files(part: Distribution) -> dict[str, bytes]:
    """A library's Python files and its licences; optional accelerators and tests stay behind."""
    return {
        file.as_posix(): Path(str(file.locate())).read_bytes()
        for file in part.files or ()
        if ".." not in file.parts and (_is_code(file.parts) or _is_licence(file.parts))
    }


def _is_code(parts: tuple[str, ...]) -> bool:
    return parts[-1].endswith(".py") and not {"tests", "_tests", "test"} & set(parts)


def _is_licence(parts: tuple[str, ...]) -> bool:
    return parts[0].endswith(".dist-info") and parts[-1].lower().startswith(_LICENCES)


def _archive(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    buffer.write(_INTERPRETER)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(contents):
            if contents[name].startswith(_ELF):
                raise NativeCode(f"{name} is compiled code", why="a release must run on arm64 and x86-64 alike")
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, contents[name])
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> Path:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    temporary.chmod(0o755)
    return temporary.replace(path)


def find_native_code(payload: Path) -> list[str]:
    """Names of compiled members of a payload; none for one that runs anywhere.

    Args:
        payload: a zipapp. Of a file that is no zip archive, its own name counts where it is compiled.
    """
    if not zipfile.is_zipfile(payload):
        with payload.open("rb") as file:
            return [payload.name] if file.read(4) == _ELF else []
    with zipfile.ZipFile(payload) as archive:
        return [entry.filename for entry in archive.infolist() if _is_native(archive, entry)]


def _is_native(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    with archive.open(entry) as member:
        return member.read(4) == _ELF
