"""HQ installed from the distributed file on a real host, looked at from inside and from outside."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from noc.fleet.inventory import Inventory, NodeRecord
from noc.fleet.load import load
from noc.fleet.render import peers_conf
from noc.lab.fleet import TRUST
from noc.lab.hq import Headquarters
from noc.lab.lab import Lab
from noc.lab.operator import Operator
from noc.lab.places import Places
from noc.lab.standins import TELEGRAM, chat_tables
from noc.lab.stranger import scan_all
from noc.mesh.keys import generate

ROOT = Path(__file__).parents[2]
FLEET_FILE = "/etc/noc/fleet.toml"
PEERS = "/etc/noc/wireguard/peers.conf"
Until = Callable[..., None]


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    operator = Operator(tmp_path_factory.mktemp("operator"))
    operator.init()
    return operator


@pytest.fixture(scope="module")
def hq(tmp_path_factory: pytest.TempPathFactory, operator: Operator) -> Iterator[Headquarters]:
    """HQ alone in a lab of its own, because closing its doors would change the other tests' lab."""
    work = tmp_path_factory.mktemp("hub")
    argv = [sys.executable, str(ROOT / "tools" / "dist.py"), "--out", str(work)]
    dist = Path(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=900).stdout.strip())
    lab = Lab(Places(state=work / "lab", cache=Places.default().cache))
    lab.up([])
    try:
        lab.fleet_directory(work / "fleet", ["virginia", "frankfurt"], {})
        hq = Headquarters(lab)
        report = hq.install(dist, work / "fleet", operator.trust, lab.ntfy_token)
        assert report["changed"] is True
        yield hq
    finally:
        lab.down()


def as_user(hq: Headquarters, user: str, command: str) -> "subprocess.CompletedProcess[bytes]":
    return hq.lab.exec(hq.name, "setpriv", f"--reuid={user}", "--init-groups", "--regid=noc", "sh", "-c", command)


def write_peers(hq: Headquarters, text: str) -> None:
    """Replace the list of peers as the runner does: a new file, renamed over the old."""
    command = f"cat > {PEERS}.new && mv {PEERS}.new {PEERS}"
    argv = ("setpriv", "--reuid=noc-runner", "--regid=noc", "--clear-groups", "sh", "-c", command)
    assert hq.lab.exec(hq.name, *argv, stdin=text.encode()).returncode == 0


def peers(hq: Headquarters) -> set[str]:
    return set(hq.sh("wg", "show", "wg0", "peers").split())


def changes(report: dict[str, Any]) -> list[str]:
    return [change for step in report["steps"] for change in step["changed"]]


def test_running_it_again_changes_nothing(hq: Headquarters) -> None:
    assert changes(hq.noc("hub", "install")) == []


def test_everything_is_as_it_was_installed(hq: Headquarters) -> None:
    report = hq.noc("hub", "status", statuses=(0, 1))
    assert [check for check in report["checks"] if not check["ok"]] == []


def test_what_somebody_changed_by_hand_is_put_right(hq: Headquarters) -> None:
    hq.sh("systemctl", "disable", "--now", "noc-tunnels.socket")
    hq.sh("chmod", "0644", "/etc/noc-credentials/ssh_key")
    hq.sh("nft", "delete", "table", "inet", "noc")
    hq.noc("hub", "install")
    report = hq.noc("hub", "status", statuses=(0, 1))
    assert [check for check in report["checks"] if not check["ok"]] == []


def test_from_outside_ssh_and_the_proxy_answer_and_nothing_else(hq: Headquarters) -> None:
    assert scan_all(hq.lab, [hq.name])[hq.name].open_ports == (22, 80, 443)


@pytest.mark.parametrize(("name", "status"), [("noc", "401"), ("soc", "200")])
def test_strangers_get_an_honest_answer_over_valid_tls(hq: Headquarters, until: Until, name: str, status: str) -> None:
    argv = ("curl", "-sS", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(hq.lab.trust_bundle))
    url = f"https://{name}.clavitor.com/"
    until(lambda: hq.lab.stranger_exec(*argv, url).stdout.decode() == status)


def test_the_proxy_reaches_the_socket_that_asks_for_a_session_and_not_the_other(hq: Headquarters) -> None:
    assert hq.sh("stat", "--format=%U:%G %a", "/run/noc-watch/web.sock").strip() == "noc-watch:noc-web 660"
    as_proxy = ("setpriv", "--reuid=caddy", "--regid=caddy", "--groups=noc-web")
    for name, works in (("web", True), ("watch", False)):
        ask = ("curl", "-sS", "-o", "/dev/null", "--unix-socket", f"/run/noc-watch/{name}.sock", "http://localhost/")
        assert (hq.lab.exec(hq.name, *as_proxy, *ask).returncode == 0) == works


def test_sshd_takes_keys_only(hq: Headquarters) -> None:
    settings = hq.sh("sshd", "-T").splitlines()
    assert "passwordauthentication no" in settings
    assert "kbdinteractiveauthentication no" in settings


@pytest.mark.parametrize("user", ["noc-watch", "noc-runner", "noc-bot", "noc-agent"])
def test_no_service_user_reads_a_key_where_it_lies(hq: Headquarters, user: str) -> None:
    assert as_user(hq, user, "cat /etc/noc-credentials/ssh_key").returncode != 0


@pytest.fixture
def in_chat(hq: Headquarters) -> Iterator[None]:
    """The fleet file has the lab's Telegram while it lasts."""
    before = hq.sh("cat", FLEET_FILE)
    write_fleet_file(hq, before + tomli_w.dumps({"telegram": chat_tables(TRUST)["telegram"]}))
    try:
        yield
    finally:
        write_fleet_file(hq, before)


def write_fleet_file(hq: Headquarters, text: str) -> None:
    hq.sh("runuser", "-u", "noc-runner", "--", "tee", FLEET_FILE, stdin=text.encode())


def bot_checks(hq: Headquarters) -> dict[str, bool]:
    """What `noc hub status` says of the bot and its chats."""
    checks = hq.noc("hub", "status", statuses=(0, 1))["checks"]
    return {check["check"]: check["ok"] for check in checks if "bot" in check["check"] or "chat" in check["check"]}


@pytest.mark.usefixtures("in_chat")
def test_the_bot_comes_with_a_chats_token_and_goes_with_it(hq: Headquarters, until: Until) -> None:
    hq.noc("hub", "apply")
    assert bot_checks(hq) == {"chat telegram": False}
    hq.sh("noc", "hub", "secret", "set", "telegram_token", stdin=hq.lab.token(TELEGRAM).encode())
    until(lambda: hq.lab.stand_in(TELEGRAM, "calls")["result"].get("getUpdates", 0) > 0)
    assert bot_checks(hq) == {"noc-bot.service": True}
    assert hq.sh("systemctl", "show", "--property=User", "--value", "noc-bot").strip() == "noc-bot"
    assert changes(hq.noc("hub", "install")) == []
    hq.noc("hub", "secret", "remove", "telegram_token")
    assert hq.lab.exec(hq.name, "systemctl", "is-active", "noc-bot").returncode != 0
    assert not (hq.lab.disk(hq.name) / "etc/systemd/system/noc-bot.service").exists()


def test_an_hq_from_before_the_bot_gets_its_user_by_the_newer_noc(hq: Headquarters) -> None:
    hq.sh("userdel", "noc-bot")
    hq.sh("gpasswd", "--delete", "noc-agent", "noc")
    hq.noc("hub", "apply")
    assert "noc" in hq.sh("id", "-Gn", "noc-agent").split()
    assert hq.sh("stat", "--format=%U:%G %a", "/var/lib/noc-bot").strip() == "noc-bot:noc 700"


def test_no_token_of_a_chat_is_in_what_the_bot_says_or_shows(hq: Headquarters) -> None:
    said = hq.sh("journalctl", "--unit=noc-bot.service", "--output=cat", "--no-pager")
    assert said
    assert hq.lab.token(TELEGRAM) not in said


def test_a_list_of_peers_is_applied_by_itself_and_drops_nobody(hq: Headquarters, until: Until) -> None:
    fleet, one, two = load(ROOT / "fleet"), generate()[1], generate()[1]
    records = {"virginia": NodeRecord(wireguard_key=one)}
    write_peers(hq, peers_conf(fleet, Inventory(nodes=records)))
    until(lambda: peers(hq) == {one})
    public = hq.sh("wg", "show", "wg0", "public-key")
    records["frankfurt"] = NodeRecord(wireguard_key=two)
    write_peers(hq, peers_conf(fleet, Inventory(nodes=records)))
    until(lambda: peers(hq) == {one, two})
    assert hq.sh("wg", "show", "wg0", "public-key") == public


def test_a_list_that_asks_for_more_than_a_peers_own_address_is_not_applied(hq: Headquarters, until: Until) -> None:
    before = peers(hq)
    write_peers(hq, f"[Peer]\nPublicKey = {generate()[1]}\nAllowedIPs = 0.0.0.0/0\n")
    until(lambda: "E807" in hq.sh("journalctl", "--unit=noc-peers.service", "--output=cat", "--no-pager"))
    assert peers(hq) == before


def test_peers_are_there_again_after_the_tunnel_was_restarted(hq: Headquarters, until: Until) -> None:
    key = generate()[1]
    write_peers(hq, peers_conf(load(ROOT / "fleet"), Inventory(nodes={"virginia": NodeRecord(wireguard_key=key)})))
    until(lambda: peers(hq) == {key})
    hq.sh("systemctl", "restart", "wg-quick@wg0.service")
    until(lambda: peers(hq) == {key})


def test_the_tunnels_counters_are_for_the_group_noc_and_hold_no_private_key(hq: Headquarters) -> None:
    ask = (
        "python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/noc-tunnels.sock');"
        ' print(s.makefile().read())"'
    )
    answer = as_user(hq, "noc-watch", ask)
    assert answer.returncode == 0
    assert hq.sh("cat", "/etc/noc-credentials/hub_wg_key").strip().encode() not in answer.stdout
    stranger = hq.lab.exec(hq.name, "setpriv", "--reuid=nobody", "--clear-groups", "--regid=nogroup", "sh", "-c", ask)
    assert b"PermissionError" in stranger.stderr


def test_a_release_that_root_adds_belongs_to_the_runner(hq: Headquarters, operator: Operator) -> None:
    sha = hq.add_release(operator.release("1.0.0", 1).directory)
    path = f"/var/lib/noc/releases/{sha}/clavitor.pyz"
    assert hq.sh("stat", "-c", "%U:%G %a", path).strip() == "noc-runner:noc 640"
    assert hq.noc("release", "list")[0]["sha256"] == sha


def test_hq_comes_back_whole_after_a_power_cut(hq: Headquarters, until: Until) -> None:
    hq.noc("hub", "install")  # other tests wrote lists of peers that no inventory knows
    hq.lab.kill(hq.name)
    hq.lab.boot(hq.name)
    until(lambda: hq.noc("hub", "status", statuses=(0, 1))["ok"], 30)
    assert changes(hq.noc("hub", "install")) == []
