"""Texts that other programs read: held against those programs where they are here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.hosts.caddy import caddyfile
from noc.hosts.firewall import mark_of, node_rules
from noc.hosts.platform import NodeConfig
from noc.hosts.programs import node_programs
from noc.hosts.units import NODE_UNITS, environment_text

CONFIG = NodeConfig(
    name="frankfurt",
    hostname="frankfurt.clavitor.com",
    aliases=("vault.example.com",),
    tunnel_address="10.84.0.18",
    wireguard="",
    hub_tunnel_address="10.84.0.1",
    acme_ca="https://acme.example.com/directory",
    acme_ca_root="PEM",
    acme_email="ops@example.com",
    signers="",
    push_interval_s=30,
)


def test_the_rules_replace_only_a_table_of_their_own() -> None:
    rules = node_rules()
    assert rules.startswith("table inet noc\ndelete table inet noc\ntable inet noc {\n")
    assert "flush" not in rules


def test_ssh_is_open_in_the_tunnel_and_to_whom_the_watchdog_lets_in() -> None:
    assert [line.strip() for line in node_rules("wg7").splitlines() if "22" in line.split()] == [
        'iifname "wg7" tcp dport 22 accept',
        "ip saddr @rescue tcp dport 22 accept",
    ]


def test_nobody_is_let_in_by_the_rules_themselves() -> None:
    assert "elements" not in node_rules()


def test_other_rules_carry_another_mark() -> None:
    assert mark_of(node_rules("wg0")) != mark_of(node_rules("wg1"))


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="nft needs root to read rules")
def test_nftables_takes_the_rules_twice_and_leaves_other_tables_alone(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(node_rules())
    script = f"nft add table inet other && nft -f {tmp_path}/rules && nft -f {tmp_path}/rules && nft list ruleset"
    done = subprocess.run(["unshare", "--net", "sh", "-ec", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("table inet noc {") == 1
    assert "table inet other {" in done.stdout
    assert mark_of(node_rules()) in done.stdout


def test_the_proxy_answers_every_name_of_the_node() -> None:
    assert "\nfrankfurt.clavitor.com, vault.example.com {\n" in caddyfile(CONFIG)


def test_the_proxy_keeps_no_connection_to_the_service() -> None:
    assert "keepalive off" in caddyfile(CONFIG)


@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not here")
def test_caddy_reads_the_caddyfile(tmp_path: Path) -> None:
    (tmp_path / "Caddyfile").write_text(caddyfile(CONFIG))
    argv = ["caddy", "adapt", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"listen":"unix//run/caddy/admin.sock"' in done.stdout
    assert "inconsistent" not in done.stderr


def test_the_socket_wakes_its_service_without_a_limit() -> None:
    assert "TriggerLimitIntervalSec=0" in NODE_UNITS["clavitor.socket"]


@pytest.mark.parametrize("unit", ["clavitor.socket", "clavitor.service"])
def test_nothing_starts_without_a_release(unit: str) -> None:
    assert "ConditionPathExists=/opt/clavitor/current\n" in NODE_UNITS[unit]


def test_no_unit_names_a_secret() -> None:
    assert not any("KUMA_PUSH_URL" in text for text in NODE_UNITS.values())


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_reads_the_units(tmp_path: Path) -> None:
    units = {name: text for name, text in NODE_UNITS.items() if "/" not in name}
    for name, text in units.items():
        known = text.replace("User=clavitor\n", "").replace("Requires=clavitor.socket\n", "")
        (tmp_path / name).write_text(known)
    argv = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *(str(tmp_path / name) for name in units)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "Unknown" in line or "Failed to parse" in line]
    assert complaints == []


def test_the_activator_starts_from_the_files_that_a_node_gets(tmp_path: Path) -> None:
    for path, text in node_programs(str(tmp_path)).items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    argv = ["python3", "-I", str(tmp_path / "activator.py"), "--help"]
    assert subprocess.run(argv, check=False, cwd="/", capture_output=True).returncode == 0


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_the_shell_reads_an_environment_value_as_it_was(value: str) -> None:
    text = environment_text({"VALUE": value})
    done = subprocess.run(["sh", "-c", text + 'printf %s "$VALUE"'], capture_output=True, text=True, check=True)
    assert done.stdout == value


@pytest.mark.parametrize(("name", "value"), [("A", "one\ntwo"), ("A", "\x00"), ("A B", "x"), ("A=", "x")])
def test_what_cannot_stand_on_a_line_is_no_environment(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in an environment file"):
        environment_text({name: value})
