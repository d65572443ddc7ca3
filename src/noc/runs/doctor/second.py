"""HQ's own backups: whether the second place has a recent one; and whether this HQ is the one that acts."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from noc.errors import NocError
from noc.runs.admission.restored import read_restored
from noc.runs.admission.superseded import read_superseded
from noc.runs.doctor.care import Care
from noc.runs.doctor.line import Line, State

WRONG_AFTER = timedelta(days=7)
STATE_FILE = "state.json"
_MAX_BYTES = 64 * 1024


class Sending(BaseModel):
    """How it went with the second place: when it was tried last, when it took the newest, and what went wrong."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tried: AwareDatetime
    succeeded: AwareDatetime | None = None
    error: str = ""


def read_sending(outgoing: Path) -> Sending | None:
    """What `noc hub backup` wrote down; None where it was never given, or the file makes no sense."""
    with suppress(OSError, ValidationError), (outgoing / STATE_FILE).open("rb") as file:
        return Sending.model_validate_json(file.read(_MAX_BYTES))
    return None


def second_lines(care: Care) -> Iterator[Line]:
    """A line about the second place; one about an HQ that was replaced, or was restored and is not through."""
    yield from _whose(care)
    name, overdue = care.fleet.hub.name, timedelta(hours=care.fleet.backup.overdue)
    if care.fleet.backup.second is None:
        fix = "name [backup.second] in fleet.toml, then: noc hub install, noc hub backup"
        yield Line(name, "second place", "wrong", "none is named: HQ's backups are lost with HQ", fix)
        return
    sending = read_sending(care.paths.outgoing)
    last = sending.succeeded if sending else None
    trouble = f"; last trouble: {sending.error}" if sending and sending.error else ""
    says = f"it has HQ's backup of {last:%Y-%m-%d %H:%M} UTC" if last else "it has no backup of HQ yet"
    state = standing(last, bool(trouble), care.now, overdue)
    fix = "" if state == "ok" else "noc hub backup"
    yield Line(name, "second place", state, says + trouble, fix, last, last + overdue if last else None)


def standing(last: datetime | None, trouble: bool, now: datetime, overdue: timedelta) -> State:
    """Judge by the last success: wrong without one, or after a week; due after `overdue`, or where it fails now."""
    if last is None or now - last > WRONG_AFTER:
        return "wrong"
    return "due" if trouble or now - last > overdue else "ok"


def _whose(care: Care) -> Iterator[Line]:
    name = care.fleet.hub.name
    if (lost := read_superseded(care.paths.superseded)) is not None:
        fix = "switch this machine off; noc explain E549"
        yield Line(name, "HQ", "wrong", f"another HQ has acted: {lost.words}", fix, lost.at)
    try:
        opened = read_restored(care.paths.restored)
    except NocError as error:
        yield Line(name, "HQ", "wrong", str(error), "noc explain E550")
        return
    if opened is not None:
        says = f"restored from a backup of {opened.backup:%Y-%m-%d %H:%M} UTC, and not every node was asked yet"
        yield Line(name, "HQ", "wrong", says, "noc hub restored", opened.at)
