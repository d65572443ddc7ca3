"""The request: what HQ hands out so that a person can open one epoch's key elsewhere. Nothing in it is a secret."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from noc.backup.epoch import AgeRecipient, Epoch, EpochId
from noc.backup.errors import NotSealed
from noc.backup.manifest import Manifest
from noc.fleet.model import Name

MAX_REQUEST = 256 * 1024
"""Bytes of a request as JSON."""


class Request(BaseModel):
    """What `noc backup request` prints and `noc unlock` reads.

    Attributes:
        format: of this record.
        node: whose backup.
        backup: its name, the time in UTC.
        at: the same time.
        epoch: within which it was taken.
        recipient: the public half of the epoch's key.
        recipients: whose identities open `sealed`.
        sealed: the private half, as base64 of an age file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    node: Name
    backup: Annotated[str, Field(max_length=40)]
    at: AwareDatetime
    epoch: EpochId
    recipient: AgeRecipient
    recipients: Annotated[tuple[AgeRecipient, ...], Field(max_length=100)]
    sealed: Annotated[str, Field(max_length=64 * 1024)]

    @classmethod
    def of(cls, manifest: Manifest, epoch: Epoch) -> "Request":
        """The request for one backup."""
        return cls(
            node=manifest.node,
            backup=manifest.name,
            at=manifest.at,
            epoch=epoch.id,
            recipient=epoch.recipient,
            recipients=epoch.recipients,
            sealed=epoch.sealed,
        )


def read_request(content: bytes) -> Request:
    """Read a request.

    Args:
        content: JSON, at most MAX_REQUEST bytes.

    Raises:
        NotSealed: it is none.
    """
    fix = "noc backup request NODE, on HQ, prints one"
    if len(content) > MAX_REQUEST:
        raise NotSealed("this is no request", why=f"it is longer than {MAX_REQUEST} bytes", fix=fix)
    try:
        return Request.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise NotSealed("this is no request", why=f"{where}: {first['msg']}", fix=fix) from None
