"""The kit: every file that makes OpenClaw the agent of this fleet, as pure text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from noc.agent.openclaw.configuration import GATE, SKILL, configuration_text
from noc.agent.openclaw.places import CONFIG, HQ, NODE, OPENCLAW, TOKENS, UNIT, Places
from noc.agent.openclaw.sender import Sender
from noc.agent.openclaw.tools import model_tools, seen
from noc.agent.openclaw.unit import unit_text
from noc.agent.verbs.table import VERBS
from noc.agent.verbs.verb import AnyVerb
from noc.fleet.model import Fleet

PUBLIC: Final = 0o644
PRIVATE: Final = 0o640
"""For the owner, and the agent's group where HQ has it: the configuration names the people who may speak to it."""
_SKILL_HEAD = """\
---
name: {name}
description: Use for anything about the fleet - its health, nodes, incidents, deployments, rollbacks, runs, the audit.
---
"""


@dataclass(frozen=True)
class KitFile:
    """A file of the kit: its path in the kit's directory, its text and its mode."""

    path: str
    text: str
    mode: int = PUBLIC


def kit(fleet: Fleet, senders: Sequence[Sender] = (), places: Places = HQ) -> list[KitFile]:
    """All files of the kit, by path.

    Args:
        fleet: what the configuration is rendered from.
        senders: who may speak to the agent in a chat.
        places: where the agent's things lie.
    """
    tokens = [TOKENS[channel] for channel in dict.fromkeys(each.channel for each in senders) if _has(fleet, channel)]
    rules, skill, gate = _data("rules.md"), f"skills/{SKILL}", f"plugins/{GATE}"
    found = [
        KitFile(CONFIG, configuration_text(fleet, senders, places), PRIVATE),
        KitFile("workspace/AGENTS.md", f"# The fleet {fleet.name}\n\n{rules}"),
        KitFile(f"{skill}/SKILL.md", _SKILL_HEAD.format(name=SKILL) + f"# The fleet {fleet.name}\n\n{rules}"),
        KitFile(f"{skill}/references/runbooks.md", _data("references/runbooks.md")),
        KitFile(f"{skill}/references/verbs.md", verbs_text()),
        KitFile(f"{gate}/package.json", _data("gate/package.json")),
        KitFile(f"{gate}/openclaw.plugin.json", _data("gate/openclaw.plugin.json")),
        KitFile(f"{gate}/index.js", gate_text()),
        KitFile(UNIT, unit_text(tokens, places)),
        KitFile("README.md", readme_text(tokens, places)),
    ]
    return sorted(found, key=lambda file: file.path)


def gate_text() -> str:
    """The gate plugin's program."""
    return _data("gate/index.js").replace("__TOOLS__", json.dumps(model_tools()))


def verbs_text() -> str:
    """The tools with what each does, for the skill."""
    head = "# The tools\n\n| tool | | what it does | the same for people |\n|---|---|---|---|\n"
    return head + "".join(_row(verb) for verb in VERBS if "mcp" in verb.doors)


def _row(verb: AnyVerb) -> str:
    kind = "reads" if verb.reads else "changes something"
    return f"| `{seen(verb.name)}` | {kind} | {verb.summary} | `noc {verb.command}` |\n"


def readme_text(tokens: Sequence[str], places: Places = HQ) -> str:
    """How the kit is put to use, as commands for root on HQ."""
    chats = "".join(f"noc hub secret set {name}   # paste the bot's token, then Ctrl-D\n" for name in tokens)
    return (
        _data("README.md")
        .replace("__KIT__", str(places.kit))
        .replace("__UNIT__", UNIT)
        .replace("__PREFIX__", str(places.prefix))
        .replace("__OPENCLAW__", OPENCLAW)
        .replace("__NODE__", NODE)
        .replace("__TOKENS__", chats)
    )


def _has(fleet: Fleet, channel: str) -> bool:
    return (fleet.telegram if channel == "telegram" else fleet.discord) is not None


def _data(name: str) -> str:
    return files("noc.agent.openclaw").joinpath("texts", name).read_text(encoding="utf-8")
