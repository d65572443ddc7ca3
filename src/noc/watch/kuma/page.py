"""The status page's groups: our nodes where they belong, and whatever somebody else put there where it is. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noc.watch.kuma.seen import Row


@dataclass(frozen=True)
class Group:
    """A group of the page.

    Attributes:
        name: its heading.
        nodes: our monitors in it, by their nodes.
        others: monitors that are not ours, as Uptime Kuma writes them.
        id: its number; None for a new one.
    """

    name: str
    nodes: tuple[str, ...]
    others: tuple[Row, ...] = ()
    id: int | None = None


def as_seen(groups: Iterable[Row], node_of: Mapping[int, str]) -> tuple[Group, ...]:
    """Groups as the page has them.

    Args:
        groups: its `publicGroupList`.
        node_of: the nodes of our monitors, by the monitors' numbers.
    """
    found = []
    for group in groups:
        monitors = [each for each in group.get("monitorList") or () if isinstance(each, dict)]
        ours = tuple(node_of[each["id"]] for each in monitors if each.get("id") in node_of)
        others = tuple(each for each in monitors if each.get("id") not in node_of)
        found.append(Group(str(group.get("name", "")), ours, others, group["id"]))
    return tuple(found)


def arranged(wanted: Mapping[str, Sequence[str]], there: Iterable[Group]) -> tuple[Group, ...]:
    """Groups as they should be: each node in its group alone; a group that this leaves empty goes.

    Args:
        wanted: nodes by group, both in order.
        there: the groups as they are.
    """
    missing = {name: tuple(nodes) for name, nodes in wanted.items()}
    kept = []
    for group in there:
        now = Group(group.name, missing.pop(group.name, ()), group.others, group.id)
        if now.nodes or now.others or not group.nodes:
            kept.append(now)
    return (*kept, *(Group(name, nodes) for name, nodes in missing.items() if nodes))


def documents(groups: Iterable[Group], id_of: Mapping[str, int]) -> list[dict[str, Any]]:
    """Groups as `saveStatusPage` takes them.

    Args:
        groups: as they should be.
        id_of: the numbers of our monitors, by node.
    """
    return [
        {
            **({"id": group.id} if group.id is not None else {}),
            "name": group.name,
            "monitorList": [*({"id": id_of[node]} for node in group.nodes), *map(_kept, group.others)],
        }
        for group in groups
    ]


def _kept(monitor: Row) -> dict[str, Any]:
    return {name: monitor[name] for name in ("id", "sendUrl", "url") if monitor.get(name) is not None}
