"""The audit's lines: what was about to be done, what came of it, and what was refused."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from noc.runs.record.chain import ChainBroken, Link, links
from noc.runs.record.errors import AuditBroken

MAX_ENTRY = 8 * 1024


class Kind(StrEnum):
    """What an entry is: the intent to act, what came of it, or an act that was refused before it began."""

    INTENT = "intent"
    OUTCOME = "outcome"
    REFUSAL = "refusal"


class Entry(BaseModel):
    """One line of the audit.

    Attributes:
        seq: its number, from 1 without a gap.
        at: when it was written, UTC.
        kind: see Kind.
        what: the act, in words.
        by: who asked for it: a login, or the runner itself.
        of: the number of the intent that this is the outcome of, None for anything else.
        result: what came of it, "" for an intent.
        detail: facts to go with it; never a secret.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int
    at: datetime
    kind: Kind
    what: str
    by: str
    of: int | None = None
    result: str = ""
    detail: dict[str, Any] = {}


def read_entries(path: Path) -> Iterator[tuple[Link, Entry]]:
    """The whole entries of an audit's file, in order; one that was cut while it was written is left out.

    Raises:
        AuditBroken: an entry is missing, changed or unreadable.
    """
    number = 0
    try:
        for number, found in enumerate(links(path, limit=MAX_ENTRY), 1):
            yield found, _entry(found.document, number)
    except ChainBroken as error:
        raise AuditBroken(
            f"entry {error.number} of the audit {error.what}",
            why=error.why,
            fix=f"keep the file as evidence: mv {path} {path}.broken; a new audit then begins",
        ) from error


def _entry(document: Mapping[str, Any], number: int) -> Entry:
    try:
        entry = Entry.model_validate(document)
    except ValidationError as error:
        raise ChainBroken(number, "cannot be read", type(error).__name__) from error
    if entry.seq != number:
        raise ChainBroken(number, "does not follow the one before it")
    return entry
