from ipaddress import IPv4Address

import pytest

from noc.fleet.inventory import Life, NodeRecord
from noc.fleet.model import Fleet
from noc.hosts.errors import NoTrust, Unreachable
from noc.hosts.ssh import Authority, Pinned
from noc.runs.plan.plan import Options
from noc.runs.site.contact import routes
from runs_kit import FINGERPRINT, HUB_KEY

CA = Authority("ssh-ed25519 AAAA", "virginia")
ADDRESS = IPv4Address("192.0.2.7")
FRESH = NodeRecord(address=ADDRESS, host_key=FINGERPRINT)
KNOWN = NodeRecord(life=Life.LIVE, address=ADDRESS, wireguard_key=HUB_KEY)


def ways(fleet: Fleet, record: NodeRecord, options: Options | None = None) -> list[tuple[str, str, type]]:
    found = routes(fleet.node("virginia"), record, CA, options or Options())
    return [(route.via, route.address, type(route.trust)) for route in found]


def test_a_machine_without_any_source_of_trust_is_not_contacted(fleet: Fleet) -> None:
    with pytest.raises(NoTrust) as raised:
        ways(fleet, NodeRecord(address=ADDRESS))
    assert "--host-key SHA256" in raised.value.fix


def test_a_machine_without_an_address_is_not_guessed(fleet: Fleet) -> None:
    with pytest.raises(Unreachable) as raised:
        ways(fleet, NodeRecord(host_key=FINGERPRINT))
    assert "--ip" in raised.value.fix


def test_a_fresh_machine_must_show_the_pinned_key_or_a_certificate_of_an_earlier_try(fleet: Fleet) -> None:
    assert ways(fleet, FRESH) == [("public", "192.0.2.7", Pinned), ("public", "192.0.2.7", Authority)]


def test_a_host_key_given_by_hand_is_expected_first(fleet: Fleet) -> None:
    other = "SHA256:" + "B" * 43
    options = Options(host_key={"virginia": other})
    route = routes(fleet.node("virginia"), FRESH, CA, options)[0]
    assert route.trust == Pinned(other)


def test_a_node_with_a_tunnel_is_reached_through_it_first(fleet: Fleet) -> None:
    assert ways(fleet, KNOWN) == [("tunnel", "10.84.0.11", Authority), ("public", "192.0.2.7", Authority)]


def test_another_address_given_by_hand_means_another_machine(fleet: Fleet) -> None:
    options = Options(address={"virginia": IPv4Address("192.0.2.8")}, host_key={"virginia": FINGERPRINT})
    assert ways(fleet, KNOWN, options)[0] == ("public", "192.0.2.8", Pinned)


def test_the_same_command_given_again_goes_through_the_tunnel(fleet: Fleet) -> None:
    options = Options(address={"virginia": ADDRESS}, host_key={"virginia": FINGERPRINT})
    assert ways(fleet, KNOWN, options)[0] == ("tunnel", "10.84.0.11", Authority)
