"""The lab's fleet directory: the same fleet with the lab's world around it."""

import tomllib
from pathlib import Path

import pytest

from noc.errors import NotFound
from noc.fleet.load import load
from noc.lab.fleet import SOURCE, TRUST, Approver, write_fleet

FLEET = load(SOURCE)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "trust.pem"
    path.write_text("certificates")
    return path


def test_the_written_directory_is_a_fleet_without_problems(tmp_path: Path, bundle: Path) -> None:
    fleet = load(write_fleet(tmp_path / "fleet", SOURCE, ["all"], {}, bundle))
    assert fleet.nodes != FLEET.nodes
    assert [(n.name, n.number, n.tunnel, n.latitude) for n in fleet.nodes] == [
        (n.name, n.number, n.tunnel, n.latitude) for n in FLEET.nodes
    ]
    assert fleet.domain == FLEET.domain


def test_the_world_around_it_is_the_lab_s(tmp_path: Path, bundle: Path) -> None:
    fleet = load(write_fleet(tmp_path / "fleet", SOURCE, ["frankfurt"], {}, bundle))
    assert (str(fleet.hub.address), [str(each) for each in fleet.hub.rescue]) == ("198.51.100.10", ["198.51.100.10"])
    assert {(n.provider, n.platform) for n in fleet.nodes} == {("lab", "debian")}
    assert fleet.acme.directory == "https://acme.lab:14000/dir"
    assert fleet.ntfy.url == "https://ntfy.lab"
    assert fleet.acme.ca_root == fleet.ntfy.ca_root == TRUST
    assert (tmp_path / "fleet" / TRUST).read_text() == "certificates"


def test_only_the_chosen_nodes_are_in_it(tmp_path: Path, bundle: Path) -> None:
    fleet = load(write_fleet(tmp_path / "fleet", SOURCE, ["virginia", "singapore"], {}, bundle))
    assert [node.name for node in fleet.nodes] == ["virginia", "singapore"]


def test_nothing_begins_by_the_time_of_day_in_a_lab(tmp_path: Path, bundle: Path) -> None:
    fleet = load(write_fleet(tmp_path / "fleet", SOURCE, ["virginia"], {}, bundle))
    assert ([each.job for each in FLEET.schedule], fleet.schedule) == (["briefing", "os-update"], ())


def test_given_policy_values_replace_the_fleet_s_and_the_rest_stays(tmp_path: Path, bundle: Path) -> None:
    fleet = load(write_fleet(tmp_path / "fleet", SOURCE, ["virginia"], {"push_interval": 5}, bundle))
    assert fleet.policy == FLEET.policy.model_copy(update={"push_interval": 5})


def test_an_unknown_node_is_refused(tmp_path: Path, bundle: Path) -> None:
    with pytest.raises(NotFound):
        write_fleet(tmp_path / "fleet", SOURCE, ["atlantis"], {}, bundle)


def test_the_source_is_left_as_it_is(tmp_path: Path, bundle: Path) -> None:
    before = tomllib.loads((SOURCE / "fleet.toml").read_text())
    write_fleet(tmp_path / "fleet", SOURCE, ["virginia"], {"soak": 1}, bundle)
    assert tomllib.loads((SOURCE / "fleet.toml").read_text()) == before


def test_the_lab_s_own_person_gives_a_key_and_answers_for_the_ceiling(tmp_path: Path, bundle: Path) -> None:
    johan = Approver("johan", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL0V johan")
    fleet = load(write_fleet(tmp_path / "fleet", SOURCE, ["uae"], {}, bundle, approver=johan))
    keys = {person.name: person.ssh_key for person in fleet.people}
    assert (keys, [(each.what, each.who) for each in fleet.accepted]) == (
        {"johan": johan.ssh_key, "james": None},
        [("uae", "johan"), ("ceiling", "johan")],
    )


def test_the_lab_s_chats_are_in_it_when_they_are_asked_for(tmp_path: Path, bundle: Path) -> None:
    fleet = load(write_fleet(tmp_path / "fleet", SOURCE, ["virginia"], {}, bundle, chats=True))
    assert fleet.telegram is not None
    assert fleet.discord is not None
    assert (fleet.telegram.api, fleet.telegram.ca_root) == ("https://telegram.lab:8443", TRUST)
    assert (fleet.discord.api, fleet.discord.ca_root) == ("https://discord.lab:8444/api/v10", TRUST)
    assert fleet.agent.api == "https://model.lab:8445/v1"
    assert fleet.agent.model == FLEET.agent.model


def test_without_them_there_is_none(tmp_path: Path, bundle: Path) -> None:
    fleet = load(write_fleet(tmp_path / "fleet", SOURCE, ["virginia"], {}, bundle))
    assert (fleet.telegram, fleet.discord) == (None, None)
