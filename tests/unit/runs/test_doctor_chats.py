"""What the doctor says of people's chats."""

from datetime import UTC, datetime

from noc.fleet.inventory import load_inventory
from noc.fleet.load import load
from noc.runs.admission.identities import Identities, Identity
from noc.runs.doctor.care import Care
from noc.runs.doctor.chats import chat_lines
from noc.runs.doctor.line import Line
from noc.runs.paths import Paths
from principal_kit import PEOPLE

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def lines(paths: Paths) -> list[Line]:
    return list(chat_lines(Care(load(paths.fleet), load_inventory(paths.fleet), paths, NOW)))


def link(paths: Paths, person: str, number: str) -> None:
    Identities(paths.identities).add(Identity(channel="telegram", id=number, person=person, at=NOW))


def test_where_everybody_is_still_here_nothing_is_said(paths: Paths) -> None:
    path = paths.fleet / "fleet.toml"
    path.write_text(path.read_text() + PEOPLE)
    link(paths, "anna", "1")
    assert lines(paths) == []


def test_a_chat_of_somebody_who_has_left_is_to_be_unlinked(paths: Paths) -> None:
    link(paths, "anna", "1")
    link(paths, "anna", "2")
    (line,) = lines(paths)
    assert (line.state, line.fix) == ("due", "noc unlink --person anna")


def test_a_file_that_cannot_be_trusted_is_wrong(paths: Paths) -> None:
    link(paths, "anna", "1")
    paths.identities.chmod(0o666)
    (line,) = lines(paths)
    assert (line.state, line.fix) == ("wrong", "noc explain E554")
