"""What the shell offers after <TAB>. It runs at every key press, so it imports nothing heavy and never fails."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

from noc.cli.options import EXAMPLE


def node_names(incomplete: str = "") -> list[str]:
    """Names of nodes that start so, from NOC_FLEET's or /etc/noc's fleet file; none where that cannot be read.

    Used as `typer.Argument(autocompletion=node_names)`.
    """
    return _starting(_nodes(Path(os.environ.get("NOC_FLEET") or "/etc/noc")), incomplete)


def node_names_or(word: str) -> Callable[[str], list[str]]:
    """The same, for an argument that also takes another word, such as all."""

    def offered(incomplete: str = "") -> list[str]:
        return _starting([word], incomplete) + node_names(incomplete)

    return offered


def lab_names(incomplete: str = "") -> list[str]:
    """Names of the nodes that a lab may have, which are the example fleet's."""
    return _starting(_nodes(EXAMPLE), incomplete)


def units(incomplete: str) -> list[str]:
    """Units of ours on a node, and the few beside them that one looks at."""
    ours = ("clavitor", "clavitor.socket", "caddy", "noc-watchdog", "noc-settle", "noc-activate-*")
    return _starting([*ours, "wg-quick@wg0", "ssh", "systemd-networkd"], incomplete)


def _starting(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _nodes(directory: Path) -> list[str]:
    try:
        nodes = tomllib.loads((directory / "fleet.toml").read_text("utf-8"))["nodes"]
        return [str(node["name"]) for node in nodes]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
