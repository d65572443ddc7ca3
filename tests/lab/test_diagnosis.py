"""Looking into nodes at three in the morning: logs, commands, a shell, and why a tunnel is dead, on real hosts."""

import contextlib
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fleet_kit import Fleet, wait_for

SAID = "noc-said.service"
LARGE = """table inet hole {
  chain out { type filter hook output priority 0; udp dport 51820 meta length > 1405 drop; }
  chain in { type filter hook input priority -300; udp sport 51820 meta length > 1405 drop; }
}"""
ODD = ("a b", "", "$HOME", "*", "it's", '"', "--", "-x", "é", "one\ntwo", ";reboot", "`id`")


def say(fleet: Fleet, node: str, words: str) -> None:
    """Let a unit on a node say something; it lives until the journal has seen whose process that was."""
    fleet.on(node, f"systemd-run --quiet --wait --collect --unit={SAID} sh -c \"echo '{words}'; sleep 0.3\"")


def messages(document: dict[str, Any]) -> list[str]:
    return [
        f"{entry['node']}: {entry['message']}" for entry in document["entries"] if entry["message"].startswith("said")
    ]


def running(fleet: Fleet, node: str, words: str) -> bool:
    """Whether a process whose command line holds these words runs on a node."""
    return fleet.lab.exec(node, "pgrep", "-f", words).returncode == 0


@contextlib.contextmanager
def under_way(fleet: Fleet, *words: str) -> "Iterator[subprocess.Popen[str]]":
    """A command of `noc` on HQ, which writes down its process there, and hears Ctrl-C whoever runs these tests how."""
    script = 'echo $$ >/run/under-way; exec env --default-signal=INT noc "$@"'
    argv = fleet.lab.console("zurich", "sh", "-c", script, "noc", *words)
    with fleet.started(argv) as command:
        try:
            yield command
        finally:
            command.kill()


def ctrl_c(fleet: Fleet) -> None:
    fleet.hq.sh("sh", "-c", "kill -INT $(cat /run/under-way)")


@pytest.fixture
def since(fleet: Fleet) -> str:
    """A time before what a test lets nodes say."""
    return fleet.hq.sh("date", "-u", "+%Y-%m-%dT%H:%M:%SZ").strip()


class TestLogs:
    def test_the_journals_of_nodes_are_one_by_time(self, fleet: Fleet, since: str) -> None:
        for number, node in enumerate(("virginia", "london", "virginia", "singapore"), 1):
            say(fleet, node, f"said {number}")
        document = fleet.hq.noc("logs", "all", "-u", SAID, "--since", since)
        assert messages(document) == [
            "virginia: said 1", "london: said 2", "virginia: said 3", "singapore: said 4"
        ]  # fmt: skip

    def test_a_push_token_is_never_shown(self, fleet: Fleet, since: str) -> None:
        say(fleet, "virginia", "said POST http://10.84.0.1:8084/api/push/not-for-eyes?status=up")
        document = fleet.hq.noc("logs", "virginia", "-u", SAID, "--since", since)
        assert messages(document) == ["virginia: said POST http://10.84.0.1:8084/api/push/[hidden]?status=up"]

    def test_the_newest_that_match_come_in_order(self, fleet: Fleet, since: str) -> None:
        for number in range(4):
            say(fleet, "virginia", f"said {number}")
        document = fleet.hq.noc("logs", "virginia", "-u", SAID, "--since", since, "-n", "2", "--grep", "^said [013]")
        assert messages(document) == ["virginia: said 1", "virginia: said 3"]

    def test_that_nothing_matches_is_no_failure(self, fleet: Fleet) -> None:
        assert fleet.hq.noc("logs", "virginia", "--grep", "nobody says this")["entries"] == []

    def test_a_node_that_is_down_is_named_and_the_others_go_on(self, fleet: Fleet, since: str) -> None:
        say(fleet, "virginia", "said alone")
        fleet.lab.cut("singapore")
        try:
            done = fleet.lab.exec("zurich", "noc", "logs", "virginia", "singapore", "-u", SAID, "--since", since)
        finally:
            fleet.lab.heal("singapore")
        assert (done.returncode, "said alone" in done.stdout.decode()) == (3, True)
        assert "✗ singapore: " in done.stderr.decode()

    def test_what_comes_is_followed_until_ctrl_c_which_ends_it_on_the_node_too(self, fleet: Fleet) -> None:
        look = "journalctl --output=json.*noc-said"
        say(fleet, "virginia", "said before")
        with under_way(fleet, "logs", "virginia", "-u", SAID, "-f", "-n", "1", "--json") as command:
            wait_for(lambda: running(fleet, "virginia", look))
            say(fleet, "virginia", "said later")
            assert command.stdout is not None
            assert any("said later" in line for line in command.stdout)
            ctrl_c(fleet)
            assert command.wait(30) == 130
        wait_for(lambda: not running(fleet, "virginia", look))


class TestExec:
    def test_words_go_there_as_they_are(self, fleet: Fleet) -> None:
        program = "import json, sys; print(json.dumps(sys.argv[1:]))"
        argv = ("zurich", "noc", "exec", "virginia", "--", "python3", "-c", program, *ODD)
        assert json.loads(fleet.lab.exec(*argv).stdout) == list(ODD)

    def test_what_ends_well_on_some_nodes_alone_is_told_apart_and_written_down(self, fleet: Fleet) -> None:
        script = "test $(hostname) = london"
        argv = ("zurich", "noc", "exec", "--json", "virginia", "london", "--", "sh", "-c", script)
        done = fleet.lab.exec(*argv)
        exits = {row["node"]: row["exit"] for row in json.loads(done.stdout)["nodes"]}
        assert (done.returncode, exits) == (3, {"virginia": 1, "london": 0})
        *_, intent, outcome = fleet.hq.noc("audit", "-n", "2")["entries"]
        assert (intent["detail"]["command"], outcome["detail"]["exits"]) == (f"sh -c '{script}'", exits)

    def test_a_command_ends_on_the_node_with_its_time_and_with_ctrl_c(self, fleet: Fleet) -> None:
        done = fleet.lab.exec("zurich", "noc", "exec", "virginia", "--timeout", "1", "--", "sleep", "3141")
        assert (done.returncode, "exit 124" in done.stderr.decode()) == (1, True)
        assert not running(fleet, "virginia", "sleep 3141")
        with under_way(fleet, "exec", "virginia", "--", "sh", "-c", "sleep 2718") as command:
            wait_for(lambda: running(fleet, "virginia", "sleep 2718"))
            ctrl_c(fleet)
            assert command.wait(30) == 130
        wait_for(lambda: not running(fleet, "virginia", "sleep 2718"))


class Terminal:
    """A terminal of this machine's own, in which a command on HQ runs."""

    def __init__(self, argv: list[str]) -> None:
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.execvp(argv[0], argv)
        self.seen = b""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def sees(self, words: bytes, deadline_s: float = 60) -> None:
        """Wait until words stand on the screen; what stood before them is forgotten."""
        end = time.monotonic() + deadline_s
        while words not in self.seen:
            ready = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))[0]
            assert ready, (words, self.seen)
            self.seen += os.read(self._fd, 4096)
        self.seen = self.seen.partition(words)[2]

    def ended(self) -> int:
        with contextlib.suppress(OSError):  # a terminal that nobody holds any more
            while os.read(self._fd, 4096):
                pass
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


class TestShell:
    def test_it_is_a_terminal_there_with_the_window_s_size_and_ends_with_the_shell_s_status(self, fleet: Fleet) -> None:
        terminal = Terminal(fleet.lab.console("zurich", "noc", "ssh", "virginia"))
        terminal.sees(b"# ")
        terminal.resize(99, 33)
        terminal.type(b"until stty size | grep '33 99'; do :; done; hostname\r")
        terminal.sees(b"33 99\r\n")
        terminal.sees(b"virginia\r\n")
        terminal.type(b"exit 7\r")
        assert terminal.ended() == 7
        *_, intent, outcome = fleet.hq.noc("audit", "-n", "2")["entries"]
        assert (intent["what"], outcome["detail"]) == ("shell on virginia", {"exit": 7})

    def test_tilde_and_dot_leave_it_and_it_ends_on_the_node(self, fleet: Fleet) -> None:
        terminal = Terminal(fleet.lab.console("zurich", "noc", "ssh", "virginia"))
        terminal.sees(b"# ")
        terminal.type(b"sleep 1618\r")
        wait_for(lambda: running(fleet, "virginia", "sleep 1618"))
        terminal.type(b"\r~.")
        assert terminal.ended() == 130
        wait_for(lambda: not running(fleet, "virginia", "sleep 1618"))

    def test_without_a_terminal_it_is_refused_with_what_does_it(self, fleet: Fleet) -> None:
        done = fleet.lab.exec("zurich", "noc", "ssh", "virginia")
        assert (done.returncode, "noc exec virginia -- COMMAND" in done.stderr.decode()) == (2, True)


class TestTunnel:
    def verdict(self, fleet: Fleet, node: str = "virginia") -> str:
        document = fleet.hq.noc("tunnel", node, statuses=(0, 1))
        assert document["verdict"] == "well" or document["fix"]
        return str(document["verdict"])

    def test_one_that_carries_is_well(self, fleet: Fleet) -> None:
        assert self.verdict(fleet) == "well"

    def test_a_path_that_swallows_large_packets(self, fleet: Fleet) -> None:
        fleet.on("virginia", f"nft '{LARGE}'")
        try:
            document = fleet.hq.noc("tunnel", "virginia", statuses=(1,))
        finally:
            fleet.on("virginia", "nft delete table inet hole")
        assert (document["verdict"], document["seen"]["segment"]) == ("mtu", 1300)
        assert "mtu = 1340" in document["fix"]

    def test_hq_s_port_that_is_shut(self, fleet: Fleet) -> None:
        fleet.hq.sh("nft", "insert rule inet noc input udp dport 51820 drop")
        try:
            assert self.verdict(fleet) == "port-shut"
        finally:
            fleet.hq.sh("nft", "-f", "/etc/noc-firewall.nft")

    def test_a_route_that_takes_the_tunnel_s_addresses(self, fleet: Fleet) -> None:
        fleet.hq.sh("ip", "route", "add", "10.84.0.0/25", "dev", "eth0")
        try:
            assert self.verdict(fleet) == "overlap"
        finally:
            fleet.hq.sh("ip", "route", "del", "10.84.0.0/25", "dev", "eth0")

    def test_a_node_with_another_key_is_asked_through_the_rescue_s_door(self, fleet: Fleet) -> None:
        fleet.on("virginia", "wg genkey | wg set wg0 private-key /dev/stdin")
        fleet.on("virginia", "nft 'add element inet noc rescue { 198.51.100.10 timeout 5m }'")
        try:
            assert self.verdict(fleet) == "wrong-key"
        finally:
            fleet.on("virginia", "wg set wg0 private-key /etc/wireguard/wg0.key; nft flush set inet noc rescue")
            wait_for(lambda: self.verdict(fleet) == "well")


def test_every_path_of_a_node_is_explained(fleet: Fleet) -> None:
    document = fleet.hq.noc("reach", "virginia")
    paths = {row["path"]: row["state"] for row in document["paths"]}
    assert paths == dict.fromkeys(paths, "ok")
    assert {"name", "TCP 443", "TLS", "closed ports", "tunnel", "SSH", "push", "rescue door"} <= paths.keys()


def test_a_path_that_fails_says_what_that_means(fleet: Fleet) -> None:
    fleet.on("virginia", "systemctl stop caddy")
    try:
        document = fleet.hq.noc("reach", "virginia", statuses=(1,))
    finally:
        fleet.on("virginia", "systemctl start caddy")
    failed = {row["path"]: row["means"] for row in document["paths"] if row["state"] != "ok"}
    assert "the service is away for everybody" in failed["TCP 443"]
    assert failed.keys() == {"TCP 80", "TCP 443", "TLS", "health", "closed ports"}
