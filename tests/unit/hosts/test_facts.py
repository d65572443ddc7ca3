"""Facts of a machine, from what its script wrote."""

import pytest

from noc.hosts.errors import Unclear
from noc.hosts.facts import parse_facts

SAID = """\
system=debian
version=12
machine=aarch64
memory_kib=470000
disk_free=1000 4096
boot_id=6b2e
clock=1000.250000000
python=/usr/bin/python3
systemd=yes
"""


def test_everything_is_read() -> None:
    facts = parse_facts("frankfurt", SAID, 1000.0)
    assert (facts.system, facts.version, facts.machine) == ("debian", "12", "aarch64")
    assert (facts.memory_total, facts.disk_free) == (470000 * 1024, 1000 * 4096)
    assert (facts.boot_id, facts.clock_offset_s) == ("6b2e", 0.25)
    assert (facts.python, facts.has_systemd) == ("/usr/bin/python3", True)


def test_a_machine_without_python_or_systemd_is_a_machine() -> None:
    facts = parse_facts("frankfurt", SAID.replace("/usr/bin/python3", "").replace("systemd=yes\n", ""), 1000.0)
    assert (facts.python, facts.has_systemd) == (None, False)


@pytest.mark.parametrize("name", [line.split("=")[0] for line in SAID.splitlines() if "systemd" not in line])
def test_what_is_missing_is_named(name: str) -> None:
    left = "".join(line + "\n" for line in SAID.splitlines() if not line.startswith(name + "="))
    with pytest.raises(Unclear, match=f"frankfurt does not say what it is: KeyError: '{name}'"):
        parse_facts("frankfurt", left, 1000.0)


def test_nonsense_is_no_fact() -> None:
    with pytest.raises(Unclear, match="ValueError"):
        parse_facts("frankfurt", SAID.replace("470000", "much"), 1000.0)
