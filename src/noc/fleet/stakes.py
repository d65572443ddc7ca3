"""What the options of a plan mean for whoever has to agree to it: each in words, so that nobody agrees unawares."""

from collections.abc import Mapping
from typing import Any


def stakes(options: Mapping[str, Any]) -> tuple[str, ...]:
    """What a person has said beside nodes and release that changes what is at stake, a sentence each.

    Args:
        options: a plan's, by their names; one that is left out was not given.

    Returns:
        The sentences. The reason for which a freeze is overridden stands in its own as somebody wrote it.
    """
    said = {
        "restore_data": "databases are put back as they were before the change: what was written since is lost",
        "override_freeze": f"it begins in spite of a freeze: {options.get('override_freeze')}",
        "force": "a node that is live may lose its machine",
        "retire": "the nodes get no other machine",
        "at_once": "the nodes leave at once, before their names are forgotten everywhere",
        "gone": "the machines are taken for gone, and asked for nothing",
        "without_backup": "the nodes leave without a last backup",
        "without": f"it goes on without {', '.join(options.get('without') or ())} where they are down",
    }
    moved = (f"{node} is taken to be at {address}" for node, address in (options.get("address") or {}).items())
    known = (
        f"{node} is taken to be whoever has the host key {key}" for node, key in (options.get("host_key") or {}).items()
    )
    return (*(words for name, words in said.items() if options.get(name)), *moved, *known)
