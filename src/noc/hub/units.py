"""HQ's systemd units, as pure text (systemd.unit(5), systemd.exec(5))."""

from collections.abc import Sequence

from noc.hub.places import (
    BOT_STATE,
    CREDENTIALS,
    FIREWALL,
    FLEET,
    HOST_CA,
    PROGRAM,
    PUBLIC_PAGES,
    RUNNER_SOCKET,
    SSH_KEY,
    STATE,
    TUNNELS_SOCKET,
    WATCH_STATE,
    WEB_GROUP,
    WEB_SOCKET,
)
from noc.runs.site.hqkeys import ABSENT

RUNNER_STOP_S = 300
"""Seconds that the runner gets to bring the node in hand to its end: longer than an activation and its rollback."""

HARDENED = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0027
LimitCORE=0
"""

_SERVICE = f"""\
Environment=NOC_FLEET={FLEET}
Environment=PYTHONUNBUFFERED=1
Restart=always
RestartSec=1
"""


def _load(*names: str) -> str:
    return "".join(f"LoadCredential={name}:{CREDENTIALS / name}\n" for name in names)


def _load_where_there(*names: str) -> str:
    """Credentials that come and go with rotations: what stands in for one that is not there keeps the unit as it is."""
    return _load(*names) + "".join(f"SetCredential={name}:{ABSENT.decode()}\n" for name in names)


def watch_unit(interface: str, build: str, credentials: Sequence[str]) -> str:
    """The watch server: no key to any node. It asks public names, so a name server that is silent must not hold it up.

    Args:
        interface: the tunnel, on whose address pushes arrive.
        build: names the installed noc, so that another one counts as a change.
        credentials: those that HQ has; systemd would not start a unit whose credential is missing.
    """
    return f"""\
[Unit]
Description=noc watch: heartbeats in, incidents and alerts out
Wants=network-online.target wg-quick@{interface}.service
Requires=noc-watch.socket
After=network-online.target wg-quick@{interface}.service noc-watch.socket
StartLimitIntervalSec=0
X-Noc-Build={build}

[Service]
Type=notify
ExecStart={PROGRAM} watch serve --web {WEB_SOCKET} --public {PUBLIC_PAGES} --runner {RUNNER_SOCKET}
User=noc-watch
Group=noc
SupplementaryGroups={WEB_GROUP}
{_load(*credentials)}\
{_SERVICE}\
Environment="RES_OPTIONS=timeout:2 attempts:2"
RuntimeDirectory=noc-watch
ReadWritePaths={WATCH_STATE} {PUBLIC_PAGES}
CapabilityBoundingSet=
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
{HARDENED}
[Install]
WantedBy=multi-user.target
"""


def watch_socket(address: str, port: int) -> str:
    """Where nodes push to: held by systemd, so that a push which comes while the watch starts anew waits for it.

    Args:
        address: HQ's in the tunnel, which may come up later.
        port: the fleet's push port.
    """
    return f"""\
[Unit]
Description=noc watch: where nodes push to

[Socket]
ListenStream={address}:{port}
FreeBind=yes
Backlog=1024
TriggerLimitIntervalSec=0

[Install]
WantedBy=sockets.target
"""


def runner_unit(interface: str, build: str, credentials: Sequence[str] = ()) -> str:
    """The runner: the only one that reads the fleet's SSH key, the host CA, and what opens others' services to HQ.

    What it has in memory, keys of backups and databases in the clear among it, comes to no disk: it leaves no core, and
    is not swapped out. Arguments as `watch_unit`.
    """
    return f"""\
[Unit]
Description=noc runner: takes plans and carries them out on the nodes
Wants=network-online.target wg-quick@{interface}.service
After=network-online.target wg-quick@{interface}.service
StartLimitIntervalSec=0
X-Noc-Build={build}

[Service]
Type=notify
ExecStart={PROGRAM} run serve
TimeoutStopSec={RUNNER_STOP_S}
User=noc-runner
Group=noc
{_load(SSH_KEY, HOST_CA, *credentials)}\
{_load_where_there(f"{SSH_KEY}.next", f"{SSH_KEY}.before", f"{HOST_CA}.next")}\
{_SERVICE}\
RuntimeDirectory=noc-runner
MemorySwapMax=0
ReadWritePaths={FLEET} {STATE}
CapabilityBoundingSet=
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
{HARDENED}
[Install]
WantedBy=multi-user.target
"""


def bot_unit(build: str, settings: str, credentials: Sequence[str]) -> str:
    """The bot of the chats: people talk to it, and it asks runner and watch; no key to any node.

    What it has in memory, the chats' tokens among it, comes to no disk; and whatever a chat service sends, HQ loses no
    more memory to it than the bot may have, which needs about a fifth of that.

    Args:
        build: as `watch_unit`.
        settings: names the chats as the fleet file has them, so that other ones count as a change.
        credentials: the tokens that HQ has, at least one.
    """
    return f"""\
[Unit]
Description=noc bot: the fleet, from chats
Wants=network-online.target
After=network-online.target noc-runner.service noc-watch.service
StartLimitIntervalSec=0
X-Noc-Build={build}
X-Noc-Chats={settings}

[Service]
Type=exec
ExecStart={PROGRAM} bot serve
User=noc-bot
Group=noc
{_load(*credentials)}\
{_SERVICE}\
MemorySwapMax=0
MemoryMax=512M
ReadWritePaths={BOT_STATE}
CapabilityBoundingSet=
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
{HARDENED}
[Install]
WantedBy=multi-user.target
"""


def peers_service(interface: str, build: str) -> str:
    """Applies the list of peers as root whenever the runner writes it; the tunnels of other peers stay up.

    It alone writes HQ's tunnel key, once a rotation of it is proven.

    It is started anew with the tunnel, which comes up without peers, and tells it where they were. Arguments as
    `watch_unit`.
    """
    return f"""\
[Unit]
Description=noc: apply the list of tunnel peers
After=wg-quick@{interface}.service
Requires=wg-quick@{interface}.service
StartLimitIntervalSec=0
X-Noc-Build={build}

[Service]
ExecStart={PROGRAM} hub peers --follow
{_SERVICE}\
StateDirectory=noc-tunnel
StateDirectoryMode=0700
RuntimeDirectory=noc-tunnel
RuntimeDirectoryMode=0755
ReadWritePaths={CREDENTIALS}
CapabilityBoundingSet=CAP_NET_ADMIN CAP_DAC_READ_SEARCH
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
{HARDENED}
[Install]
WantedBy=wg-quick@{interface}.service multi-user.target
"""


def userspace_drop_in() -> str:
    """What `wg-quick@` needs where the kernel has no WireGuard."""
    return "[Service]\nEnvironment=WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go\n"


def tunnels_socket() -> str:
    """Where members of `noc` ask for the tunnel's counters."""
    return f"""\
[Unit]
Description=noc: counters of the tunnel

[Socket]
ListenStream={TUNNELS_SOCKET}
SocketUser=root
SocketGroup=noc
SocketMode=0660
Accept=yes
MaxConnections=16

[Install]
WantedBy=sockets.target
"""


def tunnels_service(interface: str) -> str:
    """Answers one connection with the counters; `wg show` with these words prints no key but public ones."""
    shows = "".join(
        f"ExecStart=-/usr/bin/wg show {interface} {what}\n" for what in ("latest-handshakes", "endpoints", "transfer")
    )
    return f"""\
[Unit]
Description=noc: counters of the tunnel, answered once
CollectMode=inactive-or-failed

[Service]
Type=oneshot
{shows}\
StandardInput=null
StandardOutput=socket
StandardError=journal
TimeoutStartSec=5
CapabilityBoundingSet=CAP_NET_ADMIN
PrivateDevices=yes
RestrictAddressFamilies=AF_UNIX AF_NETLINK
{HARDENED}"""


def firewall_unit() -> str:
    """Loads HQ's own nftables table before the network comes up, and again whenever nftables.service flushed all."""
    return f"""\
[Unit]
Description=noc: HQ's firewall
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
After=nftables.service
PartOf=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {FIREWALL}
ExecReload=/usr/sbin/nft -f {FIREWALL}
ExecStop=/usr/sbin/nft delete table inet noc

[Install]
WantedBy=sysinit.target
"""


def proxy_drop_in() -> str:
    """Lets the proxy reach the watch's socket for it, and nothing else of ours."""
    return f"[Service]\nSupplementaryGroups={WEB_GROUP}\n"
