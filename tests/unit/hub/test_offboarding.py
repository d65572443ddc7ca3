"""Somebody leaves: who may not, what the fleet file becomes, and what is left for people to do."""

import subprocess
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from noc.fleet.inventory import Inventory, PeerRecord
from noc.fleet.load import load
from noc.hub.errors import LastApprover, NotAPerson, StillAnswers
from noc.hub.leftovers import leftovers
from noc.hub.offboard import Offboarding, check_approvers, check_person, put_text, text_without
from runs_kit import FLEET_TOML, NOW

PEOPLE = """
[[people]]
name = "johan"
role = "approver"

# the night shift
[[people]]
name = "mia"
role = "operator"
"""
SIGNERS = """\
operator namespaces="noc-release" ssh-ed25519 AAAAC3 operator
mia namespaces="noc-release" ssh-ed25519 AAAAD4 mia
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "fleet.toml").write_text(FLEET_TOML + PEOPLE)
    return tmp_path


def log(directory: Path) -> list[str]:
    argv = ["git", "-C", str(directory), "log", "--reverse", "--format=%s"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


def leave(directory: Path, person: str = "mia") -> list[str]:
    return put_text(directory, text_without(directory, person), person)


def test_the_fleet_file_without_a_person_is_a_commit_and_keeps_its_comments(directory: Path) -> None:
    assert leave(directory)[0].startswith("out of [[people]], commit ")
    assert [person.name for person in load(directory).people] == ["johan"]
    assert "# the night shift" in (directory / "fleet.toml").read_text()
    assert log(directory) == ["fleet.toml as it was found", "mia has left"]


def test_an_edit_that_nobody_committed_gets_a_commit_of_its_own(directory: Path) -> None:
    leave(directory)
    path = directory / "fleet.toml"
    path.write_text(path.read_text() + "\n# a word more\n")
    leave(directory, "johan")
    assert log(directory)[-2:] == ["fleet.toml as it was found", "johan has left"]


def test_a_second_time_changes_nothing(directory: Path) -> None:
    leave(directory)
    before = log(directory)
    assert leave(directory) == []
    assert log(directory) == before


def test_no_trial_is_left_beside_the_fleet_file(directory: Path) -> None:
    leave(directory)
    assert sorted(path.name for path in directory.iterdir()) == [".git", "fleet.toml"]


def test_the_last_approver_stays(directory: Path) -> None:
    with pytest.raises(LastApprover):
        Offboarding("johan", directory)


def test_one_of_two_approvers_may_leave(directory: Path) -> None:
    path = directory / "fleet.toml"
    path.write_text(path.read_text().replace('role = "operator"', 'role = "approver"'))
    check_approvers(load(directory), "johan")


def test_who_answers_for_something_that_was_accepted_leaves_that_to_somebody_first(directory: Path) -> None:
    accepted = '\n[[accepted]]\nwhat = "ceiling"\nreason = "agreed"\nwho = "mia"\nuntil = "2027-03-31"\n'
    path = directory / "fleet.toml"
    path.write_text(path.read_text().replace('role = "operator"', 'role = "approver"') + accepted)
    before = path.read_text()
    with pytest.raises(StillAnswers, match="mia still answers"):
        Offboarding("mia", directory)
    assert path.read_text() == before


@pytest.mark.parametrize("account", ["root", "daemon"])
def test_an_account_of_the_system_is_no_person(account: str) -> None:
    with pytest.raises(NotAPerson):
        check_person(account)


class TestLeftovers:
    """What only people can do."""

    def said(self, directory: Path, person: str = "mia", **more: str) -> list[tuple[str, str]]:
        key = "A" * 43 + "="
        peers = {
            name: PeerRecord(key=key, address=IPv4Address(f"10.84.0.{place}"), added=NOW)
            for place, name in enumerate(("mias-laptop", "tower"), 2)
        }
        texts = {"signers": "", "recipients": "", "root_keys": ""} | more
        found = leftovers(person, load(directory), Inventory(peers=peers), **texts)
        return [(each.what, each.command) for each in found]

    def test_their_tunnel_is_named_and_the_others_are_asked_about(self, directory: Path) -> None:
        said = self.said(directory)
        assert ("the tunnel of mias-laptop", "noc peer remove mias-laptop") in said
        assert any("tower" in what and "mias-laptop" not in what for what, _ in said)

    def test_a_key_of_theirs_that_signs_releases_is_named(self, directory: Path) -> None:
        said = [what for what, command in self.said(directory, signers=SIGNERS) if "--withdraw" in command]
        assert any("mia" in what for what in said)
        assert len(said) == 2

    def test_backups_are_named_where_somebody_can_open_them(self, directory: Path) -> None:
        commands = [command for _, command in self.said(directory, recipients="age1xyz\n")]
        assert any("noc rotate recipients" in command for command in commands)
        assert not any("noc rotate recipients" in command for _, command in self.said(directory))

    def test_a_key_of_root_that_bears_their_name_is_named(self, directory: Path) -> None:
        said = self.said(directory, root_keys="ssh-ed25519 AAAA mia@laptop\nssh-ed25519 AAAB johan@desk\n")
        assert [what for what, _ in said if "root's SSH key" in what] == ["root's SSH key mia@laptop on HQ"]

    def test_a_seat_in_the_group_of_a_chat_is_named(self, directory: Path) -> None:
        path = directory / "fleet.toml"
        path.write_text(path.read_text() + "\n[telegram]\nchat = -1001\n")
        assert "a seat in the channels: ntfy, telegram" in [what for what, _ in self.said(directory)]

    def test_what_lies_outside_is_always_named(self, directory: Path) -> None:
        said = " ".join(what for what, _ in self.said(directory, person="nobody"))
        assert all(word in said for word in ("channels", "cloud", "clavitor.test", "secrets"))
