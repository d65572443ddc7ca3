"""A node's configuration as one object: what lies on it and is no secret, with a hash that names the whole."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from noc.hosts.files import File, install
from noc.hosts.shell import Shell

CONFIGS = "/var/lib/noc-node/configs"
RUNNING_SYSTEM, BOOTING_SYSTEM = "/run/current-system", "/nix/var/nix/profiles/system"


@dataclass(frozen=True)
class Bundle:
    """The configuration of one node, as it is rendered.

    Attributes:
        files: absolute path → what shall lie there.
        closure: store path of the NixOS system that holds all the rest, None on other platforms.
    """

    files: Mapping[str, File]
    closure: str | None = None

    @cached_property
    def content(self) -> bytes:
        """Canonical JSON, as the node's activator reads it: equal bundles are equal bytes."""
        files = {path: {"mode": f"{file.mode:o}", "text": file.text} for path, file in self.files.items()}
        document = {"closure": self.closure, "files": files}
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    @cached_property
    def sha256(self) -> str:
        """The name of this configuration: the hash of its content, hex."""
        return hashlib.sha256(self.content).hexdigest()

    def hashes(self) -> dict[str, str]:
        """What to compare a node with: path → `MODE SHA256` of a file, or `link TARGET` of the system's links."""
        said = {path: f"{file.mode:o} {_sha256(file.text)}" for path, file in self.files.items()}
        if self.closure is not None:
            said |= dict.fromkeys((RUNNING_SYSTEM, BOOTING_SYSTEM), f"link {self.closure}")
        return said


async def stage(shell: Shell, bundle: Bundle) -> int:
    """Send a bundle to the node, where the activator finds it by its hash; nothing is changed by that.

    Returns:
        Bytes sent; 0 where it was there already.

    Raises:
        What Shell.run and Shell.put raise.
    """
    place = f"{CONFIGS}/{bundle.sha256}.json"
    sent = await install(shell, {place: File(bundle.content.decode(), 0o600)})
    return len(bundle.content) if sent else 0


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
