"""The proxy in front of the service: TLS with certificates of its own making, on the names of one node."""

from noc.fleet.nix import ACME_ROOT
from noc.hosts.platform import NodeConfig

CADDYFILE = "/etc/caddy/Caddyfile"
MAX_BODY = "2MB"


def caddyfile(config: NodeConfig) -> str:
    """The Caddyfile of a node.

    Its administration is a Unix socket of the caddy user, and every request gets a connection of its own to the
    service: a kept one would be cut when the service changes, and what it carried would be lost. HTTP/3 is off, because
    a node has no open UDP port. A client that trickles its request is let go: a small service has few places.

    Args:
        config: the node; its names, and the authority that certifies them.
    """
    options = ["admin unix//run/caddy/admin.sock", f"acme_ca {config.acme_ca}"]
    if config.acme_ca_root:
        options.append(f"acme_ca_root {ACME_ROOT}")
    if config.acme_email:
        options.append(f"email {config.acme_email}")
    return "\n".join(
        [
            "{",
            *(f"\t{option}" for option in options),
            "\tservers {",
            "\t\tprotocols h1 h2",
            "\t\ttimeouts {",
            "\t\t\tread_header 10s",
            "\t\t\tread_body 30s",
            "\t\t\tidle 2m",
            "\t\t}",
            "\t}",
            "}",
            "",
            f"{', '.join((config.hostname, *config.aliases))} {{",
            "\trequest_body {",
            f"\t\tmax_size {MAX_BODY}",
            "\t}",
            "\theader {",
            '\t\tStrict-Transport-Security "max-age=31536000"',
            "\t\t-Server",
            "\t}",
            "\treverse_proxy 127.0.0.1:8080 {",
            "\t\tlb_try_duration 5s",
            "\t\tlb_try_interval 100ms",
            "\t\ttransport http {",
            "\t\t\tkeepalive off",
            "\t\t\tdial_timeout 2s",
            "\t\t}",
            "\t}",
            "}",
            "",
        ]
    )
