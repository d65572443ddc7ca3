"""Where things lie on a node, and how its service is driven."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_PROPERTIES = "MainPID,ActiveState,SubState,ExecMainCode,ExecMainStatus"


class Layout(NamedTuple):
    """Where things lie on a node and how its service is driven; `--layout FILE` names others, as JSON."""

    file: str | None = None
    root: str = "/"
    host: str = "127.0.0.1"
    port: int = 8080
    restart: Sequence[str] = ("systemctl", "restart", "clavitor.service")
    stop: Sequence[str] = ("systemctl", "stop", "clavitor.socket", "clavitor.service")
    show: Sequence[str] = ("systemctl", "show", "clavitor.service", f"--property={_PROPERTIES}")
    logs: Sequence[str] = ("journalctl", "-u", "clavitor.service", "-n", "20", "-o", "cat", "--no-pager", "-q")
    stopping: Sequence[str] = ("systemctl", "is-system-running")
    launch: Sequence[str] = (
        # A unit's own PATH does not lead to what a NixOS machine has; ours does.
        *("systemd-run", "--quiet", "--collect", "--setenv=PATH", "--unit=noc-activate-{run}"),
        "--property=OOMScoreAdjust=-900",
        *("--property=TimeoutStopSec=900", "--property=StandardOutput=null"),
        "--property=ExecStopPost=/bin/sh -c '[ \"$$EXIT_CODE-$$EXIT_STATUS\" = exited-0 ] || exec {recover}'",
    )
    launch_recovery: Sequence[str] = (
        *("systemd-run", "--quiet", "--collect", "--setenv=PATH", "--no-block", "--unit=noc-recover-{run}"),
        *("--property=After=clavitor.service", "--property=OOMScoreAdjust=-900", "--property=StandardOutput=null"),
    )
    actions: Mapping[str, Sequence[str]] = {}
    reserve: int = 16 * 1024 * 1024

    def path(self, below_root: str) -> Path:
        """A path of the node."""
        return Path(self.root) / below_root

    @property
    def current(self) -> Path:
        """The link to the release that runs."""
        return self.path("opt/clavitor/current")

    @property
    def database(self) -> Path:
        """The service's database."""
        return self.path("var/lib/clavitor/clavitor.db")

    def release(self, sha: str) -> Path:
        """The directory of a release."""
        return self.path("opt/clavitor/releases") / sha

    def state(self, name: str) -> Path:
        """One of the activator's own files."""
        return self.path("var/lib/noc-node") / name


def load_layout(file: str | None) -> Layout:
    """The layout that a JSON file describes; the node's own where no file is named."""
    return Layout(file=file, **json.loads(Path(file).read_bytes())) if file else Layout()
