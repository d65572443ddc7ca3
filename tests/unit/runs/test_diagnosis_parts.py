"""What diagnosis is made of: lines, entries, their order, wishes, what both ends say; decided without a node."""

import json
import subprocess
import sys
import time
from ipaddress import IPv4Network
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.runs.diagnosis.entry import HIDDEN, HUGE, Entry, entry_of, hide
from noc.runs.diagnosis.errors import BadCommand, BadTalk, BadWish
from noc.runs.diagnosis.execution import read_order
from noc.runs.diagnosis.hubside import listening, routes
from noc.runs.diagnosis.leash import LATE, leashed
from noc.runs.diagnosis.lines import CUT, Lines
from noc.runs.diagnosis.merging import Knot, Window
from noc.runs.diagnosis.nodeside import read_node
from noc.runs.diagnosis.shell import read_keys, read_terminal
from noc.runs.diagnosis.wish import Wish, journalctl, read_wish

KEY = "A" * 43 + "="
ROUTES = '[{"dst":"default","dev":"eth0"},{"dst":"10.84.0.1","dev":"wg0"},{"dst":"198.51.100.0/24","dev":"eth0"}]'


def entry(at_us: int, node: str = "virginia") -> Entry:
    return Entry(at_us, node, "clavitor.service", 6, "", "")


def journal(**fields: Any) -> bytes:
    return json.dumps({"__REALTIME_TIMESTAMP": "1", "__CURSOR": "c", "PRIORITY": "6", **fields}).encode()


class TestLines:
    @given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
    def test_they_are_the_same_however_they_come_in_pieces(self, content: bytes, cuts: list[int]) -> None:
        lines, edges = Lines(), [0, *sorted(cuts), len(content)]
        pieces = [content[begin:end] for begin, end in pairwise(edges)]
        found = [line for piece in pieces for line in lines.take(piece)] + list(lines.end())
        *whole, rest = [line.removesuffix(b"\r") for line in content.split(b"\n")]
        assert found[: len(whole)] == whole
        assert found[len(whole) :] in ([], [rest])

    @given(st.lists(st.binary(max_size=50), max_size=20))
    def test_none_is_longer_than_the_bound(self, pieces: list[bytes]) -> None:
        lines = Lines(longest=10)
        found = [line for piece in pieces for line in lines.take(piece)]
        assert all(len(line) <= 10 + len(CUT) for line in found)

    def test_one_that_is_cut_says_so(self) -> None:
        assert list(Lines(longest=3).take(b"abcdef\nxy\n")) == [b"abc" + CUT, b"xy"]


class TestEntry:
    def test_it_is_of_the_unit_that_systemd_speaks_of(self) -> None:
        found = entry_of("virginia", journal(UNIT="caddy.service", _SYSTEMD_UNIT="init.scope", MESSAGE="Stopped"))
        assert found is not None
        assert (found.unit, found.message) == ("caddy.service", "Stopped")

    def test_bytes_that_are_no_text_are_shown_as_far_as_they_are(self) -> None:
        found = entry_of("virginia", journal(MESSAGE=[255, 104, 105]))
        assert found is not None
        assert found.message.endswith("hi")

    def test_one_that_is_too_large_to_be_shown_is_named(self) -> None:
        found = entry_of("virginia", journal(MESSAGE=None))
        assert found is not None
        assert found.message == HUGE

    def test_nothing_in_it_plays_with_a_terminal(self) -> None:
        found = entry_of("virginia", journal(MESSAGE="a\x1b[2J\r\nb", _SYSTEMD_UNIT="\x1bx"))
        assert found is not None
        assert (found.message + found.unit).isprintable()

    @given(st.binary(max_size=300) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(
        lambda value: journal(MESSAGE=value, PRIORITY=value, UNIT=value)))  # fmt: skip
    def test_whatever_a_node_says_is_an_entry_or_none(self, line: bytes) -> None:
        found = entry_of("virginia", line)
        assert found is None or (found.message + found.unit).isprintable()

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("GET /api/push/t0ken?status=up", f"GET /api/push/{HIDDEN}?status=up"),
            ("http://10.84.0.1:8084/api/push/t0ken", f"http://10.84.0.1:8084/api/push/{HIDDEN}"),
            ("Authorization: Bearer t0ken, x", f"Authorization: Bearer {HIDDEN}, x"),
            ("dial password=t0ken&x=1", f"dial password={HIDDEN}&x=1"),
            ("PrivateKey = t0ken", f"PrivateKey = {HIDDEN}"),
            ("password was wrong", "password was wrong"),
        ],
    )
    def test_secrets_are_struck_out(self, text: str, shown: str) -> None:
        assert hide(text) == shown


class TestOrder:
    @given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 100)), max_size=40))
    def test_journals_that_are_in_order_each_become_one_that_is(self, said: list[tuple[str, int]]) -> None:
        journals = {name: sorted(at for node, at in said if node == name) for name in "abc"}
        knot, found = Knot(frozenset(journals)), []
        while True:
            for name in knot.waiting:
                knot.add(entry(journals[name].pop(0), name)) if journals[name] else knot.end(name)
            if (each := knot.next()) is None:
                break
            found.append((each.node, each.at_us))
        assert [at for _, at in found] == sorted(at for _, at in said)
        assert sorted(found) == sorted(said)

    @given(st.lists(st.integers(0, 100), max_size=40))
    def test_what_arrives_within_the_window_comes_out_in_order(self, times: list[int]) -> None:
        window = Window(window_s=1)
        for at in times:
            window.add(entry(at), now=0.5)
        assert list(window.ready(now=1.4)) == []
        assert [each.at_us for each in window.ready(now=1.5)] == sorted(times)

    def test_what_waits_is_bounded(self) -> None:
        window = Window(window_s=1000, most=10)
        for at in range(25):
            window.add(entry(at), now=0)
        assert [each.at_us for each in window.ready(now=0)] == list(range(15))

    def test_the_next_is_due_when_the_oldest_has_waited(self) -> None:
        window = Window(window_s=1)
        assert window.due_s(now=0) is None
        window.add(entry(1), now=0.25)
        assert window.due_s(now=1) == pytest.approx(0.25)


class TestWish:
    def test_without_a_word_it_is_the_last_of_ours(self) -> None:
        argv = journalctl(read_wish({}))
        assert {"--unit=clavitor*", "--unit=caddy.service", "--unit=noc-*", "--lines=100"} <= set(argv)

    def test_a_look_that_was_cut_goes_on_behind_what_it_had(self) -> None:
        argv = journalctl(Wish(follow=True, since=1.0), after="s=1;i=2")
        assert {"--after-cursor=s=1;i=2", "--no-tail", "--follow"} <= set(argv)
        assert not any(word.startswith(("--since", "--lines")) for word in argv)

    @pytest.mark.parametrize(
        "request_",
        [
            {"units": ["-x"]},
            {"units": ["--vacuum-size=1"]},
            {"units": ["a b"]},
            {"units": ["u"] * 21},
            {"lines": 1001},
            {"lines": -1},
            {"since": "yesterday"},
            {"since": float("nan")},
            {"since": True},
            {"grep": "x" * 501},
            {"grep": "a\nb"},
            {"follow": True, "until": 5},
        ],
    )
    def test_what_no_journal_can_be_asked_for_is_refused(self, request_: dict[str, Any]) -> None:
        with pytest.raises(BadWish):
            read_wish(request_)

    @given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=30))
    def test_no_pattern_becomes_an_option_of_its_own(self, pattern: str) -> None:
        argv = journalctl(read_wish({"grep": pattern}))
        assert [word for word in argv if not word.startswith("--")] == ["journalctl"]


class TestLeash:
    def start(self, *argv: str, within_s: float = 0) -> "subprocess.Popen[bytes]":
        line = [sys.executable, *leashed(argv, within_s)[1:]]
        return subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @given(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10), min_size=1, max_size=4)
    )
    def test_a_command_line_holds_each_word_as_it_is(self, words: list[str]) -> None:
        assert leashed(tuple(words), 3)[-len(words) - 1 :] == ("3", *words)

    @pytest.mark.parametrize(
        ("argv", "status"),
        [
            (("true",), 0),
            (("sh", "-c", "exit 9"), 9),
            (("sh", "-c", "kill -9 $$"), 137),
            (("no-such-program",), 127),
            (("/",), 126),
        ],
    )
    def test_the_status_is_the_command_s_own(self, argv: tuple[str, ...], status: int) -> None:
        with self.start(*argv) as command:
            assert command.wait(30) == status

    def test_its_time_is_over(self) -> None:
        with self.start("sleep", "600", within_s=0.2) as command:
            assert command.wait(30) == LATE

    def test_it_ends_with_its_input_and_takes_along_what_it_has_started(self) -> None:
        with self.start("sh", "-c", "sleep 600 & echo $!; wait") as command:
            assert command.stdout is not None
            assert command.stdin is not None
            process = Path(f"/proc/{int(command.stdout.readline())}")
            command.stdin.close()
            assert command.wait(30) == LATE
        end = time.monotonic() + 30
        while process.exists() and "Z" not in (process / "stat").read_text().split()[2]:
            assert time.monotonic() < end, "it runs on"
            time.sleep(0.05)


class TestBounds:
    @pytest.mark.parametrize("more", [{"within_s": 0}, {"within_s": 4000}, {"at_once": 0}, {"at_once": 33}])
    def test_a_command_is_run_with_sane_bounds_alone(self, more: dict[str, Any]) -> None:
        with pytest.raises(BadCommand):
            read_order({"argv": ["true"], **more})

    @pytest.mark.parametrize("size", [None, [80], [0, 24], [80, 2001], [80.0, 24], ["80", "24"], "80x24", {"80": 24}])
    def test_a_window_s_size_is_two_numbers(self, size: object) -> None:
        with pytest.raises(BadTalk):
            read_terminal({"term": "xterm", "size": size})

    @given(st.text(max_size=40))
    def test_keys_are_base64_or_refused(self, text: str) -> None:
        try:
            assert isinstance(read_keys(text), bytes)
        except BadTalk:
            return


class TestEnds:
    def test_a_node_tells_its_key_its_peer_its_clock_and_its_routes(self) -> None:
        hub = "B" * 43 + "="
        told = read_node(f"{KEY}\n{hub}\t198.51.100.10:51820\n\n1800000000.5\n{ROUTES}\n", asked_at=7.0)
        assert (told.key, told.hub_key, told.endpoint) == (KEY, hub, "198.51.100.10:51820")
        assert (told.clock, told.asked_at) == (1_800_000_000.5, 7.0)
        assert told.routes == (("wg0", IPv4Network("10.84.0.1/32")), ("eth0", IPv4Network("198.51.100.0/24")))

    def test_a_node_without_its_tunnel_has_no_key(self) -> None:
        assert read_node(f"none\n\n1800000000\n{ROUTES}", 0).key is None

    @given(st.text(max_size=200))
    def test_a_node_that_talks_nonsense_is_no_trouble(self, text: str) -> None:
        assert read_node(text, 0).asked_at == 0

    def test_hq_s_routes_are_those_of_the_kernel_s_table(self) -> None:
        text = (
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
            "eth0\t00000000\t0164A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
            "wg0\t0000540A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        )
        assert routes(text) == (("wg0", IPv4Network("10.84.0.0/24")),)

    def test_a_port_that_is_taken_is_seen_in_the_kernel_s_table(self, tmp_path: Path) -> None:
        row = "  51: 00000000:CA6C 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 9 2 0 0\n"
        (tmp_path / "udp").write_text("  sl  local_address rem_address\n" + row)
        assert [listening(port, tmp_path) for port in (51820, 51821)] == [True, False]

    def test_a_table_that_makes_no_sense_says_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "udp").write_text("head\nnonsense\n")
        assert listening(51820, tmp_path) is None
