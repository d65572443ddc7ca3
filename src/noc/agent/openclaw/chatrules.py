"""Who may speak to the agent by the live configuration, and by which doors. Pure."""

from collections.abc import Iterator

from noc.agent.openclaw.configuration import AGENT
from noc.agent.openclaw.finding import Document, Finding, at, dotted, judged, part, strings, walk
from noc.agent.openclaw.places import HQ

_WRITE_ANEW = f"noc openclaw init {HQ.kit} --linked"
_CLOSED = frozenset({"allowlist", "disabled"})
_PEOPLE = frozenset({"allowFrom", "groupAllowFrom", "ownerAllowFrom", "users", "roles", "approvers"})
_ROOMS = frozenset({"groups", "guilds", "channels", "direct", "accounts"})
_SCOPES = ("per-channel-peer", "per-account-channel-peer")


def chat_findings(live: Document) -> list[Finding]:
    """All findings about people and doors, of a live configuration."""
    looks = (_people, _strangers, _writes, _sessions, _commands, _gateway, _hooks)
    return [look(live) for look in looks]


def _chats(live: Document) -> Iterator[tuple[str, Document, Document]]:
    """Channels and their accounts that are on: path, itself, and what it inherits from."""
    for name in part(live, "channels"):
        channel = part(live, "channels", name)
        if channel.get("enabled") is not False:
            yield f"channels.{name}", channel, {}
        for account in part(channel, "accounts"):
            yield f"channels.{name}.accounts.{account}", part(channel, "accounts", account), channel


def _people(live: Document) -> Finding:
    wrong = [
        f"{dotted(path)} lets everybody in"
        for path, value in walk(live)
        if path[-1] in _PEOPLE and any("*" in each for each in strings(value))
    ]
    wrong += [f"{dotted(path)} takes every room" for path, _ in walk(part(live, "channels")) if _every_room(path)]
    wrong += [
        f"{dotted(path)} is on" for path, value in walk(live) if path[-1].startswith("dangerous") and value is not False
    ]
    return judged("allow lists", wrong, "people and rooms one by one", _WRITE_ANEW)


def _every_room(path: tuple[str, ...]) -> bool:
    return len(path) > 1 and "*" in path[-1] and path[-2] in _ROOMS


def _strangers(live: Document) -> Finding:
    """OpenClaw answers a stranger with a pairing code unless it is told otherwise."""
    wrong = []
    for where, chat, above in _chats(live):
        direct = str(chat.get("dmPolicy") or at(chat, "dm", "policy") or above.get("dmPolicy") or "pairing")
        group = str(chat.get("groupPolicy") or above.get("groupPolicy") or "allowlist")
        wrong += [f"{where}.dmPolicy is {direct}"] if direct not in _CLOSED else []
        wrong += [f"{where}.groupPolicy is {group}"] if group not in _CLOSED else []
    policies = ((path, value) for path, value in walk(live) if path[-1] in {"groupPolicy", "dmPolicy"})
    wrong += [f"{dotted(path)} is open" for path, value in policies if value == "open"]
    return judged("strangers", list(dict.fromkeys(wrong)), "not let in", 'set dmPolicy and groupPolicy to "allowlist"')


def _writes(live: Document) -> Finding:
    wrong = [
        f"{where}.configWrites is not off"
        for where, chat, above in _chats(live)
        if chat.get("configWrites", above.get("configWrites")) is not False
    ]
    return judged("configuration by chat", wrong, "off", "set configWrites to false in each channel")


def _sessions(live: Document) -> Finding:
    scope = at(live, "session", "dmScope")
    wrong = [] if scope in _SCOPES else [f"session.dmScope is {scope or 'main, by default'}: people share a session"]
    return judged("sessions", wrong, "each person has their own", f'set session.dmScope to "{_SCOPES[0]}"')


def _commands(live: Document) -> Finding:
    """`restart` is on by default and lets a chat update OpenClaw; the others are off by default."""
    commands = part(live, "commands")
    wrong = [f"commands.{name} is on" for name in ("bash", "config", "mcp", "plugins", "debug") if commands.get(name)]
    wrong += ["commands.restart is on"] if commands.get("restart") is not False else []
    return judged("chat commands", wrong, "none that change OpenClaw", "set them to false under commands")


def _gateway(live: Document) -> Finding:
    gateway = part(live, "gateway")
    wrong = [] if gateway.get("bind", "loopback") == "loopback" else [f"gateway.bind is {gateway['bind']}"]
    if str(at(gateway, "auth", "mode")) not in {"token", "password"}:
        wrong.append("gateway.auth.mode is no token")
    if at(gateway, "terminal", "enabled") is not False:
        wrong.append("gateway.terminal is not off: it is a shell")
    if at(gateway, "tailscale", "mode") not in (None, "off"):
        wrong.append("gateway.tailscale is on")
    return judged("gateway", wrong, "on loopback, with a token, without a shell", _WRITE_ANEW)


def _hooks(live: Document) -> Finding:
    hooks = part(live, "hooks")
    wrong = []
    if hooks.get("enabled") and strings(hooks.get("allowedAgentIds")) != [AGENT]:
        wrong.append("hooks reach more agents than the fleet's")
    if hooks.get("enabled") and hooks.get("token") in (None, "", at(live, "gateway", "auth", "token")):
        wrong.append("hooks have no token of their own")
    return judged("hooks", wrong, "off" if not hooks.get("enabled") else "for the fleet's agent alone", _WRITE_ANEW)
