from dataclasses import replace
from pathlib import Path

import pytest

from noc.hub.errors import UnsupportedHost
from noc.hub.facts import HostFacts, judge, read_facts

GOOD = HostFacts("debian", (12,), memory=4 * 10**9, disk=40 * 10**9, has_systemd=True, has_program=True)


@pytest.mark.parametrize(
    ("system", "version"),
    [("debian", (12,)), ("debian", (13,)), ("debian", ()), ("ubuntu", (24, 4)), ("ubuntu", (25, 10))],
)
def test_current_debian_and_ubuntu_are_taken(system: str, version: tuple[int, ...]) -> None:
    assert judge(replace(GOOD, system=system, version=version)) == []


@pytest.mark.parametrize(
    ("system", "version"), [("debian", (11,)), ("ubuntu", (22, 4)), ("fedora", (41,)), ("alpine", (3, 20))]
)
def test_anything_else_is_refused_by_name(system: str, version: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedHost, match=f"{system} {version[0]}"):
        judge(replace(GOOD, system=system, version=version))


@pytest.mark.parametrize("facts", [replace(GOOD, has_systemd=False), replace(GOOD, has_program=False)])
def test_a_machine_that_could_run_no_unit_is_refused(facts: HostFacts) -> None:
    with pytest.raises(UnsupportedHost):
        judge(facts)


@pytest.mark.parametrize(
    ("facts", "word"), [(replace(GOOD, memory=10**9), "memory"), (replace(GOOD, disk=10**9), "disk")]
)
def test_a_tight_machine_is_taken_with_a_warning(facts: HostFacts, word: str) -> None:
    (warning,) = judge(facts)
    assert warning.startswith(word)


def test_this_machine_has_facts(tmp_path: Path) -> None:
    facts = read_facts(tmp_path / "noc")
    assert facts.memory > 0
    assert facts.disk > 0
    assert not facts.has_program
