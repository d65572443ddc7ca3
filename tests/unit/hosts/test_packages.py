"""Sets of packages: what apt says, read; a set and its way back, kept by hash; files that are not what was planned."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.hosts.node.apt import last_words
from noc.hosts.node.fetching import check_staged, files_of, forget_others
from noc.hosts.node.layout import Layout
from noc.hosts.node.packages import (
    Package,
    PackageSet,
    kept_back,
    of,
    place,
    read_set,
    reboot_for,
    stanzas,
    steps,
    write_set,
)
from noc.hosts.node.repack import control
from noc.hosts.node.state import Refused, write_json

SIMULATION = """\
NOTE: This is only a simulation!
The following packages have been kept back:
  grub-pc linux-image-amd64
  shim
The following packages will be upgraded:
  curl libc6
Inst libc6 [2.36-9] (2.36-9+deb12u1 Debian-Security:12/stable-security [amd64])
Conf libc6 (2.36-9+deb12u1 Debian-Security:12/stable-security [amd64])
Inst curl [7.88.1-10] (7.88.1-11 Debian:12.5/stable, Debian-Security:12 [amd64]) []
Inst tzdata-legacy (2026b-1 Debian:12.5/stable [all])
Inst libc6:i386 [2.36-9] (2.36-9+deb12u1 Debian:12.5/stable [i386])
Remv old-thing [1.0]
Purg older-thing [0.9]
"""
CONTENT = b"a package"
NAMES = st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,20}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9][A-Za-z0-9.+:~-]{0,20}", fullmatch=True)
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(root=str(tmp_path))


def canary(**changes: object) -> Package:
    said: dict[str, object] = {"name": "canary", "arch": "all", "old": "1.0", "new": "2.0", "bytes": 9, "sha256": SHA}
    return Package(**{**said, **changes})  # type: ignore[arg-type]


def stage(layout: Layout, chosen: PackageSet, files: Mapping[str, bytes]) -> str:
    write_set(layout, chosen)
    new = place(layout, chosen.sha) / "new"
    new.mkdir()
    for name, content in files.items():
        (new / name).write_bytes(content)
    told = {"back": "0" * 64, "new": f"systems/{chosen.sha}/new", "old": f"systems/{chosen.sha}/old"}
    write_json(layout, f"systems/{chosen.sha}/staged.json", told)
    return chosen.sha


def test_what_apt_would_do_is_read_from_its_simulation() -> None:
    assert steps(SIMULATION) == {
        "libc6": ("2.36-9", "2.36-9+deb12u1", "amd64"),
        "curl": ("7.88.1-10", "7.88.1-11", "amd64"),
        "tzdata-legacy": (None, "2026b-1", "all"),
        "libc6:i386": ("2.36-9", "2.36-9+deb12u1", "i386"),
        "old-thing": ("1.0", None, ""),
        "older-thing": ("0.9", None, ""),
    }


def test_what_apt_keeps_back_is_read_to_the_end_of_its_list() -> None:
    assert kept_back(SIMULATION) == ["grub-pc", "linux-image-amd64", "shim"]


def test_control_data_is_read_without_continuation_lines() -> None:
    said = "Package: a\nDescription: one\n two\n .\nSize: 7\n\nPackage: b\nVersion: 1:2\n"
    assert stanzas(said) == [
        {"Package": "a", "Description": "one", "Size": "7"},
        {"Package": "b", "Version": "1:2"},
    ]


@given(st.lists(st.tuples(NAMES, VERSIONS, VERSIONS), max_size=6, unique_by=lambda row: row[0]))
def test_a_set_has_one_hash_in_whatever_order_it_was_found(rows: list[tuple[str, str, str]]) -> None:
    packages = [Package(name, "all", old, new, 1, SHA) for name, old, new in rows]
    assert of(packages).sha == of(reversed(packages)).sha


@given(st.lists(st.tuples(NAMES, st.none() | VERSIONS, VERSIONS), min_size=1, max_size=6, unique_by=lambda row: row[0]))
def test_the_way_back_of_the_way_back_is_the_way_there(rows: list[tuple[str, str | None, str]]) -> None:
    there = of(Package(name, "all", old, new, 1, SHA) for name, old, new in rows)
    back = there.backwards({p.name: (1, SHA) for p in there.packages if p.old})
    again = back.backwards({p.name: (1, SHA) for p in back.packages if p.old})
    assert (again, {(p.name, p.old, p.new) for p in back.packages}) == (there, {(n, new, old) for n, old, new in rows})


def test_a_set_is_found_by_its_hash_alone(layout: Layout) -> None:
    chosen = of([canary()])
    write_set(layout, chosen)
    assert read_set(layout, chosen.sha) == chosen
    with pytest.raises(Refused, match="was not planned on this node"):
        read_set(layout, "0" * 64)


def test_a_set_that_was_changed_is_refused(layout: Layout) -> None:
    chosen = of([canary()])
    write_set(layout, chosen)
    path = place(layout, chosen.sha) / "set.json"
    path.write_bytes(path.read_bytes().replace(b'"2.0"', b'"3.0"'))
    with pytest.raises(Refused, match="is something else"):
        read_set(layout, chosen.sha)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "--purge"},
        {"name": "../../etc/passwd"},
        {"name": "a b"},
        {"new": "1.0; reboot"},
        {"old": None, "new": None},
        {"sha256": ""},
        {"arch": "/"},
    ],
    ids=str,
)
def test_what_is_no_package_by_its_name_is_refused(layout: Layout, changes: dict[str, object]) -> None:
    chosen = of([canary(**changes)])
    write_set(layout, chosen)
    with pytest.raises(Refused, match="does not hold together"):
        read_set(layout, chosen.sha)


def test_a_file_that_is_not_the_planned_one_is_refused(layout: Layout) -> None:
    good = stage(layout, of([canary()]), {"canary.deb": CONTENT})
    assert check_staged(layout, good).sha == good
    (files_of(layout, good, "new") / "canary.deb").write_bytes(b"another")
    with pytest.raises(Refused, match="is not the one that was planned"):
        check_staged(layout, good)


def test_a_set_without_its_files_is_refused(layout: Layout) -> None:
    chosen = of([canary()])
    write_set(layout, chosen)
    with pytest.raises(Refused, match="are not on the node"):
        check_staged(layout, chosen.sha)


def test_the_set_in_force_stays_with_its_way_back_and_others_go(layout: Layout) -> None:
    kept, other, new = (stage(layout, of([canary(new=version)]), {}) for version in ("2.0", "3.0", "4.0"))
    write_json(layout, f"systems/{'0' * 64}/set.json", {})
    write_json(layout, "system.json", {"sha": kept})
    forget_others(layout, new)
    assert {path.name for path in layout.state("systems").iterdir()} == {kept, new, "0" * 64}
    assert other not in {kept, new}


def test_a_reboot_is_needed_for_what_runs_all_the_time() -> None:
    names = ("linux-image-6.1.0-30-arm64", "libc6", "libc6:i386", "systemd", "curl", "tzdata")
    assert reboot_for(of(canary(name=name) for name in names)) == [
        "libc6",
        "libc6:i386",
        "linux-image-6.1.0-30-arm64",
        "systemd",
    ]


def test_a_copys_control_file_has_nothing_of_this_machines_status() -> None:
    status = (
        "Package: canary\nStatus: install ok installed\nConffiles:\n /etc/canary 0123\n /etc/other 4567\n"
        "Version: 1.0\nDescription: short\n long\n .\n"
    )
    assert control(status) == "Package: canary\nVersion: 1.0\nDescription: short\n long\n .\n"


def test_dpkgs_cause_is_told_before_apts_summary() -> None:
    said = (
        "Setting up canary\ndpkg: error processing package canary (--configure):\n"
        " installed canary package post-installation script subprocess returned error exit status 7\n"
        "E: Sub-process /usr/bin/dpkg returned an error code (1)\n"
    )
    assert last_words(said) == (
        "dpkg: error processing package canary (--configure): installed canary package post-installation script "
        "subprocess returned error exit status 7"
    )
