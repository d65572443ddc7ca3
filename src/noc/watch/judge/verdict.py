"""Which part is at fault, as far as two witnesses can tell: the pushes, and the look from outside.

| pushes arrive | seen from outside         | others are well           | others are lost too, or HQ is cut off |
|---------------|---------------------------|---------------------------|---------------------------------------|
| yes           | serves, or not looked     | nothing                   | nothing                               |
| yes           | name, certificate         | that                      | HQ where it is cut off, else that     |
| yes           | no connection             | proxy                     | HQ where it is cut off, else proxy    |
| yes           | wrong answer              | service                   | HQ where it is cut off, else service  |
| no            | serves                    | tunnel: it is *unheard*   | HQ where it is cut off, else tunnel   |
| no            | name, certificate         | that                      | HQ                                    |
| no            | no connection, not looked | unknown: the whole node   | HQ                                    |
| no            | wrong answer              | service                   | HQ                                    |

"Cut off" is what HQ's own probe of the world outside says. A node that serves is not lost with its neighbours: whoever
reached it has a way out, so the fault lies with what its pushes cross alone.
"""

from typing import Literal

from noc.watch.store.records import Cause, SightingStage

Part = Literal["", "service", "proxy", "name", "certificate", "tunnel", "HQ"]
View = SightingStage | None
"""Where the look from outside failed, "" where it did not, None where there was none of late."""

_AT_STAGE: dict[SightingStage, Part] = {
    "": "",
    "name": "name",
    "connect": "proxy",
    "certificate": "certificate",
    "answer": "service",
}


def verdict(*, pushes: bool, view: View, others_lost: bool, cut_off: bool) -> Part:
    """The part at fault; "" where nothing is, and where it cannot be told.

    Args:
        pushes: whether the node's pushes arrive.
        view: what the look from outside found.
        others_lost: whether so many other nodes are lost too that one cause is likely.
        cut_off: whether HQ reaches nothing outside.
    """
    healthy = pushes and not view
    if cut_off and not healthy:
        return "HQ"
    if pushes:
        return "" if view is None else _AT_STAGE[view]
    if view == "":
        return "tunnel"
    if others_lost:
        return "HQ"
    return "" if view is None or view == "connect" else _AT_STAGE[view]


def cause_in_words(cause: Cause, silence: str, view: View, look: str) -> str:
    """What both witnesses say of a node that is not well, in one line.

    Args:
        cause: of its incident.
        silence: its death, or which pushes are missing.
        view: what the look from outside found, and `look` in words.
    """
    if cause == "public":
        return f"its public address does not serve: {look}"
    if view is None or cause == "death":
        return silence
    return f"{silence}; in public " + ("it serves" if view == "" else f"it does not serve either: {look}")
