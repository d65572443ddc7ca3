"""Push tokens: drawn on HQ, delivered to the node's environment file, known to HQ by their hash alone."""

import hashlib
import secrets

from noc.fleet.model import Fleet, Node
from noc.fleet.nix import ACME_ROOT

ENVIRONMENT = "/etc/clavitor/environment"
DATABASE = "/var/lib/clavitor/clavitor.db"
_BYTES = 32


def new_token() -> str:
    """A new token of 256 random bits, in characters that a URL's path takes."""
    return secrets.token_urlsafe(_BYTES)


def token_hash(token: str) -> str:
    """Hex sha256 of a token: what the inventory holds."""
    return hashlib.sha256(token.encode()).hexdigest()


def push_url(fleet: Fleet, token: str) -> str:
    """Where a node pushes to: the hub's address in the tunnel."""
    return f"http://{fleet.hub.tunnel}:{fleet.tunnel.push_port}/api/push/{token}"


def environment(fleet: Fleet, node: Node, token: str) -> dict[str, str]:
    """The service's environment; it holds the push URL, a secret.

    Where the fleet has an ACME root of its own, the service needs it to judge its certificate (SSL_CERT_FILE is
    OpenSSL's name for that).
    """
    own_root = {"SSL_CERT_FILE": ACME_ROOT} if fleet.acme.ca_root else {}
    return {
        "CLAVITOR_DB": DATABASE,
        "CLAVITOR_DOMAIN": fleet.hostname(node),
        "KUMA_PUSH_URL": push_url(fleet, token),
        "CLAVITOR_PUSH_INTERVAL": f"{fleet.policy.push_interval:g}",
        **own_root,
    }


def token_in(text: str) -> str | None:
    """The token in an environment file's text; None where there is none."""
    for line in text.splitlines():
        name, _, value = line.strip().partition("=")
        if name == "KUMA_PUSH_URL":
            _, found, token = value.strip("\"'").rpartition("/api/push/")
            return token if found and token else None
    return None
