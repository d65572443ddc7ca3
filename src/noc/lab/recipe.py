"""What the images are made of. A change here makes new images at the next `noc lab up`."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from noc.lab.sources import Distribution

BARE = ("systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "ca-certificates")
NODE = ("python3", "caddy", "wireguard-tools", "wireguard-go", "nftables")
WARM = (*NODE, "git", "openssh-client", "curl", "iputils-ping", "procps")
INTERNET = ("python3", "caddy", "knot", "pebble")
ARCHIVE_ONLY = ("datefudge",)
"""What no image has, and the archive offers all the same: faults are made with it."""
KEYRING = Path("/usr/share/keyrings/noc-lab.gpg")
OFFERS_KEYRING = Path("/usr/share/keyrings/noc-lab-offers.gpg")
"""The images' packages are signed once for all labs; what one lab offers beside them is signed by its own key."""

MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
    "systemd-tmpfiles-clean.timer", "console-getty.service", "container-getty@.service", "getty@.service",
    "systemd-logind.service", "systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service",
)  # fmt: skip
"""Units that would fail in a container, or use the machine for nothing."""
DISABLED = ("caddy.service", "knot.service", "nftables.service")
"""Units that their packages switch on, and that nobody has asked for yet."""

FILES = {
    "etc/ssh/sshd_config.d/lab.conf": "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
    "KbdInteractiveAuthentication no\nHostKey /etc/ssh/ssh_host_ed25519_key\n",
    "etc/apt/sources.list": f"deb [signed-by={KEYRING}] http://apt.lab/base ./\n"
    f"deb [signed-by={OFFERS_KEYRING}] http://apt.lab/offers ./\n",
    "etc/apt/apt.conf.d/lab": 'Acquire::Languages "none";\nAcquire::Check-Valid-Until "false";\n',
}
EPOCH = 2
"""Raised when the way of making changes what is made."""


@dataclass(frozen=True)
class Recipe:
    """All that the content of an image set depends on."""

    distribution: Distribution
    architecture: str

    @property
    def digest(self) -> str:
        """The set's name: 16 hexadecimal digits."""
        parts = [asdict(self), BARE, WARM, INTERNET, ARCHIVE_ONLY, MASKED, DISABLED, FILES, EPOCH]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
