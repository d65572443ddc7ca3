"""Machines of the lab behave as machines do: keys, power, reboot, units."""

import subprocess
from collections.abc import Callable

import pytest

from noc.lab.errors import MachineOff, NoSuchMachine
from noc.lab.lab import Lab

Until = Callable[..., None]


def text(done: "subprocess.CompletedProcess[bytes]") -> str:
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def boot_id(lab: Lab, name: str) -> str:
    return text(lab.exec(name, "cat", "/proc/sys/kernel/random/boot_id"))


def test_each_machine_has_its_own_name_machine_id_and_host_key(lab: Lab) -> None:
    names = ("zurich", "virginia", "frankfurt")
    assert [text(lab.exec(name, "hostname")) for name in names] == list(names)
    assert len({text(lab.exec(name, "cat", "/etc/machine-id")) for name in names}) == 3
    assert len({lab.host_key(name) for name in names}) == 3


def test_the_bare_machine_has_nothing_of_ours(lab: Lab) -> None:
    for program in ("python3", "wg", "caddy", "nft", "curl"):
        assert lab.exec("frankfurt", "sh", "-c", f"command -v {program}").returncode != 0


def test_hq_logs_in_over_ssh_with_the_key_read_from_the_console(lab: Lab) -> None:
    lab.exec("zurich", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519")
    lab.authorize("frankfurt", text(lab.exec("zurich", "cat", "/root/.ssh/id_ed25519.pub")))
    pinned = (lab.disk("frankfurt") / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    known = f"{lab.address('frankfurt')} {' '.join(pinned.split()[:2])}\n"
    lab.exec("zurich", "tee", "/root/.ssh/known_hosts", stdin=known.encode())
    ssh = ("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", f"root@{lab.address('frankfurt')}")
    assert text(lab.exec("zurich", *ssh, "hostname")) == "frankfurt"


def test_the_host_key_is_the_one_that_sshd_presents(lab: Lab) -> None:
    scanned = text(lab.exec("zurich", "ssh-keyscan", "-t", "ed25519", lab.address("virginia")))
    assert lab.host_key("virginia") in text(lab.exec("zurich", "ssh-keygen", "-lf", "-", stdin=scanned.encode()))


def test_a_password_opens_nothing(lab: Lab) -> None:
    asked = lab.exec("zurich", "ssh", "-v", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
                     "-o", "UserKnownHostsFile=/dev/null", "nobody@" + lab.address("virginia"))  # fmt: skip
    assert b"Authentications that can continue: publickey\r" in asked.stderr


def test_power_off_keeps_the_disk_and_forgets_everything_else(lab: Lab) -> None:
    before = boot_id(lab, "virginia")
    lab.exec("virginia", "sh", "-c", "echo kept > /root/kept; echo gone > /run/gone; nft add table inet gone")
    lab.kill("virginia")
    with pytest.raises(MachineOff):
        lab.exec("virginia", "true")
    lab.boot("virginia")
    assert text(lab.exec("virginia", "cat", "/root/kept")) == "kept"
    assert lab.exec("virginia", "test", "-e", "/run/gone").returncode != 0
    assert text(lab.exec("virginia", "nft", "list", "ruleset")) == ""
    assert boot_id(lab, "virginia") != before


def test_a_reboot_from_inside_comes_back_with_a_new_boot_id(lab: Lab, until: Until) -> None:
    before = boot_id(lab, "virginia")

    def is_back() -> bool:
        row = next(row for row in lab.status()["machines"] if row["name"] == "virginia")
        return row["boot_id"] not in {None, before}

    lab.exec("virginia", "systemctl", "reboot")
    until(is_back)
    until(lambda: lab.exec("virginia", "systemctl", "is-system-running").stdout.strip() == b"running")


def test_transient_timers_run(lab: Lab, until: Until) -> None:
    text(lab.exec("virginia", "systemd-run", "--on-active=0.2", "--timer-property=AccuracySec=50ms",
                  "touch", "/run/timer-ran"))  # fmt: skip
    until(lambda: lab.exec("virginia", "test", "-e", "/run/timer-ran").returncode == 0)


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(lab: Lab, until: Until) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        lab.exec("virginia", "sh", "-c", "sleep 4321 & sleep 4321", timeout_s=1)
    until(lambda: b"4321" not in lab.exec("virginia", "ps", "-eo", "args").stdout)


def test_an_unknown_machine_is_refused_by_name(lab: Lab) -> None:
    with pytest.raises(NoSuchMachine, match="atlantis"):
        lab.kill("atlantis")
