"""The programs that a node gets: what is copied where."""

import hashlib
from pathlib import Path

DIRECTORY = "/usr/local/lib/noc-node"
ACTIVATOR = f"{DIRECTORY}/activator.py"
DOWN_PUSH = f"{DIRECTORY}/down_push.py"
WATCHDOG = f"{DIRECTORY}/watchdog.py"
_SOURCES = Path(__file__).parent / "node"
_LAUNCHER = '''"""Starts the {name}, whose parts lie in a directory that is named by what they say."""

import sys

sys.path.insert(0, "{parts}")
from noc_node.{name} import main

sys.exit(main())
'''


def node_programs(directory: str = DIRECTORY) -> dict[str, str]:
    """Every program file of a node: absolute path → text, in the order in which they are to be written.

    The modules of activator and watchdog become a package named `noc_node`, so that a node's own Python can find
    nothing else by that name. Each version of them lies in a directory of its own, and a launcher names one: replacing
    that one file is the whole change, and a power cut leaves the old program or the new one, never some of both. The
    death push is a file of its own, because it has to start fast.
    """
    modules = {path.name: path.read_text() for path in sorted(_SOURCES.glob("*.py"))}
    alone = {f"{directory}/down_push.py": modules.pop("down_push.py")}
    parts = f"{directory}/parts-{_hash(modules)}"
    package = {f"{parts}/noc_node/{name}": text for name, text in modules.items()}
    launchers = {
        f"{directory}/{name}.py": _LAUNCHER.format(name=name, parts=parts) for name in ("activator", "watchdog")
    }
    return {**package, **launchers, **alone}


def _hash(modules: dict[str, str]) -> str:
    return hashlib.sha256(repr(sorted(modules.items())).encode()).hexdigest()[:12]
