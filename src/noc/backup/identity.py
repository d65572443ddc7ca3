"""What an operator opens on their own machine: a request's key, or any age file (https://age-encryption.org/v1)."""

import base64
import io
import stat
from pathlib import Path
from typing import Any, BinaryIO

from noc.backup.errors import BackupDamaged, IdentityExposed, NotSealed, WrongIdentity
from noc.backup.request import MAX_REQUEST, Request, read_request

AGE, ARMOURED = b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----"
MAX_IDENTITY = 64 * 1024
_PREFIX = "AGE-SECRET-KEY-1"


class Identity:
    """An age identity from a file, as `noc init` and age-keygen write it."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Args:
            path: the file; its owner's alone, as a private key of SSH.

        Raises:
            IdentityExposed: others may read it.
            WrongIdentity: there is no X25519 identity in it.
            FileNotFoundError: there is no such file.
        """
        self.path = path
        self._key = _key(path)

    @property
    def recipient(self) -> str:
        """Its public half, `age1…`."""
        return str(self._key.to_public())

    def unlock(self, source: BinaryIO, out: BinaryIO) -> None:
        """Open what was sealed to this identity.

        Args:
            source: a request as JSON, or an age file of any size, binary or armoured; a pipe will do.
            out: gets the content. Of an age file it gets each part once that is known to be genuine, so of a file that
                was cut it has the beginning when this raises.

        Raises:
            NotSealed: it is neither.
            WrongIdentity: it is sealed to others.
            BackupDamaged: it was changed, or is cut.
        """
        begin = source.read(len(ARMOURED))
        if begin.lstrip()[:1] == b"{":
            out.write(self.key_of(read_request(begin + source.read(MAX_REQUEST + 1))))
        elif begin.startswith((AGE, ARMOURED)):
            self._open(_Whole(begin, source), out, "an age file does not name its recipients")
        else:
            fix = "noc backup request NODE | noc unlock, or an age file on stdin"
            raise NotSealed("this is neither a request nor an age file", fix=fix)

    def key_of(self, request: Request) -> bytes:
        """The key of the epoch that a request is about: one line `AGE-SECRET-KEY-1…`. Raises as `unlock`."""
        content = io.BytesIO()
        self._open(io.BytesIO(_sealed(request)), content, _told(request))
        return content.getvalue()

    def _open(self, sealed: Any, out: BinaryIO, whose: str) -> None:  # noqa: ANN401 - read by pyrage, any reader
        from pyrage import DecryptError, decrypt_io  # noqa: PLC0415 - compiled; few commands need it

        try:
            decrypt_io(sealed, out, [self._key])
        except (DecryptError, OSError) as error:
            if "No matching keys" in str(error):
                why = f"it opens what is sealed to {self.recipient}; {whose}"
                fix = "name another identity with -i: the operator's, or the recovery one from the safe"
                raise WrongIdentity(f"{self.path} does not open this", why=why, fix=fix) from None
            if isinstance(error, OSError) and error.errno is not None:
                raise
            fix = "what was written so far is not the whole: drop it, and take the file from its source anew"
            raise BackupDamaged("this was changed, or is cut", why=str(error), fix=fix) from None


class _Whole:
    """A stream of which the beginning was read already."""

    def __init__(self, begin: bytes, rest: BinaryIO) -> None:
        self._begin, self._rest = begin, rest

    def read(self, size: int = -1) -> bytes:
        if not self._begin:
            return self._rest.read(size)
        begin, self._begin = self._begin, b""
        if 0 <= size < len(begin):
            begin, self._begin = begin[:size], begin[size:]
        return begin


def _key(path: Path) -> Any:  # noqa: ANN401 - pyrage has no annotations
    from pyrage import IdentityError, x25519  # noqa: PLC0415 - compiled; few commands need it

    with path.open("rb") as file:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = file.read(MAX_IDENTITY)
    if mode & 0o077:
        raise IdentityExposed(f"{path} can be read by others", why=f"its mode is {mode:04o}", fix=f"chmod 600 {path}")
    lines = content.decode("utf-8", "replace").splitlines()
    found = next((line.strip() for line in lines if line.startswith(_PREFIX)), "")
    try:
        return x25519.Identity.from_str(found)
    except IdentityError:
        fix = "noc init makes one: operator.agekey"
        raise WrongIdentity(f"{path} holds no age identity", why=f"no line of it is {_PREFIX}…", fix=fix) from None


def _sealed(request: Request) -> bytes:
    try:
        return base64.b64decode(request.sealed, validate=True)
    except ValueError:
        raise NotSealed("this is no request", why="its sealed key is no base64") from None


def _told(request: Request) -> str:
    return f"the backup of {request.node} from {request.backup} opens for {', '.join(request.recipients)}"
