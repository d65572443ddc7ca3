"""A manifest: all that one backup consists of, and what was proven of it before it was sealed."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from noc.backup.epoch import STAMP, EpochId
from noc.fleet.model import Name

MAX_CHUNKS = 12_000
MAX_CHUNK_BYTES = 1 << 20
"""Of clear content."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ChunkBytes = Annotated[int, Field(ge=1, le=MAX_CHUNK_BYTES)]
Count = Annotated[int, Field(ge=0)]


class Trial(BaseModel):
    """What a trial restore on the node found: the database was put together from its chunks, opened, and counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tables: Count
    rows: Count


class Manifest(BaseModel):
    """One backup of one node's database.

    Attributes:
        format: of this record.
        node: whose.
        at: when the copy was taken, UTC, whole seconds.
        epoch: to whose key the chunks are sealed.
        release: content hash of the release that ran, None for none.
        schema_version: the database's `user_version`.
        bytes: size of the database.
        page_size: of its pages, in bytes.
        chunks: name and clear bytes of each, in the order in which they make up the database.
        whole: keyed hash of the whole database.
        trial: what the trial restore found.
        added: bytes on HQ's disk that came with this backup.
        sealed: chunk name → sha256 of the file that holds it, filled in when it is committed.
        mac: HMAC-SHA256 over all the rest, under HQ's key; "" until it is committed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    format: Literal[1] = 1
    node: Name
    at: AwareDatetime
    epoch: EpochId
    release: Digest | None
    schema_version: Annotated[int, Field(alias="schema")]
    bytes: Count
    page_size: Annotated[int, Field(ge=512, le=65_536)]
    chunks: Annotated[tuple[tuple[Digest, ChunkBytes], ...], Field(min_length=1, max_length=MAX_CHUNKS)]
    whole: Digest
    trial: Trial
    added: Count = 0
    sealed: dict[Digest, Digest] = {}
    mac: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.at.microsecond or self.at.utcoffset():
            raise ValueError("at is not whole seconds of UTC")
        if sum(size for _, size in self.chunks) != self.bytes:
            raise ValueError("the chunks do not make up the database")
        return self

    @property
    def name(self) -> str:
        """By which people and files call it: the time, `20261126T055100Z`."""
        return f"{self.at.astimezone(UTC):{STAMP}}"

    @property
    def names(self) -> frozenset[str]:
        """Of its chunks."""
        return frozenset(name for name, _ in self.chunks)


def time_of(name: str) -> datetime:
    """The time in a backup's name. Raises ValueError where it is none."""
    return datetime.strptime(name, STAMP).replace(tzinfo=UTC)
