"""What HQ orders a node to do, and HQ's words on it afterwards: go, confirm, revert."""

import os
from typing import Any, NamedTuple

from .bell import ring
from .layout import Layout
from .state import Refused, locked, read_json, write_json


class Order(NamedTuple):
    """One change that HQ wants; times in seconds.

    `release` None lets the running one stay, `config` None the configuration, `system` None the packages. `go_within`
    is how long it may wait for its go. `restore_data`: a rollback puts the database back as it was before. `data`
    numbers the snapshot that becomes the database, None lets the present one stay.
    """

    run: str
    fence: int
    release: str | None
    config: str | None
    confirm_within: float
    health_within: float
    go_within: float
    replace: bool = False
    restore_data: bool = False
    system: str | None = None
    data: int | None = None


def write_order(layout: Layout, order: Order) -> None:
    """Keep an order for the process that carries it out; what was said on an earlier one of that run is forgotten."""
    for name in (_answer(order.run), _go(order.run)):
        layout.state(name).unlink(missing_ok=True)
    write_json(layout, f"orders/{order.run}.json", order._asdict())


def read_order(layout: Layout, run: str) -> Order:
    """The order of a run. Raises Refused("unknown") where there is none."""
    said = read_json(layout, f"orders/{run}.json")
    if said is None:
        raise Refused("unknown", f"this node has no order of run {run}")
    return Order(**said)


def say_go(layout: Layout, run: str) -> None:
    """Let an armed order begin."""
    path = layout.state(_go(run))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(_connection())
    ring(layout)


def check_connection(layout: Layout, run: str) -> None:
    """A new configuration or system is accepted over a connection made under it: one from before proves nothing.

    A firewall that lets nobody in any more does not cut who is in already. Raises Refused("connection").
    """
    order = read_order(layout, run)
    if (order.config or order.system) and _connection() and _connection() == layout.state(_go(run)).read_text():
        raise Refused("connection", "a new configuration is confirmed over a new connection; this one is from before")


def _connection() -> str:
    """The SSH connection that we are asked over, by addresses and ports; "" for none."""
    return os.environ.get("SSH_CONNECTION", "")


def heard_go(layout: Layout, run: str) -> bool:
    """Whether HQ let it begin."""
    return layout.state(_go(run)).exists()


def say(layout: Layout, run: str, answer: str, reason: str = "", **more: Any) -> None:  # noqa: ANN401 - JSON
    """HQ's word on an activation: confirm or revert."""
    write_json(layout, _answer(run), {"answer": answer, "reason": reason, **more})
    ring(layout)


def heard(layout: Layout, run: str) -> dict[str, Any]:
    """HQ's word: answer (confirm or revert), reason, restore_data; empty while it says nothing."""
    return read_json(layout, _answer(run)) or {}


def _answer(run: str) -> str:
    return f"answers/{run}.json"


def _go(run: str) -> str:
    return f"answers/{run}.go"


def highest_fence(layout: Layout) -> int:
    """The number of the youngest lease that has acted here."""
    return int(read_json(layout, "fence") or 0)


def check_fence(layout: Layout, number: int) -> None:
    """Raises Refused("fence") for a number below the highest."""
    if number < (highest := highest_fence(layout)):
        raise Refused("fence", f"a run with fence {highest} has acted here since; this one has {number}")


def raise_fence(layout: Layout, number: int) -> None:
    """Let nobody with a lower number act here from now on. Raises Refused("fence") for a lower one."""
    with locked(layout, "fence.lock", within=5):
        check_fence(layout, number)
        write_json(layout, "fence", number)
    ring(layout)
