"""Who may look into a node's logs, and who may work on it."""

from noc.fleet.model import Fleet
from noc.runs.admission.approval import role_of
from noc.runs.admission.caller import Caller
from noc.runs.diagnosis.errors import LookRefused

_REFUSED = frozenset({"viewer", "agent"})


def check_may_enter(caller: Caller, fleet: Fleet) -> None:
    """Let operators and approvers pass, and whoever may use the runner without being listed in `[[people]]`.

    Raises:
        LookRefused: a viewer or an agent asks.
    """
    role = role_of(caller.name, fleet)
    if role in _REFUSED:
        raise LookRefused(
            f"{caller.name} gets neither logs nor a shell or a command on nodes",
            why=f"the role of that login in [[people]] of fleet.toml is {role}",
            fix="ask an operator, or somebody who may edit fleet.toml",
        )
