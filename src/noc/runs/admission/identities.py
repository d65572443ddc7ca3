"""Which chats are whose: a file of the runner's own, so that whoever may edit the fleet file does not make identities.

An identity belongs to one person; a person may have several. What cannot be read links nobody.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from noc.fleet.files import replace
from noc.fleet.model import Name
from noc.runs.admission.errors import IdentitiesUnreadable, LinkRefused

Channel = Literal["telegram", "discord"]
Number = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,19}$")]
"""A person's number in a channel: Telegram's `id` of a User, Discord's snowflake."""
MOST_EACH = 8
MOST = 1000
_MAX_BYTES = 512 * 1024


class Identity(BaseModel):
    """A person in a chat.

    Attributes:
        channel: where.
        id: the person's number there.
        person: whose it is, as `[[people]]` names them.
        at: when it was linked, UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: Channel
    id: Number
    person: Name
    at: AwareDatetime

    @property
    def key(self) -> tuple[str, str]:
        """What nobody else may have."""
        return self.channel, self.id


class _Book(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    identities: Annotated[tuple[Identity, ...], Field(max_length=MOST)] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({identity.key for identity in self.identities}) < len(self.identities):
            raise ValueError("an identity is there twice")
        return self


class Identities:
    """The linked identities of one HQ. One writer: the runner. Every question reads the file as it is now."""

    def __init__(self, path: Path) -> None:
        """Use a file; one that is not there links nobody."""
        self._path = path

    def all(self) -> tuple[Identity, ...]:
        """Every identity, in the order in which they were linked. Raises IdentitiesUnreadable."""
        return self._read().identities

    def find(self, channel: str, number: str) -> Identity | None:
        """An identity by channel and number; None where nobody has linked it. Raises IdentitiesUnreadable."""
        return next((each for each in self.all() if each.key == (channel, number)), None)

    def of(self, person: str, channel: str | None = None, number: str | None = None) -> tuple[Identity, ...]:
        """A person's identities. Arguments and what it raises as `remove`."""
        return tuple(
            each
            for each in self.all()
            if each.person == person and channel in (None, each.channel) and number in (None, each.id)
        )

    def add(self, identity: Identity) -> None:
        """Link an identity; on the disk when it returns. One that is this person's already stays as it is.

        Raises:
            LinkRefused: it is somebody else's, or there are too many.
            IdentitiesUnreadable: the file cannot be used.
        """
        known = self.all()
        if found := next((each for each in known if each.key == identity.key), None):
            if found.person != identity.person:
                raise LinkRefused(
                    f"this {identity.channel} identity is linked to somebody else",
                    fix=f"that person, or root, gives noc unlink {identity.channel} {identity.id} on HQ",
                )
            return
        if len(known) >= MOST or sum(each.person == identity.person for each in known) >= MOST_EACH:
            raise LinkRefused(f"{identity.person} has too many identities", fix="noc unlink ends one")
        self._write((*known, identity))

    def remove(self, person: str, channel: str | None = None, number: str | None = None) -> tuple[Identity, ...]:
        """Unlink a person's identities; gone from the disk when it returns.

        Args:
            person: whose.
            channel: of which channel; None for all.
            number: which of them; None for all.

        Returns:
            Those that were linked.

        Raises:
            IdentitiesUnreadable: the file cannot be used.
        """
        gone = self.of(person, channel, number)
        if gone:
            self._write(tuple(each for each in self.all() if each not in gone))
        return gone

    def _read(self) -> _Book:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                text = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return _Book()
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise self._unreadable(f"it belongs to uid {status.st_uid}, with mode {status.st_mode & 0o777:o}")
        try:
            return _Book.model_validate_json(text)
        except ValidationError as error:
            raise self._unreadable(f"{error.error_count()} mistakes in it") from None

    def _write(self, identities: tuple[Identity, ...]) -> None:
        replace(self._path, _Book(identities=identities).model_dump_json(indent=1), mode=0o600)

    def _unreadable(self, why: str) -> IdentitiesUnreadable:
        fix = f"look who was there, then: chown noc-runner {self._path}; chmod 600 {self._path}"
        return IdentitiesUnreadable(f"{self._path} is not to be trusted", why=why, fix=fix)
