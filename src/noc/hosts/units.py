"""Texts of a node's systemd units: pure, and the same on every platform."""

import json

from noc.fleet.model import Fleet
from noc.hosts.programs import ACTIVATOR, DOWN_PUSH, WATCHDOG

ENVIRONMENT = "/etc/clavitor/environment"
CURRENT = "/opt/clavitor/current"
LISTEN = "127.0.0.1:8080"
WATCHDOG_SETTINGS = "/etc/noc-node/watchdog.json"

# The socket waits for a release too: a socket whose service may not start would wake it for ever.
_SOCKET = f"""\
[Unit]
Description=The vault's door, which stays open while the service behind it changes
ConditionPathExists={CURRENT}

[Socket]
ListenStream={LISTEN}
Backlog=1024
TriggerLimitIntervalSec=0

[Install]
WantedBy=sockets.target
"""

# A death is told by ExecStopPost and not by OnFailure, which stays silent while Restart= keeps the unit from failing.
_SERVICE = f"""\
[Unit]
Description=Clavitor, the vault
Requires=clavitor.socket
After=clavitor.socket network.target
ConditionPathExists={CURRENT}
StartLimitIntervalSec=0

[Service]
Type=exec
User=clavitor
EnvironmentFile={ENVIRONMENT}
ExecStart=/usr/bin/python3 {CURRENT}/clavitor.pyz serve
ExecStopPost=-+/bin/sh -c '[ "$$SERVICE_RESULT" = success ] || \
exec systemctl start --no-block "clavitor-down@$$EXIT_CODE-$$EXIT_STATUS.service"'
Restart=always
RestartSec=1
TimeoutStopSec=15
StateDirectory=clavitor
StateDirectoryMode=0700
UMask=0077
TasksMax=128
CapabilityBoundingSet=
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources

[Install]
WantedBy=multi-user.target
"""

_DOWN = f"""\
[Unit]
Description=Tell HQ that the vault ended: %i
StartLimitIntervalSec=0

[Service]
Type=exec
DynamicUser=yes
EnvironmentFile={ENVIRONMENT}
ExecStart=/usr/bin/python3 -I -S {DOWN_PUSH} %i
TimeoutStartSec=15
RuntimeMaxSec=15
CapabilityBoundingSet=
NoNewPrivileges=yes
PrivateDevices=yes
ProtectHome=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
"""

# Without default dependencies: it comes before a socket, and sockets come before all that is started by default. It
# comes before whatever reads a file that it may put back.
_SETTLE = f"""\
[Unit]
Description=Put release and configuration back where a change was not confirmed before the power went
DefaultDependencies=no
RequiresMountsFor=/var/lib/noc-node /opt/clavitor /usr/local/lib
After=local-fs.target
Before=clavitor.socket clavitor.service sockets.target shutdown.target
Before=nftables.service wg-quick@wg0.service caddy.service ssh.service
Conflicts=shutdown.target
ConditionPathExists=/var/lib/noc-node/pending.json

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/python3 {ACTIVATOR} settle

[Install]
WantedBy=sockets.target
"""

# Root, since the tunnel and the firewall are root's; of what root may do it keeps these two.
_WATCHDOG = f"""\
[Unit]
Description=Looks for HQ where the tunnel is silent, and lets it in after long
After=network.target nftables.service
StartLimitIntervalSec=0
ConditionPathExists={WATCHDOG_SETTINGS}

[Service]
Type=exec
ExecStart=/usr/bin/python3 -I -S {WATCHDOG} noc
Restart=always
RestartSec=5
RuntimeDirectory=noc-watchdog
RuntimeDirectoryPreserve=yes
RuntimeDirectoryMode=0700
UMask=0077
OOMScoreAdjust=-900
TasksMax=16
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"""

_CADDY = """\
[Unit]
StartLimitIntervalSec=0

[Service]
RuntimeDirectory=caddy
RuntimeDirectoryMode=0700
Restart=always
RestartSec=1
"""


NODE_UNITS = {
    "clavitor.socket": _SOCKET,
    "clavitor.service": _SERVICE,
    "clavitor-down@.service": _DOWN,
    "noc-settle.service": _SETTLE,
    "noc-watchdog.service": _WATCHDOG,
    "caddy.service.d/noc.conf": _CADDY,
}


def watchdog_settings(fleet: Fleet) -> str:
    """What a node's watchdog goes by (`noc.hosts.node.watchdog.Settings`), as JSON; the same for all nodes."""
    hub, times = fleet.hub, fleet.rescue
    settings = {
        "endpoint": f"{hub.address}:{fleet.tunnel.port}",
        "fallback": hub.fallback,
        "rescue": [str(address) for address in hub.rescue],
        "fallback_after": times.fallback_after,
        "rescue_after": times.rescue_after,
    }
    return json.dumps(settings, indent=2) + "\n"


def environment_text(values: dict[str, str]) -> str:
    """An environment file (systemd.exec(5)). Raises ValueError where a value could not stand on one line."""
    for name, value in values.items():
        if not value.isprintable() or not name.isidentifier():
            raise ValueError(f"{name} cannot stand in an environment file")
    return "".join(f'{name}="{_escape(value)}"\n' for name, value in values.items())


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
