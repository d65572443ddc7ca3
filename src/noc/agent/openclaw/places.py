"""Where OpenClaw and its kit lie on HQ, and which OpenClaw the kit was tried with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PREFIX = Path("/opt/openclaw")
CREDENTIALS = Path("/etc/noc-credentials")

CONFIG: Final = "openclaw.json5"
UNIT: Final = "noc-agent.service"
USER: Final = "noc-agent"
MODEL_KEY: Final = "model_key"
GATEWAY_TOKEN: Final = "gateway_token"  # noqa: S105 - a file's name
TOKENS: Final = {"telegram": "agent_telegram_token", "discord": "agent_discord_token"}
"""The agent's own bots: one token serves one program, and noc's bot has the other."""

OPENCLAW: Final = "2026.9.6"
NODE: Final = "24.21.0"
"""The versions that the kit was tried with; OpenClaw asks for Node 24.16 or newer."""


@dataclass(frozen=True)
class Places:
    """Where the agent's things lie.

    Attributes:
        kit: root's, and read-only to the agent: what it may do is not its own to change.
        state: OpenClaw's own, the agent's.
        run: secrets for OpenClaw, which takes files of its own user alone; in memory, gone with the unit.
        noc: the program that serves MCP.
        prefix: where npm has put OpenClaw and Node.
        unit: what systemd runs OpenClaw by.
    """

    kit: Path = Path("/etc/noc-agent")
    state: Path = Path("/var/lib/noc-agent")
    run: Path = Path("/run/noc-agent")
    noc: Path = Path("/usr/local/bin/noc")
    prefix: Path = PREFIX
    unit: Path = Path("/etc/systemd/system") / UNIT

    @property
    def config(self) -> Path:
        """What OpenClaw runs by."""
        return self.kit / CONFIG


HQ: Final = Places()
"""Where they lie on HQ."""
