"""The machines of a lab and what is derived from them: addresses, zones, identity, services."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.errors import NotFound
from noc.fleet.great_circle import round_trip_ms
from noc.fleet.load import load
from noc.lab.dns import Knot, tsig_key, zone_file
from noc.lab.errors import LabNeeds
from noc.lab.fleet import SOURCE
from noc.lab.identity import AUTHORIZED_KEYS, HOST_KEY, authorize, fingerprint, identity_files, write_files
from noc.lab.internet import TLS_NAMES, internet_files
from noc.lab.machines import INTERNET_NAMES, Machine, machines_of, node_address
from noc.lab.standins import PROGRAMS, STAND_INS, programs

FLEET = load(SOURCE)
ALL = machines_of(FLEET, ["all"], {"frankfurt": "bare"})


def named(name: str) -> Machine:
    return next(machine for machine in ALL if machine.name == name)


def test_the_whole_fleet_is_hq_its_nodes_and_the_internet() -> None:
    assert len(ALL) == len(FLEET.nodes) + 2
    assert str(named("zurich").address) == "198.51.100.10"
    assert str(named("frankfurt").address) == "198.51.100.28"
    assert named("frankfurt").image == "bare"
    assert named("virginia").image == "warm"


def test_no_two_machines_share_an_address_a_port_or_a_card() -> None:
    for values in ({m.address for m in ALL}, {m.port for m in ALL}, {m.mac for m in ALL}):
        assert len(values) == len(ALL)


def test_an_unknown_node_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(NotFound, match="frankfurt"):
        machines_of(FLEET, ["frankfrut"], {})


def test_a_number_beyond_the_network_is_refused() -> None:
    with pytest.raises(LabNeeds):
        node_address(FLEET.nodes[0].model_copy(update={"number": 235}))


def test_port_names_fit_into_what_linux_allows() -> None:
    assert all(len(f"{machine.port}") <= 15 for machine in ALL)


def test_the_zone_answers_each_node_s_public_name() -> None:
    zone = zone_file("clavitor.com", ALL)
    assert "frankfurt.clavitor.com. A 198.51.100.28\n" in zone
    assert "soc.clavitor.com. A 198.51.100.10\n" in zone
    assert "lab." not in zone.replace("ns.lab.", "").replace("hostmaster.lab.", "")


def test_the_lab_zone_holds_the_internet_s_services() -> None:
    zone = zone_file("lab", ALL)
    assert all(f"{name}. A 198.51.100.2\n" in zone for name in INTERNET_NAMES)
    assert {"acme.lab", "ntfy.lab", "apt.lab", "telegram.lab", "discord.lab", "model.lab"} <= set(INTERNET_NAMES)


def test_the_name_server_serves_its_zones_and_forwards_nothing() -> None:
    conf = Knot(updates={"clavitor.com": tsig_key()}).conf(("clavitor.com", "lab"))
    assert conf.count("domain:") == 2
    assert "remote" not in conf


def test_the_lab_s_own_names_are_changed_by_nobody() -> None:
    conf = Knot(updates={"clavitor.com": tsig_key()}).conf(("clavitor.com", "lab"))
    fleets, labs = conf.split("zone:\n")[1].split("  - domain: lab\n")
    assert ("acl: clavitor.com" in fleets, "acl" in labs) == (True, False)


def test_a_zone_may_begin_without_a_name_of_the_fleet() -> None:
    made = internet_files("clavitor.com", ALL, {}, {}, tsig_key(), bare_zone=True)
    fleets, labs = (made[Path(f"etc/knot/{zone}.zone")][0].decode() for zone in ("clavitor.com", "lab"))
    assert (" A " in fleets, " A " in labs) == (False, True)


def test_a_machine_s_identity_is_new_each_time_and_its_private_key_closed() -> None:
    one, other = (identity_files(named("virginia"), ["ssh-ed25519 AAAA hq"]) for _ in range(2))
    assert one[HOST_KEY] != other[HOST_KEY]
    assert one[HOST_KEY][1] == 0o600
    assert one[AUTHORIZED_KEYS] == (b"ssh-ed25519 AAAA hq\n", 0o600)
    assert one[Path("etc/machine-id")] != other[Path("etc/machine-id")]


def test_the_fingerprint_is_the_one_that_ssh_keygen_shows(tmp_path: Path) -> None:
    write_files(tmp_path, identity_files(named("virginia"), []))
    public = (tmp_path / HOST_KEY).with_suffix(".pub")
    shown = subprocess.run(["ssh-keygen", "-lf", public], check=True, capture_output=True, text=True).stdout
    assert fingerprint(public.read_text()) == shown.split()[1]


@given(st.binary(min_size=1, max_size=64))
def test_a_fingerprint_never_ends_in_padding(blob: bytes) -> None:
    assert not fingerprint(f"ssh-ed25519 {base64.b64encode(blob).decode()}").endswith("=")


def test_authorizing_twice_adds_one_line(tmp_path: Path) -> None:
    write_files(tmp_path, identity_files(named("virginia"), ["ssh-ed25519 AAAA one"]))
    authorize(tmp_path, "ssh-ed25519 BBBB two\n")
    authorize(tmp_path, "ssh-ed25519 BBBB two")
    assert (tmp_path / AUTHORIZED_KEYS).read_text() == "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n"
    assert (tmp_path / AUTHORIZED_KEYS).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "root/.ssh").stat().st_mode & 0o777 == 0o700


def test_secrets_of_the_internet_s_services_are_closed() -> None:
    certificates = dict.fromkeys(TLS_NAMES, (b"certificate", b"key"))
    made = internet_files("clavitor.com", ALL, certificates, {"ntfy": "tk", "telegram": "tk"}, tsig_key())
    closed = {path.name for path, (_, mode) in made.items() if mode == 0o600}
    assert {"ntfy.token", "telegram.token", *(f"{name}.key" for name in TLS_NAMES)} <= closed
    assert not any(b"tk\n" in content or content == b"key" for content, mode in made.values() if mode != 0o600)


def test_every_service_of_the_internet_is_wanted_at_boot() -> None:
    made = internet_files("clavitor.com", ALL, {}, {}, tsig_key())
    units = {path.name for path in made if path.suffix == ".service"}
    wants = made[Path("etc/systemd/system/multi-user.target.d/noc.conf")][0].decode()
    assert set(wants.split("Wants=")[1].split()) == units


def test_the_round_trip_grows_with_the_great_circle() -> None:
    zurich = named("zurich")
    assert round_trip_ms(zurich, zurich) == 0
    assert round_trip_ms(zurich, named("frankfurt")) == pytest.approx(3, abs=1)
    assert round_trip_ms(zurich, named("sydney")) == pytest.approx(166, abs=2)
    assert round_trip_ms(zurich, named("sydney")) == pytest.approx(round_trip_ms(named("sydney"), zurich))


def test_each_stand_in_gets_its_program_its_token_and_a_certificate_of_its_name() -> None:
    made = internet_files("clavitor.com", ALL, {}, {}, tsig_key())
    for each in STAND_INS:
        unit = made[Path(f"etc/systemd/system/noc-{each.name}.service")][0].decode()
        assert f"Environment=PEBBLE_VA_NOSLEEP=1 HOME=/root PYTHONPATH={PROGRAMS}\n" in unit
        assert f"ExecStart=/usr/bin/python3 -P {each.program} --listen" in unit
        assert f"--token-file /etc/noc-internet/{each.name}.token" in unit
        assert f"--certificate /etc/noc-internet/{each.host}.crt" in unit
        assert each.host in TLS_NAMES


def test_a_stand_in_runs_from_its_own_files_and_the_standard_library_alone(tmp_path: Path) -> None:
    made = internet_files("clavitor.com", ALL, {}, {}, tsig_key())
    write_files(tmp_path, {path: made[path] for path in (Path(each[1:]) for each in programs())})
    environment = {"PYTHONPATH": f"{tmp_path}{PROGRAMS}"}
    for each in STAND_INS:
        asked = [sys.executable, "-P", "-S", *each.program.split(), "--help"]
        done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, "--token-file" in done.stdout) == (0, True), done.stderr


def test_stand_ins_answer_at_ports_of_their_own_and_no_token_is_like_another() -> None:
    assert len({each.port for each in STAND_INS}) == len(STAND_INS)
    assert len({each.new_token() for each in STAND_INS for _ in range(2)}) == 2 * len(STAND_INS)
