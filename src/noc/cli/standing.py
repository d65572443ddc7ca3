"""What keeps runs from beginning, as commands read and tell it: the lease and the halt."""

from typing import Any

from noc.cli.output import mark, out, plain


def read_state() -> dict[str, Any]:
    """Lease and halt as the runner tells them, or as the files do where it does not answer and they are ours to read.

    Raises:
        RunnerAbsent: neither can be read.
    """
    from noc.runs.errors import RunnerAbsent  # noqa: PLC0415 - help stays light
    from noc.runs.paths import Paths  # noqa: PLC0415
    from noc.runs.runner.client import Client  # noqa: PLC0415
    from noc.runs.runner.controls import state  # noqa: PLC0415

    try:
        return Client().ask("lease")
    except RunnerAbsent:
        try:
            return state(Paths.from_environment())
        except PermissionError:
            pass
        raise


def show_order(order: dict[str, Any]) -> None:
    """Write a halt as one line: who, when, why, and how it is lifted."""
    out.print(f"{mark('warn', 'halted')}  {plain(halt_sentence(order))}; noc halt --lift lets runs begin again")


def halt_sentence(order: dict[str, Any]) -> str:
    """Who halted the fleet, when and why, in the fleet's timezone."""
    from noc.runs.admission.halt import Order  # noqa: PLC0415
    from noc.runs.paths import Paths  # noqa: PLC0415
    from noc.runs.runner.controls import fleet_zone  # noqa: PLC0415

    return Order.model_validate(order).sentence(fleet_zone(Paths.from_environment()))
