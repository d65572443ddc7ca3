"""Nodes that take directories of tenants: the real activator, without a process for it, over a tree for each."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from here_shell import Here
from noc.fleet.load import load
from noc.hosts.activation import Activator
from noc.hosts.errors import Unreachable
from noc.hosts.node import activator
from noc.runs.paths import Paths
from noc.runs.site.environment import directory_signers
from noc.runs.site.site import Site
from runs_kit import NAMES, World, make_site

ROOMY = {"db_size_mb": 10, "ram_mb": 100, "active_sessions": 3}


class NodeSession:
    """What an activator answers in a session."""

    def __init__(self, layout: Path) -> None:
        self._layout = str(layout)

    async def ask(self, question: Mapping[str, Any], *, timeout_s: float) -> dict[str, Any]:
        argv = ["--layout", self._layout, question["verb"], *question["args"]]
        status, answer = await asyncio.to_thread(activator.answer, argv)
        return {"status": status, "answer": answer}

    async def close(self) -> None:
        """Nothing is open."""


class NodeShell(Here):
    """A shell on a node, which is a tree on this machine."""

    def __init__(self, name: str, layout: Path) -> None:
        self.name, self._layout = name, layout

    async def session(self, *_: str) -> NodeSession:
        return NodeSession(self._layout)


class TenantNodes:
    """The ways to them; a node in `away` cannot be reached."""

    def __init__(self, base: Path, paths: Paths, world: World) -> None:
        self.base, self._paths, self._world = base, paths, world
        self.away: set[str] = set()
        self.dialled: list[str] = []
        signers = directory_signers(self.site())
        for name in NAMES:
            world.machines[name].telemetry = dict(ROOMY)
            trust = base / name / "etc/noc-node"
            trust.mkdir(parents=True)
            (trust / "directory-signers").write_text(signers)
            (trust / "node.json").write_text(json.dumps({"name": name, "domain": f"{name}.clavitor.test"}))
            (base / f"{name}.json").write_text(json.dumps({"root": str(base / name)}))

    def site(self, *_: Any) -> Site:
        """The fleet with these nodes, as it is now."""
        site = make_site(self._paths, load(self._paths.fleet), self._world)
        object.__setattr__(site, "ways", self)
        return site

    async def dial(self, name: str, *_: object, **__: object) -> Any:
        self.dialled.append(name)
        if name in self.away:
            raise Unreachable(f"{name} cannot be reached", why="no answer")
        return NodeShell(name, self.base / f"{name}.json")

    def activator(self, shell: Any) -> Activator:
        return Activator(shell)

    def home(self, name: str) -> Path:
        """Where a node's service finds its directory."""
        return self.base / name / "var/lib/clavitor-directory"

    def held(self, name: str) -> tuple[int, bytes]:
        """Version and body of what a node has; version 0 for nothing."""
        try:
            version = json.loads((self.home(name) / "head.json").read_bytes())["version"]
        except FileNotFoundError:
            return 0, b""
        return version, (self.home(name) / f"tenants-{version}").read_bytes()
