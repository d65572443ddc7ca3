"""Where things lie on HQ."""

from pathlib import Path

PROGRAM = Path("/usr/local/bin/noc")
DISTRIBUTION = Path("/opt/noc/current/.noc-distribution.json")
FLEET = Path("/etc/noc")
CREDENTIALS = Path("/etc/noc-credentials")
TRUST = Path("/etc/noc-trust")
STATE = Path("/var/lib/noc")
WATCH_STATE = Path("/var/lib/noc-watch")
PUBLIC_PAGES = Path("/var/lib/noc-public")
BOT_STATE = Path("/var/lib/noc-bot")
TUNNEL_STATE = Path("/var/lib/noc-tunnel")
OUTGOING = Path("/var/lib/noc-outgoing")
WEB_SOCKET = Path("/run/noc-watch/web.sock")
TUNNELS_SOCKET = Path("/run/noc-tunnels.sock")
RUNNER_SOCKET = Path("/run/noc-runner/runner.sock")
HUB_KEY_ASKED = STATE / "hub-key.json"
HUB_KEY_TOLD = Path("/run/noc-tunnel/hub-key.json")
UNITS = Path("/etc/systemd/system")
WIREGUARD = Path("/etc/wireguard")
CADDYFILE = Path("/etc/caddy/Caddyfile")
FIREWALL = Path("/etc/noc-firewall.nft")
SSH_SETTINGS = Path("/etc/ssh/sshd_config.d/10-noc.conf")

HUB_KEY, SSH_KEY, HOST_CA = "hub_wg_key", "ssh_key", "host_ca"
NTFY_TOKEN, DEAD_MAN_URL = "ntfy_token", "dead_man_url"
DATABASE_PASSWORD = "database_password"  # noqa: S105 - the name of its file
ESCROW_KEY, BACKUP_KEY = "escrow_key", "backup_key"
SECOND_KEY = "second_key"
TENANT_KEY, DIRECTORY_KEY = "tenant_key", "directory_key"
DNS_TOKEN, DNS_TSIG, AWS = "dns_token", "dns_tsig", "aws"
TELEGRAM_TOKEN, DISCORD_TOKEN, MODEL_KEY = "telegram_token", "discord_token", "model_key"
AGENT_TELEGRAM_TOKEN, AGENT_DISCORD_TOKEN = "agent_telegram_token", "agent_discord_token"

WEB_GROUP = "noc-web"
"""Who may connect to the watch's socket for the proxy: Caddy, and nobody else."""
