"""Which chats are whose: the file, its bounds, and that an identity is one person's."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.runs.admission.errors import IdentitiesUnreadable, LinkRefused
from noc.runs.admission.identities import MOST_EACH, Channel, Identities, Identity

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PERSONS = st.sampled_from(["anna", "james", "olga"])
CHANNELS: st.SearchStrategy[Channel] = st.sampled_from(["telegram", "discord"])
NUMBERS = st.sampled_from(["1", "22", "4711"])
STEPS = st.lists(st.tuples(st.booleans(), PERSONS, CHANNELS, NUMBERS), max_size=20)


def identity(person: str = "anna", number: str = "4711", channel: Channel = "telegram") -> Identity:
    return Identity(channel=channel, id=number, person=person, at=AT)


@pytest.fixture
def identities(tmp_path: Path) -> Identities:
    return Identities(tmp_path / "identities.json")


@given(STEPS)
def test_an_identity_is_one_persons_whatever_was_linked_and_unlinked(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, str, Channel, str]]
) -> None:
    store = Identities(tmp_path_factory.mktemp("link") / "identities.json")
    expected: dict[tuple[str, str], str] = {}
    for adds, person, channel, number in steps:
        if not adds:
            store.remove(person, channel, number)
            expected = {key: whose for key, whose in expected.items() if (key, whose) != ((channel, number), person)}
        elif expected.setdefault((channel, number), person) == person:
            store.add(identity(person, number, channel))
        else:
            with pytest.raises(LinkRefused):
                store.add(identity(person, number, channel))
    assert {each.key: each.person for each in store.all()} == expected


def test_nobody_is_linked_before_the_first(identities: Identities) -> None:
    assert (identities.all(), identities.find("telegram", "4711")) == ((), None)


def test_linking_twice_is_linking_once(identities: Identities) -> None:
    identities.add(identity())
    identities.add(identity())
    assert len(identities.all()) == 1


def test_a_person_has_a_few_and_no_more(identities: Identities) -> None:
    for number in range(MOST_EACH):
        identities.add(identity(number=str(number + 1)))
    with pytest.raises(LinkRefused):
        identities.add(identity(number="999"))
    identities.add(identity("james", "999"))


def test_all_of_one_person_go_at_once_and_nobody_elses(identities: Identities) -> None:
    for each in (identity(), identity(channel="discord"), identity("james", "5")):
        identities.add(each)
    assert len(identities.remove("anna")) == 2
    assert [each.person for each in identities.all()] == ["james"]


def test_the_file_is_the_runners_alone(identities: Identities, tmp_path: Path) -> None:
    identities.add(identity())
    identities.add(identity("james", "5"))
    assert (tmp_path / "identities.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["identities.json"]


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o660])
def test_a_file_that_others_may_use_links_nobody(identities: Identities, tmp_path: Path, mode: int) -> None:
    identities.add(identity())
    (tmp_path / "identities.json").chmod(mode)
    with pytest.raises(IdentitiesUnreadable, match="not to be trusted"):
        identities.find("telegram", "4711")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_somebody_elses_file_links_nobody(identities: Identities, tmp_path: Path) -> None:
    identities.add(identity())
    os.chown(tmp_path / "identities.json", 12345, 12345)
    with pytest.raises(IdentitiesUnreadable):
        identities.all()


ONE = {"channel": "telegram", "id": "4711", "person": "anna", "at": "2026-03-01T12:00:00Z"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        json.dumps({"identities": [ONE, {**ONE, "person": "james"}]}),
        json.dumps({"identities": [{**ONE, "channel": "page"}]}),
        json.dumps({"identities": [{**ONE, "id": "04711"}]}),
        json.dumps({"identities": [{**ONE, "role": "approver"}]}),
        " " * 1024 * 1024,
    ],
)
def test_a_damaged_file_links_nobody(identities: Identities, tmp_path: Path, content: str) -> None:
    path = tmp_path / "identities.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(IdentitiesUnreadable):
        identities.all()
