import re
import subprocess
from pathlib import Path

import pytest

from noc.hub import units
from noc.runs.paths import Paths
from unit.hub.hub_kit import program

OWN_KEYS = {"ssh_key", "host_ca", "ssh_key.next", "ssh_key.before", "host_ca.next"}
TEXTS = {
    "noc-watch.service": units.watch_unit("wg0", "abc", ["ntfy_token", "dead_man_url"]),
    "noc-watch.socket": units.watch_socket("10.84.0.1", 8084),
    "noc-runner.service": units.runner_unit("wg0", "abc", ["dns_token"]),
    "noc-bot.service": units.bot_unit("abc", "def", ["telegram_token"]),
    "noc-peers.service": units.peers_service("wg0", "abc"),
    "noc-tunnels.socket": units.tunnels_socket(),
    "noc-tunnels@.service": units.tunnels_service("wg0"),
    "noc-firewall.service": units.firewall_unit(),
}


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    for name, text in TEXTS.items():
        # The programs are not installed here; whether they exist is not this test's question.
        (tmp_path / name).write_text(re.sub(r"(?<==|-)/usr/(local/)?s?bin/\w+", "/bin/true", text))
    (tmp_path / "wg-quick@.service").write_text("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    argv = [analyze, "verify", "--man=no", *(str(tmp_path / name) for name in TEXTS if "@" not in name)]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=60, env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    )
    ours = [line for line in done.stderr.splitlines() if "noc-" in line or str(tmp_path) in line]
    assert ours == []


def credentials(text: str) -> set[str]:
    lines = [line for line in text.splitlines() if line.startswith("LoadCredential=")]
    return {line.removeprefix("LoadCredential=").split(":")[0] for line in lines}


def test_each_unit_reads_its_own_credentials_and_no_others() -> None:
    assert {name: credentials(text) for name, text in TEXTS.items() if credentials(text)} == {
        "noc-watch.service": {"ntfy_token", "dead_man_url"},
        "noc-runner.service": {*OWN_KEYS, "dns_token"},
        "noc-bot.service": {"telegram_token"},
    }


def test_the_watch_starts_without_secrets_where_there_are_none() -> None:
    assert credentials(units.watch_unit("wg0", "abc", [])) == set()


def test_the_watch_asks_the_runner_where_it_listens() -> None:
    text = TEXTS["noc-watch.service"]
    assert f" --runner {Paths().runner_socket}\n" in text
    assert "AF_UNIX" in next(line for line in text.splitlines() if line.startswith("RestrictAddressFamilies="))


def test_the_runner_starts_without_what_opens_others_services_where_there_is_none() -> None:
    assert credentials(units.runner_unit("wg0", "abc")) == OWN_KEYS


def test_the_runner_starts_without_a_key_that_only_a_rotation_makes() -> None:
    text = units.runner_unit("wg0", "abc")
    stand_in = set(re.findall(r"^SetCredential=([^:]+):none$", text, re.MULTILINE))
    assert stand_in == OWN_KEYS - {"ssh_key", "host_ca"}


@pytest.mark.parametrize("user", ["noc-watch", "noc-runner", "noc-bot"])
def test_servers_run_as_their_own_user_without_capabilities(user: str) -> None:
    text = TEXTS[f"{user}.service"]
    assert f"\nUser={user}\n" in text
    assert "\nCapabilityBoundingSet=\n" in text


@pytest.mark.parametrize("name", ["noc-runner.service", "noc-bot.service"])
def test_what_holds_keys_in_memory_leaves_them_on_no_disk(name: str) -> None:
    assert {"LimitCORE=0", "MemorySwapMax=0"} <= set(TEXTS[name].splitlines())


def test_the_runner_may_bring_the_node_in_hand_to_its_end() -> None:
    assert "\nTimeoutStopSec=300\n" in TEXTS["noc-runner.service"]


@pytest.mark.parametrize("name", ["noc-watch.service", "noc-runner.service"])
def test_a_server_counts_as_started_when_it_says_so(name: str) -> None:
    assert "\nType=notify\n" in TEXTS[name]


@pytest.mark.parametrize("name", [f"noc-{name}.service" for name in ("watch", "runner", "peers", "bot")])
def test_servers_come_back_however_often_they_fall(name: str) -> None:
    assert "\nRestart=always\n" in TEXTS[name]
    assert "\nStartLimitIntervalSec=0\n" in TEXTS[name]


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith("service") and "firewall" not in name])
def test_every_service_is_hardened(name: str) -> None:
    assert "\nNoNewPrivileges=yes\n" in TEXTS[name]
    assert "\nProtectSystem=strict\n" in TEXTS[name]


def test_another_noc_makes_another_unit() -> None:
    assert units.runner_unit("wg0", "abc") != units.runner_unit("wg0", "def")
    assert units.bot_unit("abc", "1", ["telegram_token"]) != units.bot_unit("def", "1", ["telegram_token"])


def test_the_bot_writes_nowhere_but_in_its_own_directory() -> None:
    lines = TEXTS["noc-bot.service"].splitlines()
    assert [line for line in lines if "Write" in line and "Paths" in line] == ["ReadWritePaths=/var/lib/noc-bot"]


def test_counters_are_shown_without_private_keys() -> None:
    shows = [line for line in units.tunnels_service("wg0").splitlines() if line.startswith("ExecStart=")]
    assert [line.split()[-1] for line in shows] == ["latest-handshakes", "endpoints", "transfer"]


def test_the_tunnel_gets_its_peers_whenever_it_comes_up() -> None:
    text = TEXTS["noc-peers.service"]
    assert "\nRequires=wg-quick@wg0.service\n" in text
    assert "\nWantedBy=wg-quick@wg0.service multi-user.target\n" in text
