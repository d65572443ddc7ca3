"""An epoch: a time within which a node's chunks are sealed to one key, whose private half HQ does not keep.

HQ makes the pair in memory, encrypts its private half to the recipients (https://age-encryption.org/v1, X25519), and
forgets it. Whoever holds the epoch's identity opens the backups of one node and one time, and no others.
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from noc.backup.errors import BackupDamaged, NoRecipients, WrongIdentity
from noc.fleet.model import Name

STAMP = "%Y%m%dT%H%M%SZ"
EpochId = Annotated[str, Field(pattern=r"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$")]
AgeRecipient = Annotated[str, Field(pattern=r"^age1[a-z0-9]{1,200}$")]


class Epoch(BaseModel):
    """One epoch of one node.

    Attributes:
        format: of this record.
        id: begins with the time, so that ids sort as they came.
        node: whose.
        recipient: the public half, to which chunks are sealed.
        sealed: the private half, encrypted to the recipients, as base64 of an age file.
        recipients: who can open it, sorted.
        created: when, UTC.
        mac: HMAC-SHA256 over all the rest, under HQ's key; "" until it is written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    id: EpochId
    node: Name
    recipient: AgeRecipient
    sealed: Annotated[str, Field(max_length=64 * 1024)]
    recipients: Annotated[tuple[AgeRecipient, ...], Field(min_length=1, max_length=100)]
    created: AwareDatetime
    mac: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""

    @property
    def sealed_key(self) -> bytes:
        """The age file that a recipient's identity opens: the epoch's identity, one line `AGE-SECRET-KEY-1…`.

        Raises:
            BackupDamaged: it is no base64.
        """
        try:
            return base64.b64decode(self.sealed, validate=True)
        except ValueError:
            raise BackupDamaged(f"the key of epoch {self.id} of {self.node} is damaged") from None


def begin(node: str, recipients: Sequence[str], now: datetime) -> Epoch:
    """A new epoch; its private half is forgotten once this returns.

    Args:
        node: whose.
        recipients: age X25519 public keys, `age1…`.
        now: the time, UTC.

    Raises:
        NoRecipients: there is none, or one of them is none.
    """
    from pyrage import encrypt, x25519  # noqa: PLC0415 - compiled; few commands need it

    identity = x25519.Identity.generate()
    sealed = encrypt(f"{identity}\n".encode(), [_recipient(each) for each in _some(recipients)])
    return Epoch(
        id=f"{now:{STAMP}}-{secrets.token_hex(3)}",
        node=node,
        recipient=str(identity.to_public()),
        sealed=base64.b64encode(sealed).decode(),
        recipients=tuple(sorted(set(recipients))),
        created=now,
    )


def read_recipients(path: Path) -> tuple[str, ...]:
    """The recipients of backups: lines of a file that begin with `age1`, sorted, each once.

    Raises:
        NoRecipients: there is no such file, or none in it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NoRecipients(f"{path} cannot be read", why=str(error), fix=_FIX) from None
    return tuple(sorted({line.strip() for line in _some([line for line in lines if line.startswith("age1")])}))


def seal(content: bytes, epoch: Epoch) -> bytes:
    """An age file that the epoch's identity opens."""
    from pyrage import encrypt  # noqa: PLC0415 - compiled; few commands need it

    sealed: bytes = encrypt(content, [_recipient(epoch.recipient)])
    return sealed


class Opener:
    """Opens what is sealed to one epoch."""

    def __init__(self, epoch: Epoch, identity: str) -> None:
        """Take the epoch's identity, `AGE-SECRET-KEY-1…`; it stays in this object.

        Raises:
            WrongIdentity: it is none, or belongs to another epoch.
        """
        from pyrage import IdentityError, x25519  # noqa: PLC0415 - compiled; few commands need it

        fix = f"noc backup request {epoch.node} prints the sealed key of the right one; noc unlock opens it"
        try:
            self._identity = x25519.Identity.from_str(identity.strip())
        except IdentityError:
            raise WrongIdentity("this is no age identity", fix=fix) from None
        if str(self._identity.to_public()) != epoch.recipient:
            why = f"its public half is not that of epoch {epoch.id} of {epoch.node}"
            raise WrongIdentity("this identity opens other backups", why=why, fix=fix)

    def open(self, sealed: bytes, what: str) -> bytes:
        """The content of an age file.

        Args:
            sealed: the file.
            what: names it in messages.

        Raises:
            BackupDamaged: it is not as it was written.
        """
        from pyrage import DecryptError, decrypt  # noqa: PLC0415 - compiled; few commands need it

        try:
            content: bytes = decrypt(sealed, [self._identity])
        except DecryptError as error:
            raise BackupDamaged(f"{what} cannot be opened", why=str(error)) from None
        return content


_FIX = "noc init on the operator's machine makes recipients; noc hub install --trust DIR brings them to HQ"


def _some(recipients: Sequence[str]) -> Sequence[str]:
    if not recipients:
        raise NoRecipients("nobody could open a backup", why="HQ knows no recipient", fix=_FIX)
    return recipients


def _recipient(text: str) -> Any:  # noqa: ANN401 - pyrage has no annotations
    from pyrage import RecipientError, x25519  # noqa: PLC0415 - compiled; few commands need it

    try:
        return x25519.Recipient.from_str(text)
    except RecipientError as error:
        raise NoRecipients(f"{text} is no recipient", why=str(error), fix=_FIX) from None
