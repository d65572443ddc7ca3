"""What the live configuration may let the model do: the fleet's tools behind the gate, and nothing else. Pure."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from noc.agent.openclaw.configuration import AGENT, GATE, can_ask
from noc.agent.openclaw.finding import Document, Finding, at, dotted, judged, part, strings, walk
from noc.agent.openclaw.places import HQ, Places
from noc.agent.openclaw.tools import SERVER, model_tools, seen, server_tools

_WRITE_ANEW = f"noc openclaw init {HQ.kit} --linked"
_PLUGINS = frozenset({GATE, "telegram", "discord"})


def tool_findings(live: Document, places: Places = HQ) -> list[Finding]:
    """All findings about tools, of a live configuration."""
    looks = (_exec, _elevated, _tools, _search, _approve, _gate)
    return [*(look(live) for look in looks), _server(live, places)]


def _scopes(live: Document) -> Iterator[tuple[str, Document]]:
    """Where tools are allowed: for all agents, and for each of them."""
    yield "tools", part(live, "tools")
    for name in part(live, "agents", "entries"):
        yield f"agents.entries.{name}.tools", part(live, "agents", "entries", name, "tools")


def _exec(live: Document) -> Finding:
    wrong = [
        f"{where}.exec is {_mode(tools) or 'not set'}"
        for where, tools in _scopes(live)
        if _mode(tools) != "deny" and (where == "tools" or "exec" in tools)
    ]
    return judged("exec", wrong, "denied", 'set tools.exec to {mode: "deny"}, for each agent as well')


def _mode(tools: Document) -> str:
    found = part(tools, "exec")
    return str(found.get("mode") or found.get("security") or "")


def _elevated(live: Document) -> Finding:
    wrong = [
        f"{where}.elevated is on"
        for where, tools in _scopes(live)
        if at(tools, "elevated", "enabled") is not False and (where == "tools" or "elevated" in tools)
    ]
    return judged("elevated", wrong, "off", "set tools.elevated.enabled to false")


def _tools(live: Document) -> Finding:
    known = set(model_tools())
    wrong = [] if AGENT in part(live, "agents", "entries") else [f"there is no agent {AGENT}"]
    for where, tools in _scopes(live):
        if "allow" not in tools and where == "tools":
            wrong.append("tools.allow is not set, which allows all")
        wrong += [f"{where}.allow has {name}" for name in strings(tools.get("allow")) if name not in known]
        wrong += [f"{where}.allow is empty, which allows all"] if tools.get("allow") == [] else []
    wrong += [
        f"{dotted(path)} has {name}"
        for path, value in walk(live)
        if path[-1] == "alsoAllow"
        for name in strings(value)
        if name not in known
    ]
    return judged("tools", wrong, f"{len(known)} of the fleet's, no other", _WRITE_ANEW)


def _search(live: Document) -> Finding:
    """Tool search and code mode put the tools behind another one, which the gate would not see through."""
    wrong = [
        f"tools.{name} is {'not set' if found is None else 'on'}"
        for name in ("toolSearch", "codeMode", "swarm")
        if (found := at(live, "tools", name)) is not False
    ]
    wrong += [f"{dotted(path)} is set" for path, found in walk(live) if path[-1] == "codeMode" and found is not False]
    return judged("tool search", list(dict.fromkeys(wrong)), "off", "set toolSearch, codeMode and swarm to false")


def _approve(live: Document) -> Finding:
    """No list may let a tool through that approves, should a server ever have one."""
    wrong = [
        f"{dotted(path)} has {pattern}"
        for path, value in walk(live)
        if path[-1] in {"allow", "alsoAllow", "include"} and "plugins" not in path
        for pattern in strings(value)
        if any(fnmatchcase(name, pattern.lower()) for name in ("approve", seen("approve")))
    ]
    return judged("approve", wrong, "no tool that approves is let through", "take it out: people approve, not models")


def _server(live: Document, places: Places) -> Finding:
    servers, ours = part(live, "mcp", "servers"), part(live, "mcp", "servers", SERVER)
    wrong = [f"mcp.servers has {name}" for name in servers if name != SERVER]
    if not ours or ours.get("enabled") is False:
        wrong.append(f"mcp.servers.{SERVER} is missing")
    elif ours.get("command") != str(places.noc) or ours.get("args") != ["mcp"] or "url" in ours:
        wrong.append(f"mcp.servers.{SERVER} does not run {places.noc} mcp")
    offered = strings(at(ours, "toolFilter", "include"))
    wrong += [f"its tools include {name}" for name in offered if name not in server_tools()]
    wrong += [] if offered else ["its tools are not listed one by one"]
    return judged("MCP server", wrong, f"{places.noc} mcp, and no other", _WRITE_ANEW)


def _gate(live: Document) -> Finding:
    plugins = part(live, "plugins")
    wrong = []
    if plugins.get("enabled") is False or GATE in strings(plugins.get("deny")):
        wrong.append("plugins are off")
    if at(plugins, "entries", GATE, "enabled") is not True:
        wrong.append(f"plugins.entries.{GATE} is not on")
    if GATE not in (allowed := strings(plugins.get("allow"))):
        wrong.append(f"plugins.allow has no {GATE}")
    wrong += [f"plugins.allow has {name}" for name in allowed if name not in _PLUGINS]
    if at(plugins, "entries", GATE, "config", "askFirst") is False and can_ask(part(live, "channels")):
        wrong.append("it asks nobody before a run, though somebody could be asked")
    return judged("gate", wrong, "loaded, and no other plugin but chats", _WRITE_ANEW)
