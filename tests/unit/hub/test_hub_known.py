"""Whether all nodes have HQ's address, by what the inventory says."""

from ipaddress import IPv4Address

import pytest

from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.hub.status import hub_known
from unit.hub.hub_kit import example_fleet

FLEET = example_fleet()
HERE, BEFORE = FLEET.hub.address, IPv4Address("192.0.2.1")


@pytest.mark.parametrize(
    ("record", "known"),
    [
        (NodeRecord(life=Life.LIVE, hub=HERE), True),
        (NodeRecord(life=Life.LIVE, hub=BEFORE), False),
        (NodeRecord(life=Life.PROVISIONED, hub=BEFORE), False),
        (NodeRecord(life=Life.RETIRED, hub=BEFORE), True),
        (NodeRecord(life=Life.LIVE), True),  # from before HQ kept this
        (NodeRecord(), True),
    ],
)
def test_a_node_that_runs_with_hq_s_old_address_is_owed_the_new_one(record: NodeRecord, known: bool) -> None:
    check = hub_known(FLEET, Inventory(nodes={"virginia": record}))
    assert check.ok is known
    assert ("virginia" in check.seen) is not known
