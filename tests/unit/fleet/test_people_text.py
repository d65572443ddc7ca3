"""A person is taken out of the fleet file, and nothing else of it changes, comments included."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.document import Document
from noc.fleet.errors import PeopleNotEditable
from noc.fleet.people import without_person

ROOT = Path(__file__).parents[3]
TEXT = """\
# The fleet.
name = "clavitor"  # short

[[people]]
name = "johan"
role = "approver"

# Mia is here until March.
[[people]]
name = "mia" # of the night
role = "operator"
# ssh_key = "…" once she has one

# James decides nothing.
[[people]]
name = "james"
role = "operator"

[policy]
push_interval = 30
"""


def without(text: str, name: str) -> str:
    document = Document(Path("fleet.toml"), tomllib.loads(text), text)
    return without_person(document, text, name)


def test_one_entry_goes_and_every_other_line_stays() -> None:
    gone = ("[[people]]\n", 'name = "mia" # of the night\n', 'role = "operator"\n')
    assert without(TEXT, "mia") == TEXT.replace("".join(gone), "")


@pytest.mark.parametrize("name", ["johan", "mia", "james"])
def test_what_is_left_says_the_same_of_everybody_else(name: str) -> None:
    before, after = tomllib.loads(TEXT), tomllib.loads(without(TEXT, name))
    assert after["people"] == [person for person in before["people"] if person["name"] != name]
    assert {key: value for key, value in after.items() if key != "people"} == {
        key: value for key, value in before.items() if key != "people"
    }


@pytest.mark.parametrize("name", ["johan", "mia", "james"])
def test_no_comment_is_lost_but_the_entrys_own(name: str) -> None:
    comments = [line for line in TEXT.splitlines() if line.startswith("#")]
    assert [line for line in without(TEXT, name).splitlines() if line.startswith("#")] == comments


def test_somebody_who_is_not_in_it_changes_nothing() -> None:
    assert without(TEXT, "nobody") == TEXT


def test_the_last_person_takes_the_table_along() -> None:
    assert "people" not in tomllib.loads(without('name = "x"\n[[people]]\nname = "mia"\nrole = "viewer"\n', "mia"))


@pytest.mark.parametrize(
    "text",
    [
        'people = [{name = "mia", role = "viewer"}, {name = "johan", role = "approver"}]\n',
        '[[people]]\nname = "mia"\n[[people]]\nname = "mia"\n',
    ],
    ids=["in one line", "twice"],
)
def test_what_cannot_be_done_line_by_line_is_left_to_an_editor(text: str) -> None:
    with pytest.raises(PeopleNotEditable):
        without(text, "mia")


def test_the_repositorys_own_fleet_file_lets_everybody_go() -> None:
    text = (ROOT / "fleet" / "fleet.toml").read_text()
    for person in tomllib.loads(text)["people"]:
        left = without(text, person["name"])
        assert person["name"] not in [each["name"] for each in tomllib.loads(left).get("people", [])]


NAMES = st.lists(st.sampled_from(["mia", "johan", "james", "anna"]), unique=True, min_size=1)
BETWEEN = st.sampled_from(
    ["", "\n", "# a word\n", "\n# a word\n\n", "[policy]\nbatch = 1\n", "\n[[freeze]]\nzone = 'x'\n"]
)


@given(st.data(), NAMES)
def test_wherever_an_entry_stands_only_it_goes(data: st.DataObject, names: list[str]) -> None:
    text, used = 'name = "x"\n', False
    for name in names:
        more = data.draw(BETWEEN)
        if "[policy]" in more:
            more, used = ("" if used else more), True
        text += more + f'[[people]]\nname = "{name}"\nrole = "viewer"\n'
    gone = data.draw(st.sampled_from(names))
    before, after = tomllib.loads(text), tomllib.loads(without(text, gone))
    assert [person["name"] for person in after.get("people", [])] == [name for name in names if name != gone]
    assert {**after, "people": 0} == {**before, "people": 0}
