"""OpenClaw's configuration for the agent, as data (https://docs.openclaw.ai/gateway/configuration-reference).

Nothing secret stands in it: keys and tokens are files that the unit puts in place. Everything that OpenClaw has
switched on by default and the agent does not need is switched off by name.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from noc.agent.openclaw.finding import Document, at, strings
from noc.agent.openclaw.places import GATEWAY_TOKEN, HQ, MODEL_KEY, TOKENS, Places
from noc.agent.openclaw.sender import Sender
from noc.agent.openclaw.tools import SERVER, model_tools, seen, server_tools, writing_tools
from noc.fleet.chatting import Agent, Discord, Telegram
from noc.fleet.model import Fleet

PROVIDER: Final = "noc-llm"
"""The provider's id: a name that OpenClaw knows would make it install a plugin of that name."""
AGENT: Final = "noc"
GATE: Final = "noc-gate"
SKILL: Final = "clavitor-noc"
PORT: Final = 18789
DENIED: Final = (
    "group:runtime",
    "group:fs",
    "group:web",
    "group:ui",
    "group:automation",
    "group:nodes",
    "group:sessions",
    "group:memory",
    "group:messaging",
    "group:agents",
    "group:media",
)
_HEADER = """\
// OpenClaw's configuration for the agent of this fleet, written by `noc openclaw init` from fleet.toml.
// There is no secret in it: keys are files, which the unit noc-agent.service puts in place.
// `noc openclaw doctor` says whether what OpenClaw runs by still is as safe as this.
"""

Config = dict[str, Any]


def configuration_text(fleet: Fleet, senders: Sequence[Sender], places: Places = HQ) -> str:
    """The file's text: JSON below a few lines of comment, which JSON5 allows."""
    return _HEADER + json.dumps(configuration(fleet, senders, places), indent=2) + "\n"


def configuration(fleet: Fleet, senders: Sequence[Sender], places: Places = HQ) -> Config:
    """The configuration.

    Args:
        fleet: its `[agent]` names endpoint and model, `[telegram]` and `[discord]` the rooms that people meet in.
        senders: who may speak to the agent; without any in a chat, that chat is left out.
        places: where the agent's things lie.
    """
    chats = _channels(fleet, senders, places)
    return {
        "gateway": _gateway(),
        "secrets": {"providers": {name: _file(places.run / name) for name in _secrets(chats)}},
        "models": {
            "mode": "replace",
            "catalogRefresh": {"enabled": False},
            "providers": {PROVIDER: _provider(fleet.agent)},
        },
        "agents": _agents(fleet.agent, places),
        "tools": _tools(senders if chats else ()),
        "mcp": {"servers": {SERVER: _server(places)}},
        "plugins": {
            "allow": [GATE, *chats],
            "load": {"paths": [str(places.kit / "plugins" / GATE)]},
            "slots": {"memory": "none"},
            "entries": {GATE: {"enabled": True, "config": {"askFirst": can_ask(chats)}}},
        },
        "skills": {"load": {"extraDirs": [str(places.kit / "skills")]}, "allowBundled": []},
        "session": {"dmScope": "per-channel-peer"},
        "messages": {"visibleReplies": "automatic", "groupChat": {"visibleReplies": "automatic"}},
        "commands": dict.fromkeys(("bash", "config", "mcp", "plugins", "debug", "restart"), False),
        "approvals": {"plugin": {"enabled": True, "mode": "session"}},
        "bindings": [{"agentId": AGENT, "match": {"channel": channel}} for channel in chats],
        "channels": chats,
        "browser": {"enabled": False},
        "cron": {"enabled": False},
        "discovery": {"mdns": {"mode": "off"}},
        "logging": {"file": str(places.state / "openclaw.log")},
        "update": {"checkOnStart": False},
        "telemetry": {"enabled": False},
    }


def can_ask(chats: Document) -> bool:
    """Whether somebody can be asked in a chat before the agent asks noc to begin a run. Otherwise noc alone asks.

    Args:
        chats: the configuration's channels.
    """
    return any(strings(at(chat, "execApprovals", "approvers")) for chat in chats.values())


def _gateway() -> Config:
    return {
        "mode": "local",
        "bind": "loopback",
        "port": PORT,
        "auth": {"mode": "token", "token": _ref(GATEWAY_TOKEN)},
        "controlUi": {"enabled": False},
        "terminal": {"enabled": False},
        "cliAgents": {"enabled": False},
    }


def _ref(name: str) -> Config:
    return {"source": "file", "provider": name, "id": "value"}


def _file(path: Path) -> Config:
    return {"source": "file", "path": str(path), "mode": "singleValue"}


def _secrets(chats: Config) -> list[str]:
    return [MODEL_KEY, GATEWAY_TOKEN, *(TOKENS[channel] for channel in chats)]


def _provider(agent: Agent) -> Config:
    return {
        "baseUrl": agent.api,
        "apiKey": _ref(MODEL_KEY),
        "api": "openai-completions",
        "timeoutSeconds": 120,
        "models": [
            {
                "id": agent.model,
                "name": agent.model.rpartition("/")[2],
                "reasoning": True,
                "input": ["text"],
                "contextWindow": agent.context,
                "maxTokens": agent.answer,
            }
        ],
    }


def _agents(agent: Agent, places: Places) -> Config:
    return {
        "defaults": {
            "workspace": str(places.kit / "workspace"),
            "skipBootstrap": True,
            "model": {"primary": f"{PROVIDER}/{agent.model}", "fallbacks": []},
            "heartbeat": {"every": "0m"},
        },
        "entries": {
            AGENT: {
                "agentDir": str(places.state / "agents" / AGENT / "agent"),
                "skills": [SKILL],
                "tools": {"allow": list(model_tools()), "deny": list(DENIED), "exec": {"mode": "deny"}},
            }
        },
    }


def _tools(senders: Sequence[Sender]) -> Config:
    """What every agent of this gateway may use; for who is no operator or approver it reads, and halts."""
    by_sender: Config = {f"channel:{each.channel}:{each.number}": {} for each in senders if each.asks}
    others = {"deny": [tool for tool in writing_tools() if tool != seen("halt")]}
    limits = {"toolsBySender": {**by_sender, "*": others}} if senders else {}
    return {
        "allow": list(model_tools()),
        "deny": list(DENIED),
        "exec": {"mode": "deny"},
        "elevated": {"enabled": False},
        "fs": {"workspaceOnly": True},
        "sessions": {"visibility": "self"},
        "agentToAgent": {"enabled": False},
        "toolSearch": False,
        "codeMode": False,
        "swarm": False,
        "updatePlan": False,
        **limits,
    }


def _server(places: Places) -> Config:
    """noc's MCP server, a child of the gateway and thus the same user. It waits 45 s at most for a run."""
    return {
        "command": str(places.noc),
        "args": ["mcp"],
        "connectionTimeoutMs": 30_000,
        "requestTimeoutMs": 60_000,
        "toolFilter": {"include": list(server_tools())},
    }


def _channels(fleet: Fleet, senders: Sequence[Sender], places: Places) -> Config:
    chats: Config = {}
    if fleet.telegram is not None and (ids := _ids("telegram", senders)):
        chats["telegram"] = _telegram(fleet.telegram, ids, senders, places)
    if fleet.discord is not None and (ids := _ids("discord", senders)):
        chats["discord"] = _discord(fleet.discord, ids, senders)
    return chats


def _ids(channel: str, senders: Sequence[Sender]) -> list[str]:
    return [each.number for each in senders if each.channel == channel]


def _shared(channel: str, ids: list[str], senders: Sequence[Sender]) -> Config:
    approvers = [each.number for each in senders if each.channel == channel and each.role == "approver"]
    return {
        "enabled": True,
        "configWrites": False,
        "dmPolicy": "allowlist",
        "allowFrom": ids,
        "groupPolicy": "allowlist",
        "contextVisibility": "allowlist",
        "execApprovals": {"enabled": bool(approvers), "approvers": approvers, "target": "channel"},
    }


def _telegram(chat: Telegram, ids: list[str], senders: Sequence[Sender], places: Places) -> Config:
    return {
        **_shared("telegram", ids, senders),
        "tokenFile": str(places.run / TOKENS["telegram"]),
        "apiRoot": chat.api,
        "groupAllowFrom": ids,
        "groups": {str(chat.chat): {"requireMention": True}},
    }


def _discord(chat: Discord, ids: list[str], senders: Sequence[Sender]) -> Config:
    """OpenClaw reaches Discord at its one address, so that a stand-in's is not passed on."""
    channels = {str(chat.channel): {"requireMention": True}}
    return {
        **_shared("discord", ids, senders),
        "token": _ref(TOKENS["discord"]),
        "guilds": {str(chat.guild): {"requireMention": True, "users": ids, "channels": channels}},
    }
