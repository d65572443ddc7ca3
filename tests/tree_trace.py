"""What a directory tree would hold after a power failure, at every moment of a real program's life.

strace records, in order, whatever the program does to the tree. A model of a disk takes those steps one by one; after
each of them it says what may be found when the power fails there: what was synced for certain, and of the rest
nothing, everything, or the names without the contents.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

CALLS = "openat,close,write,pwrite64,ftruncate,fsync,fdatasync,rename,unlink,symlink,mkdir,rmdir,fchmod,chmod"
STRACE = ("strace", "-xx", "-s", "70000", "--seccomp-bpf", "-f", "-e", f"trace={CALLS}", "-o")

_CALL = re.compile(r"\d+ +(\w+)\((.*)\) += (-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_CREATES, _TRUNCATES, _READS = "O_CREAT", "O_TRUNC", "O_RDONLY"


class Arrived(Enum):
    """What of the steps that were not synced is found after the power failed."""

    NOTHING = "nothing"
    EVERYTHING = "everything"
    NAMES = "names without contents"


@dataclass
class Inode:
    """A file, a directory or a link: as it is for certain, and as the running system sees it."""

    link: str | None = None
    names: dict[str, "Inode"] | None = None
    certain_names: dict[str, "Inode"] = field(default_factory=dict)
    content: bytes = b""
    certain: bytes = b""
    mode: int = 0o644
    certain_mode: int = 0o600

    def write(self, offset: int, data: bytes) -> None:
        before = self.content[:offset].ljust(offset, b"\0")
        self.content = before + data + self.content[offset + len(data) :]

    def sync(self) -> None:
        self.certain, self.certain_mode = self.content, self.mode
        self.certain_names = dict(self.names or {})


class Tree:
    """A disk that holds one directory."""

    def __init__(self, root: Path) -> None:
        """Begin with what lies below `root` now, all of it safely on the disk."""
        self._root = str(root)
        self._top = _read(root)
        self._open: dict[str, Inode] = {}

    def take(self, call: str, arguments: str, result: str) -> bool:
        """Let one system call happen; whether it concerned this tree."""
        if call in {"fsync", "fdatasync", "close", "write", "pwrite64", "ftruncate", "fchmod"}:
            return self._file(call, arguments, result)
        paths = [bytes.fromhex(text.replace("\\x", "")).decode() for text in _TEXT.findall(arguments)]
        if call == "symlink":
            paths.reverse()
        if call == "openat" and not paths[0].startswith(self._root):
            self._open.pop(result, None)
            return False
        if result.startswith("-") or not paths[0].startswith(self._root):
            return False
        if call == "openat":
            return self._openat(paths[0], arguments, result)
        getattr(self, f"_{call}")(*paths, arguments)
        return True

    def _file(self, call: str, arguments: str, result: str) -> bool:
        inode = self._open.get(arguments.partition(",")[0])
        if inode is None:
            return False
        if call == "close":
            del self._open[arguments]
            return False
        if call in {"fsync", "fdatasync"}:
            inode.sync()
        elif call == "fchmod":
            inode.mode = int(arguments.partition(",")[2], 8)
        elif call == "ftruncate":
            size = int(arguments.partition(",")[2])
            inode.content = inode.content[:size].ljust(size, b"\0")
        else:
            text = _TEXT.search(arguments)
            assert text
            assert int(result) * 4 == len(text[1])
            offset = int(arguments.rpartition(",")[2]) if call == "pwrite64" else len(inode.content)
            inode.write(offset, bytes.fromhex(text[1].replace("\\x", "")))
        return True

    def _openat(self, path: str, arguments: str, result: str) -> bool:
        directory, name = self._find(path)
        assert directory.names is not None
        fresh = name not in directory.names
        if fresh:
            directory.names[name] = Inode(mode=0o600)
        self._open[result] = directory.names[name] if name else directory
        if _TRUNCATES in arguments and not fresh:
            directory.names[name].content = b""
            return True
        return fresh

    def _rename(self, old: str, new: str, _: str) -> None:
        source, name = self._find(old)
        target, as_name = self._find(new)
        assert source.names is not None
        assert target.names is not None
        target.names[as_name] = source.names.pop(name)

    def _unlink(self, path: str, _: str) -> None:
        directory, name = self._find(path)
        assert directory.names is not None
        del directory.names[name]

    _rmdir = _unlink

    def _symlink(self, path: str, target: str, _: str) -> None:
        directory, name = self._find(path)
        assert directory.names is not None
        directory.names[name] = Inode(link=target)

    def _mkdir(self, path: str, _: str) -> None:
        directory, name = self._find(path)
        assert directory.names is not None
        directory.names[name] = Inode(names={}, mode=0o755)

    def _chmod(self, path: str, arguments: str) -> None:
        directory, name = self._find(path)
        assert directory.names is not None
        directory.names[name].mode = int(arguments.partition(",")[2], 8)

    def _find(self, path: str) -> tuple[Inode, str]:
        """The directory of a path, and the name in it; the root itself is ""."""
        inode, parts = self._top, path.removeprefix(self._root).strip("/").split("/")
        for part in parts[:-1]:
            assert inode.names is not None
            inode = inode.names[part]
        return inode, parts[-1]

    def image(self, arrived: Arrived, where: Path) -> None:
        """Lay the tree down as it may be found after a power failure now."""
        shutil.rmtree(where, ignore_errors=True)
        _write(self._top, where, arrived)


def _read(path: Path) -> Inode:
    if path.is_symlink():
        inode = Inode(link=str(path.readlink()))
    elif path.is_dir():
        inode = Inode(names={entry.name: _read(entry) for entry in path.iterdir()}, mode=path.stat().st_mode & 0o777)
    else:
        inode = Inode(content=path.read_bytes(), mode=path.stat().st_mode & 0o777)
    inode.sync()
    return inode


def _write(inode: Inode, where: Path, arrived: Arrived) -> None:
    if inode.link is not None:
        where.symlink_to(inode.link)
        return
    if inode.names is None:
        where.write_bytes(inode.content if arrived is Arrived.EVERYTHING else inode.certain)
        where.chmod(inode.mode if arrived is Arrived.EVERYTHING else inode.certain_mode)
        return
    where.mkdir()
    where.chmod(inode.mode)
    for name, child in (inode.certain_names if arrived is Arrived.NOTHING else inode.names).items():
        _write(child, where / name, arrived)


def trace(program: str, arguments: Sequence[str], log: Path) -> list[tuple[str, str, str]]:
    """Run a Python program to its end under strace; its system calls in order."""
    argv = [*STRACE, str(log), sys.executable, "-c", program, *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = (_CALL.match(line) for line in log.read_text().splitlines())
    return [(call[1], call[2], call[3]) for call in found if call]


def moments(root: Path, calls: Sequence[tuple[str, str, str]]) -> Iterator[Tree]:
    """The disk after each step that concerned it; `root` holds what lay there at the beginning."""
    tree = Tree(root)
    for call in calls:
        if tree.take(*call):
            yield tree
