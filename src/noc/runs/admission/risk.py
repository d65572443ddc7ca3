"""How much a plan puts at risk, which decides who has to agree to it.

| risk   | what                                                                                              |
|--------|---------------------------------------------------------------------------------------------------|
| high   | restores data, or a node elsewhere from them; begins in spite of a freeze; configuration or       |
|        | system on more than one node;                                                                     |
|        | provisioning a node that is live as a machine at another address or with another host key;        |
|        | ending a node's machine, or a node; a drill, which breaks what serves, except in a lab             |
|        | another key of HQ's own, or another signer or recipient                                           |
| medium | a release on more than one node; configuration or system on one; new tunnel keys, a reboot or a   |
|        | rescue of several; a record that changes or goes; another node for the domain itself; a load      |
|        | balancer, and machines made at a cloud, which cost money; regions switched on; another public     |
|        | address of a node; a push token or a tunnel key made anew                                         |
| low    | the rest: nothing to do, a release on one node, a rollback, the provisioning of planned nodes,    |
|        | records that are new, backups                                                                     |

A way back is never made harder than the way there: a rollback of releases is low, however many nodes it is.
"""

from typing import Final

from noc.fleet.inventory import Inventory, Life
from noc.fleet.rotating import Secret
from noc.runs.plan.plan import Plan, Risk

RANK: dict[Risk, int] = {"low": 0, "medium": 1, "high": 2}
OF_HQ: Final[frozenset[Secret]] = frozenset({"hub", "ssh", "ca", "signer", "recipients"})
"""Secrets of HQ's own, on which every node relies."""
_ALWAYS_HIGH = frozenset({"terminate", "remove", "restore", "replace"})
_ALWAYS_MEDIUM = frozenset({"launch", "opt-in", "apex", "move", "rotate"})
_NEW_RECORDS: Final = ("create A ", "create AAAA ")
"""How the words of a change begin that makes a record. What balances costs money."""
_MEDIUM_FOR_SEVERAL = frozenset({"deploy", "keygen", "rescue", "reboot"})


def risk(plan: Plan, inventory: Inventory) -> Risk:
    """The risk of a plan, by the table above.

    Args:
        plan: what is to be done; what it says of its own risk counts for nothing.
        inventory: what is known of the machines.
    """
    if not plan.has_work:
        return "low"
    several = len(plan.nodes) > 1
    options, deep = plan.options, plan.configuration or plan.system
    if options.restore_data or options.override_freeze or (deep and several) or plan.action in _ALWAYS_HIGH:
        return "high"
    if plan.action == "drill":
        return "low" if plan.lab else "high"
    replaced = plan.action == "provision" and any(_replaces(plan, name, inventory) for name in plan.nodes)
    if replaced or options.secret in OF_HQ:
        return "high"
    if deep or plan.action in _ALWAYS_MEDIUM or (several and plan.action in _MEDIUM_FOR_SEVERAL):
        return "medium"
    return "medium" if any(not change.startswith(_NEW_RECORDS) for change in plan.records) else "low"


def _replaces(plan: Plan, name: str, inventory: Inventory) -> bool:
    """Whether another machine would take a live node's place: a live one's host key is the CA's word, never a pin."""
    record = inventory.record(name)
    if record.life is not Life.LIVE:
        return False
    return plan.options.address.get(name, record.address) != record.address or name in plan.options.host_key
