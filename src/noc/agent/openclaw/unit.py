"""The agent's unit, as pure text (systemd.unit(5), systemd.exec(5))."""

from collections.abc import Sequence

from noc.agent.openclaw.configuration import PORT
from noc.agent.openclaw.places import CREDENTIALS, GATEWAY_TOKEN, HQ, MODEL_KEY, USER, Places

HARDENED = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
InaccessiblePaths=-/etc/noc-credentials -/var/lib/noc -/var/lib/noc-watch -/var/lib/noc-bot
UMask=0077
"""
"""No MemoryDenyWriteExecute: Node compiles as it runs. It tries calls that it can do without, which must not end it."""


def unit_text(tokens: Sequence[str] = (), places: Places = HQ) -> str:
    """The unit.

    OpenClaw takes a secret from a file of its own user alone, so that credentials are copied into a directory in memory
    before it starts. The gateway's own token is drawn there at each start: nobody has to know it.

    Args:
        tokens: credentials of chats, beside the model's key.
        places: where the agent's things lie.
    """
    secrets = (MODEL_KEY, *tokens)
    loads = "".join(f"LoadCredential={name}:{CREDENTIALS / name}\n" for name in secrets)
    copy = "ExecStartPre=/usr/bin/install -m 0400 ${CREDENTIALS_DIRECTORY}"
    copies = "".join(f"{copy}/{name} {places.run / name}\n" for name in secrets)
    node, openclaw = places.prefix / "node_modules/.bin/node", places.prefix / "node_modules/openclaw/openclaw.mjs"
    return f"""\
[Unit]
Description=noc agent: OpenClaw, which reaches the fleet through noc mcp and nothing else
Wants=network-online.target
After=network-online.target noc-runner.service noc-watch.service
StartLimitBurst=10
StartLimitIntervalSec=300

[Service]
User={USER}
Group={USER}
SupplementaryGroups=noc
StateDirectory={places.state.name}
StateDirectoryMode=0700
RuntimeDirectory={places.run.name}
RuntimeDirectoryMode=0700
WorkingDirectory={places.state}
Environment=HOME={places.state}
Environment=OPENCLAW_STATE_DIR={places.state}
Environment=OPENCLAW_CONFIG_PATH={places.config}
Environment=OPENCLAW_NO_AUTO_UPDATE=1
Environment=OPENCLAW_DISABLE_BONJOUR=1
Environment=OPENCLAW_SERVICE_REPAIR_POLICY=external
{loads}\
{copies}\
ExecStartPre=/bin/sh -c 'head -c 32 /dev/urandom | base64 -w 0 >{places.run / GATEWAY_TOKEN}'
ExecStart={node} {openclaw} gateway run --port {PORT}
Restart=always
RestartSec=5
RestartPreventExitStatus=78
SuccessExitStatus=0 143
TimeoutStopSec=60
LimitCORE=0
KillMode=mixed
{HARDENED}
[Install]
WantedBy=multi-user.target
"""
