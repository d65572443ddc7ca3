"""Where the watch's database is: forms that are read, and what does not belong in the fleet file."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.errors import FleetProblems
from noc.fleet.load import load
from noc.fleet.storing import Address, read_address
from watch_kit import write_fleet


def with_database(folder: Path, address: str) -> Path:
    fleet = write_fleet(folder / "fleet")
    with (fleet / "fleet.toml").open("a") as file:
        file.write(f'[store]\ndatabase = "{address}"\n')
    return fleet


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (
            "postgresql://noc@/watch?host=/run/postgresql",
            Address(user="noc", host="/run/postgresql", port=5432, name="watch"),
        ),
        ("postgresql://noc@%2Frun%2Fpg:5433/watch", Address(user="noc", host="/run/pg", port=5433, name="watch")),
        (
            "postgresql://noc@db.example/watch?sslrootcert=/a.pem",
            Address(user="noc", host="db.example", port=5432, name="watch", root="/a.pem"),
        ),
    ],
)
def test_an_address_is_read_as_libpq_writes_it(text: str, address: Address) -> None:
    assert read_address(text) == address


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cc", "Cs"]), min_size=1)
hosts = st.sampled_from(["/run/postgresql", "/tmp/a b", "db.example", "127.0.0.1", "::1"])


@given(st.builds(Address, user=names, host=hosts, port=st.integers(1, 65_535), name=names, root=st.just("") | names))
def test_an_address_that_is_written_is_read_as_the_same(address: Address) -> None:
    assert read_address(str(address)) == address


@pytest.mark.parametrize(
    ("host", "remote"), [("/run/postgresql", False), ("127.0.0.1", False), ("localhost", False), ("10.0.0.1", True)]
)
def test_only_a_way_that_stays_on_the_machine_needs_no_encryption(host: str, remote: bool) -> None:
    assert Address(user="noc", host=host, port=5432, name="watch").remote is remote


@pytest.mark.parametrize(
    "text",
    [
        "mysql://noc@db/watch",
        "postgresql://db/watch",
        "postgresql://noc@/watch",
        "postgresql://noc@db",
        "postgresql://noc@db:port/watch",
        "postgresql://noc@db/watch?sslmode=disable",
        "postgresql://noc:hunter2@db/watch",
        "postgresql://noc@db/watch?password=hunter2",
    ],
)
def test_what_leads_nowhere_or_is_not_safe_is_a_mistake_that_repeats_no_password(tmp_path: Path, text: str) -> None:
    with pytest.raises(FleetProblems) as caught:
        load(with_database(tmp_path, text))
    [problem] = caught.value.problems
    assert re.search("address of the database", problem.what)
    assert "hunter2" not in str(caught.value)


def test_a_password_is_refused_with_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(FleetProblems, match="noc hub secret set database_password"):
        load(with_database(tmp_path, "postgresql://noc:hunter2@db/watch"))


def test_a_fleet_file_that_says_nothing_means_the_file_of_the_watch(tmp_path: Path) -> None:
    assert load(write_fleet(tmp_path / "fleet")).store.database == ""
