"""The tools that the model sees: those of noc's MCP server, by the names that OpenClaw gives them."""

from typing import Final

from noc.agent.verbs.table import VERBS

SERVER: Final = "noc"
RESOURCES: Final = ("resources_list", "resources_read")
"""What OpenClaw makes of a server's resources: runbooks are read by them."""


def server_tools() -> tuple[str, ...]:
    """Tools of noc's MCP server, as the server names them, and the two by which its resources are read."""
    return (*(verb.name for verb in VERBS if "mcp" in verb.doors), *RESOURCES)


def writing_tools() -> tuple[str, ...]:
    """Those that change something, as the model sees them."""
    return tuple(seen(verb.name) for verb in VERBS if "mcp" in verb.doors and not verb.reads)


def model_tools() -> tuple[str, ...]:
    """All of them, as the model sees them."""
    return tuple(seen(name) for name in server_tools())


def seen(name: str) -> str:
    """A tool of noc's server as OpenClaw calls it: `noc__run_start`."""
    return f"{SERVER}__{name}"
