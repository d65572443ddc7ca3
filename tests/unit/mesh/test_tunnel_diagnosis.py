"""Why a tunnel does not carry: each row of the table, and that there is always exactly one verdict."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.mesh.diagnosis import RULES, Seen, diagnose, evidence, overlapping
from noc.mesh.status import PeerStatus

NOW = 1_800_000_000.0
OWN, OTHER, HUB = "a" * 43 + "=", "b" * 43 + "=", "h" * 43 + "="
WELL = Seen(
    at=NOW,
    node="frankfurt",
    hub_endpoint="198.51.100.10:51820",
    whole=1340,
    address="198.51.100.23",
    key=OWN,
    hub_key=HUB,
    peer=PeerStatus(int(NOW) - 40, "198.51.100.23:40000", 1000, 1000),
    others_up=3,
    others=3,
    listening=True,
    let_in=True,
    public=True,
    public_words="answers 200",
    ahead_s=0.0,
    newest=NOW - 5,
    round_trip_ms=12.5,
    segment=1340,
    via="through the tunnel",
    own_key=OWN,
    own_hub_key=HUB,
    own_endpoint="198.51.100.10:51820",
)
OLD = PeerStatus(int(NOW) - 4000, "198.51.100.23:40000", 1000, 1000)
DEAD = replace(
    WELL, peer=OLD, round_trip_ms=None, segment=None, via="", own_key=None, own_hub_key=None, own_endpoint=None
)

CASES = {
    "well": WELL,
    "no-key": replace(DEAD, key=None, peer=None),
    "hub-unread": replace(DEAD, unread="the socket is missing", peer=None),
    "hub-down": replace(DEAD, listening=False),
    "overlap": replace(DEAD, overlaps=("10.84.0.0/25 goes to eth0",)),
    "unknown-key": replace(DEAD, peer=None),
    "wrong-key": replace(DEAD, via="in public", own_key=OTHER, own_hub_key=HUB, own_endpoint=WELL.own_endpoint),
    "wrong-hub-key": replace(DEAD, via="in public", own_key=OWN, own_hub_key=OTHER, own_endpoint=WELL.own_endpoint),
    "wrong-endpoint": replace(DEAD, via="in public", own_key=OWN, own_hub_key=HUB, own_endpoint="192.0.2.1:51820"),
    "clock": replace(DEAD, ahead_s=-9000.0, newest=NOW - 4000),
    "down": replace(DEAD, public=False, public_words="no answer"),
    "never-shaken": replace(DEAD, peer=PeerStatus()),
    "silent": DEAD,
    "mtu": replace(WELL, segment=1300),
    "ssh-silent": replace(WELL, segment=0),
    "endpoint-drift": replace(WELL, address="203.0.113.7"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_cause_has_its_verdict(name: str) -> None:
    assert diagnose(CASES[name]).name == name


def test_every_row_of_the_table_is_provoked() -> None:
    assert {rule.name for rule in RULES} == {*CASES, "port-shut"}


@pytest.mark.parametrize("carries", [True, False])
def test_a_port_that_hq_s_firewall_shuts_is_told_even_while_tunnels_live_on(carries: bool) -> None:
    assert diagnose(replace(WELL if carries else DEAD, let_in=False)).name == "port-shut"


def test_a_port_that_is_shut_before_hq_is_known_by_all_that_are_silent_and_serve() -> None:
    assert diagnose(replace(DEAD, let_in=None, others_up=0)).name == "port-shut"


def test_a_fleet_of_one_node_says_nothing_about_hq_s_port() -> None:
    assert diagnose(replace(DEAD, others=0, others_up=0)).name == "silent"


def test_a_node_whose_clock_was_set_back_and_whose_tunnel_carries_is_well() -> None:
    assert diagnose(replace(WELL, ahead_s=-9000.0)).name == "well"


def test_a_clock_that_is_behind_by_less_than_the_silence_replays_nothing() -> None:
    assert diagnose(replace(DEAD, ahead_s=-3000.0, newest=NOW - 4000)).name == "silent"


def test_a_clock_that_was_ahead_and_is_right_again_replays() -> None:
    assert diagnose(replace(DEAD, ahead_s=0.0, newest=NOW + 80_000)).name == "clock"


def test_either_key_of_a_rotation_that_is_not_settled_is_right() -> None:
    asked = replace(CASES["wrong-key"], key_other=OTHER)
    assert diagnose(asked).name == "silent"


def test_what_comes_through_while_asked_is_a_tunnel_that_carries() -> None:
    assert diagnose(replace(DEAD, peer=WELL.peer, answered=True)).name == "ssh-silent"


def test_the_fix_of_a_narrow_path_is_the_largest_mtu_that_it_carries() -> None:
    assert "mtu = 1340" in diagnose(replace(WELL, segment=1300)).fix


def test_a_path_that_is_narrower_than_any_tunnel_has_to_be_mended_itself() -> None:
    verdict = diagnose(replace(WELL, segment=536))
    assert (verdict.name, "1340 bytes" in verdict.fix, "mtu =" in verdict.fix) == ("mtu", True, False)


@pytest.mark.parametrize("name", [name for name in CASES if name != "well"])
def test_whatever_is_wrong_has_a_fix(name: str) -> None:
    assert diagnose(CASES[name]).fix


maybe = st.none() | st.booleans()


@given(
    st.builds(
        Seen,
        at=st.just(NOW),
        node=st.just("frankfurt"),
        hub_endpoint=st.just("198.51.100.10:51820"),
        whole=st.just(1340),
        address=st.sampled_from([None, "198.51.100.23", "203.0.113.7"]),
        key=st.sampled_from([None, OWN]),
        unread=st.sampled_from(["", "no socket"]),
        peer=st.none()
        | st.builds(
            PeerStatus,
            handshake_at=st.none() | st.integers(0, int(NOW)),
            endpoint=st.sampled_from([None, "198.51.100.23:4", "[2001:db8::1]:4"]),
        ),
        others_up=st.integers(0, 3),
        others=st.integers(0, 3),
        listening=maybe,
        let_in=maybe,
        public=maybe,
        answered=maybe,
        ahead_s=st.none() | st.floats(-1e9, 1e9),
        newest=st.none() | st.floats(0, 1e10),
        round_trip_ms=st.none() | st.floats(0, 1e4),
        segment=st.sampled_from([None, 0, 536, 1240, 1340]),
        own_key=st.sampled_from([None, OWN, OTHER]),
        own_endpoint=st.sampled_from([None, "192.0.2.1:1"]),
    )
)
def test_whatever_was_seen_there_is_one_verdict_and_evidence(seen: Seen) -> None:
    verdict = diagnose(seen)
    assert verdict.name in {*CASES, "port-shut"}
    assert "{" not in verdict.why + verdict.fix
    assert all(what and words for what, words in evidence(seen))
    assert verdict.name != "well" or seen.carries


@pytest.mark.parametrize(
    ("network", "device", "found"),
    [
        ("10.84.0.0/24", "wg0", False),
        ("10.84.0.0/25", "wg0", False),
        ("10.84.0.0/25", "eth0", True),
        ("10.84.0.0/24", "docker0", True),
        ("10.84.0.128/25", "eth0", False),
        ("10.0.0.0/8", "eth0", False),
        ("10.84.0.11/32", "eth1", True),
    ],
)
def test_a_route_overlaps_where_it_wins_over_the_tunnel_s_own(network: str, device: str, found: bool) -> None:
    routes = [(device, IPv4Network(network))]
    assert bool(overlapping(routes, "wg0", IPv4Address("10.84.0.11"), 24)) is found
