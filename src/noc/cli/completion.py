"""What the shell offers after <TAB>. It runs at every key press, so it imports nothing heavy and never fails."""

import os
import tomllib
from pathlib import Path


def node_names(incomplete: str = "") -> list[str]:
    """Names of nodes that start so, from NOC_FLEET's or /etc/noc's fleet file; none where that cannot be read.

    Used as `typer.Argument(autocompletion=node_names)`.
    """
    file = Path(os.environ.get("NOC_FLEET") or "/etc/noc") / "fleet.toml"
    try:
        nodes = tomllib.loads(file.read_text("utf-8"))["nodes"]
        return [str(node["name"]) for node in nodes if str(node["name"]).startswith(incomplete)]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
