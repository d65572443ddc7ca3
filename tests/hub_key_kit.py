"""What the tests of HQ's tunnel key look at, in the lab."""

import json
from typing import Any

from fleet_kit import NODES, Fleet, wait_for


def hub_key(fleet: Fleet) -> str:
    return fleet.hq.sh("wg", "show", "wg0", "public-key").strip()


def last_push(fleet: Fleet, node: str) -> dict[str, Any]:
    url = f"http://hq/api/v1/nodes/{node}/heartbeats?limit=1"
    document = fleet.hq.sh("curl", "-s", "--unix-socket", "/run/noc-watch/watch.sock", url)
    (push,) = json.loads(document)["heartbeats"]
    return dict(push)


def last_event(fleet: Fleet) -> int:
    return max((event["id"] for event in fleet.events()), default=0)


def pushed_twice_more(fleet: Fleet) -> None:
    """Wait until every node was heard twice from now on: a push that was lost is known with the next one."""
    before = {node: last_push(fleet, node) for node in NODES}

    def heard(node: str) -> bool:
        push = last_push(fleet, node)
        return bool(push["seq"] >= (before[node]["seq"] if push["boot"] == before[node]["boot"] else 0) + 2)

    wait_for(lambda: all(heard(node) for node in NODES), 90, 0.5)


def has_one_key(fleet: Fleet, node: str, key: str) -> bool:
    """Whether a node knows exactly this key of HQ's, in the running tunnel and on its disk."""
    config = (fleet.lab.disk(node) / "etc/wireguard/wg0.conf").read_text()
    forgotten = not (fleet.lab.disk(node) / "etc/noc-node/hub-keys").exists()
    return forgotten and f"PublicKey = {key}\n" in config and fleet.on(node, "wg show wg0 peers") == key
