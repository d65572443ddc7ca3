"""What an Uptime Kuma should have for a fleet. Pure: it comes from the fleet directory alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from noc.fleet.inventory import Inventory, Life
from noc.fleet.model import Fleet, Node

LEAST_INTERVAL_S, MOST_INTERVAL_S = 20, 2_073_600
"""What Uptime Kuma takes as an interval (MIN_INTERVAL_SECOND and MAX_INTERVAL_SECOND of its src/util)."""
PAGE_MARK = "Kept by noc kuma sync"
PRIORITY = 4
"""Of ntfy's five; Uptime Kuma adds one when a monitor goes down."""


@dataclass(frozen=True)
class MonitorWish:
    """A node's push monitor.

    Attributes:
        node: its name, which is the monitor's and the value of its tag.
        settings: fields as Uptime Kuma calls them.
        active: whether it runs; only a live node is judged.
        group: its group on the status page; "" for none.
        token: its push token, where that is given; "" where any will do.
    """

    node: str
    settings: Mapping[str, Any]
    active: bool
    group: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Wishes:
    """All of it.

    Attributes:
        tag: marks what is ours; its value on a monitor is the node.
        monitors: one a node that is not retired, in the fleet's order.
        notice: the ntfy notification, as Uptime Kuma keeps its configuration.
        slug, title: of the status page.
        remarks: what Uptime Kuma cannot be told, in words.
    """

    tag: str
    monitors: tuple[MonitorWish, ...]
    notice: Mapping[str, Any] = field(repr=False)
    slug: str
    title: str
    remarks: tuple[str, ...]


def wishes(
    fleet: Fleet, inventory: Inventory, *, ntfy_token: str = "", tokens: Mapping[str, str] | None = None
) -> Wishes:
    """What a fleet needs.

    Args:
        fleet, inventory: the fleet directory.
        ntfy_token: the access token of the ntfy server; "" for a server that asks for none.
        tokens: push tokens by node, where they are given.
    """
    given = tokens or {}
    mark = f"noc-{fleet.name}"
    nodes = [node for node in fleet.nodes if inventory.record(node.name).life is not Life.RETIRED]
    return Wishes(
        tag=mark,
        monitors=tuple(_monitor(fleet, inventory, node, given.get(node.name, "")) for node in nodes),
        notice=_notice(fleet, mark, ntfy_token),
        slug=fleet.name,
        title=fleet.domain,
        remarks=tuple(_remarks(fleet, ntfy_token)),
    )


def interval_s(fleet: Fleet) -> int:
    """The interval of the monitors in whole seconds, within what Uptime Kuma takes."""
    return max(LEAST_INTERVAL_S, min(MOST_INTERVAL_S, -int(-fleet.policy.push_interval // 1)))


def _monitor(fleet: Fleet, inventory: Inventory, node: Node, token: str) -> MonitorWish:
    """Two missed pushes are an interval and one retry: Uptime Kuma is down after `maxretries` pending beats."""
    interval, live = interval_s(fleet), inventory.record(node.name).life is Life.LIVE
    settings = {
        "type": "push",
        "name": node.name,
        "description": f"{node.city}, {node.country}; {node.provider}",
        "interval": interval,
        "retryInterval": interval,
        "maxretries": fleet.policy.sev2_missed - 1,
        "resendInterval": max(1, round(fleet.judging.remind_sev1 / interval)),
        "upsideDown": False,
    }
    group = (node.tags[0].replace("-", " ").capitalize() if node.tags else "Nodes") if live else ""
    return MonitorWish(node.name, settings, live, group, token)


def _notice(fleet: Fleet, name: str, token: str) -> dict[str, Any]:
    access = {"ntfyAuthenticationMethod": "accessToken", "ntfyaccesstoken": token}
    return {
        "name": name,
        "type": "ntfy",
        "isDefault": True,
        "ntfyserverurl": fleet.ntfy.url,
        "ntfytopic": fleet.ntfy.topic,
        "ntfyPriority": PRIORITY,
        **(access if token else {"ntfyAuthenticationMethod": "none"}),
    }


def _remarks(fleet: Fleet, token: str) -> list[str]:
    found = []
    if (interval := interval_s(fleet)) != fleet.policy.push_interval:
        least = f"it takes whole seconds from {LEAST_INTERVAL_S} on"
        found.append(f"monitors have an interval of {interval} s, not {fleet.policy.push_interval:g} s: {least}")
    if not token:
        found.append("ntfy gets no access token: who knows the topic can read and write it (--ntfy-token FILE)")
    if fleet.ntfy.ca_root:
        found.append("ntfy has a certificate of the fleet's own authority: Uptime Kuma needs NODE_EXTRA_CA_CERTS")
    return found
