"""A node's end of the rotation of HQ's key: whatever HQ does, the tunnel carries by the key that HQ has."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.hosts.node.hub_keys import Following, HubKeys, Peer, Seen, follow, hurried, parse_peers, read_hub_keys

OLD, NEW = "old" + "A" * 40 + "=", "new" + "A" * 40 + "="
HUB = "10.84.0.1/32"


def peer(addresses: str = "", shaken: int = 0) -> Peer:
    return Peer("192.0.2.1:51820", addresses, shaken, "25")


CARRYING = peer(HUB, 1_700_000_000)


@pytest.mark.parametrize(
    ("peers", "known", "trying", "wanted"),
    [
        ({OLD: CARRYING}, (), False, Following()),
        ({OLD: CARRYING}, (OLD, NEW), False, Following()),
        ({OLD: CARRYING}, (OLD, NEW), True, Following(attempt=(NEW,))),
        ({OLD: CARRYING, NEW: peer()}, (OLD, NEW), True, Following(attempt=(NEW,))),
        ({OLD: CARRYING, NEW: peer(shaken=5)}, (OLD, NEW), True, Following(NEW, drop=(OLD,))),
        ({NEW: CARRYING, OLD: peer(shaken=5)}, (OLD, NEW), True, Following(OLD, drop=(NEW,))),
        ({NEW: CARRYING, OLD: peer()}, (OLD, NEW), False, Following(drop=(OLD,))),
        ({NEW: CARRYING, OLD: peer()}, (), False, Following(drop=(OLD,))),
        ({OLD: CARRYING, "strange": peer(shaken=5)}, (OLD, NEW), False, Following(drop=("strange",))),
        ({}, (OLD, NEW), True, Following()),
    ],
)
def test_which_key_the_tunnel_is_to_carry(
    peers: dict[str, Peer], known: tuple[str, ...], trying: bool, wanted: Following
) -> None:
    assert follow(peers, known, trying=trying) == wanted


class Tunnel:
    """A tunnel whose other end is HQ: a key that is put in with an endpoint is shaken hands with where HQ has it."""

    def __init__(self) -> None:
        self.hq = OLD
        self.peers: dict[str, Peer] = {OLD: CARRYING}
        self.attempts = 0

    def run(self, argv: Sequence[str], _given: str) -> None:
        assert argv[:4] == ["wg", "set", "wg0", "peer"]
        key, word, *values = argv[4:]
        if word == "remove":
            self.peers.pop(key, None)
        elif word == "allowed-ips":
            for other, there in self.peers.items():
                self.peers[other] = there._replace(addresses="" if other != key else values[0])
        else:
            assert values == ["192.0.2.1:51820", "persistent-keepalive", "25"]
            self.attempts += 1
            self.peers[key] = peer(shaken=1_700_000_000 if key == self.hq else 0)

    def look(self) -> list[str]:
        rows = [
            f"{key}\t(none)\t{p.endpoint}\t{p.addresses or '(none)'}\t{p.shaken}\t0\t0\t{p.keepalive}"
            for key, p in self.peers.items()
        ]
        return ["the interface's own line", *rows]

    def carries(self) -> bool:
        return [key for key, there in self.peers.items() if there.addresses] == [self.hq]


@given(st.lists(st.tuples(st.sampled_from([OLD, NEW]), st.integers(1, 3)), max_size=8))
def test_within_two_seconds_the_tunnel_carries_by_the_key_that_hq_has(story: list[tuple[str, int]]) -> None:
    tunnel, now = Tunnel(), 0.0
    keys = HubKeys("wg0", "192.0.2.1:51820", tunnel.run, tunnel.look)
    for hq, more in story:
        tunnel.hq = hq
        for _ in range(4 + more):
            keys.follow((OLD, NEW), now, trying=True)
            now += 0.5
        assert tunnel.carries()


def test_a_key_is_tried_once_a_second_at_the_most() -> None:
    tunnel = Tunnel()
    keys = HubKeys("wg0", "192.0.2.1:51820", tunnel.run, tunnel.look)
    for now in (0.0, 0.5, 0.9, 1.0, 1.5, 2.0):
        keys.follow((OLD, NEW), now, trying=True)
    assert tunnel.attempts == 3


def test_once_nothing_is_to_be_followed_only_the_key_that_carries_stays() -> None:
    tunnel = Tunnel()
    keys = HubKeys("wg0", "192.0.2.1:51820", tunnel.run, tunnel.look)
    keys.follow((OLD, NEW), 0, trying=True)
    assert keys.follow((), 5, trying=False) == Seen(OLD, proven=True)
    assert set(tunnel.peers) == {OLD}


def test_a_machine_that_starts_with_a_key_that_hq_gave_up_finds_the_other_unasked() -> None:
    tunnel = Tunnel()
    tunnel.hq, tunnel.peers = NEW, {OLD: peer(HUB)}
    keys = HubKeys("wg0", "192.0.2.1:51820", tunnel.run, tunnel.look)
    seen = [keys.follow((OLD, NEW), now, trying=False) for now in (0.0, 0.5)]
    assert seen == [Seen(OLD, proven=False), Seen(NEW, proven=True)]


def test_wgs_own_words_are_read() -> None:
    dump = ["private\tpublic\t51820\toff", f"{OLD}\t(none)\t(none)\t(none)\t0\t0\t0\toff"]
    assert parse_peers(dump) == {OLD: Peer("(none)", "", 0, "off")}


@pytest.mark.parametrize("line", ["", "a\tb", f"{OLD}\t(none)\t(none)\t(none)\tsoon\t0\t0\toff"])
def test_a_line_of_another_shape_is_not_guessed_at(line: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|invalid literal"):
        parse_peers(["own", line])


def test_a_missing_or_endless_list_names_two_keys_at_the_most(tmp_path: Path) -> None:
    assert read_hub_keys(tmp_path / "none") == ()
    (tmp_path / "hub-keys").write_text(f"{OLD}\n{NEW}\n" + "x" * 100_000)
    assert read_hub_keys(tmp_path / "hub-keys") == (OLD, NEW)


@pytest.mark.parametrize(("text", "now", "wanted"), [("100.5", 100, True), ("100.5", 101, False), ("soon", 1, False)])
def test_a_hurry_ends_by_itself(tmp_path: Path, text: str, now: float, wanted: bool) -> None:
    (tmp_path / "hurry").write_text(text)
    assert hurried(tmp_path / "hurry", now) is wanted


def test_the_hurrys_clock_is_the_one_of_proc_uptime() -> None:
    if not shutil.which("awk"):
        pytest.skip("no awk")
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(time.clock_gettime(time.CLOCK_BOOTTIME) - uptime) < 5
