"""The programs that a node gets: what is copied where."""

from pathlib import Path

DIRECTORY = "/usr/local/lib/noc-node"
ACTIVATOR = f"{DIRECTORY}/activator.py"
DOWN_PUSH = f"{DIRECTORY}/down_push.py"
_SOURCES = Path(__file__).parent / "node"
_LAUNCHER = '''"""Starts the activator, whose parts lie beside it in noc_node/."""

from noc_node.activator import main

main()
'''


def node_programs(directory: str = DIRECTORY) -> dict[str, str]:
    """Every program file of a node: absolute path → text.

    The activator's modules become a package named `noc_node`, so that a node's own Python can find nothing else by that
    name; the death push is a file of its own, because it has to start fast.
    """
    parts = {f"{directory}/noc_node/{path.name}": path.read_text() for path in sorted(_SOURCES.glob("*.py"))}
    down_push = parts.pop(f"{directory}/noc_node/down_push.py")
    return {f"{directory}/activator.py": _LAUNCHER, f"{directory}/down_push.py": down_push, **parts}
