"""Faults between a node and those whom it serves, each for as long as it is wanted: proxy, name, certificate, tunnel,
service. The rest of the node works on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address

from noc.lab.errors import RequestRefused
from noc.lab.lab import Lab

CADDYFILE = "/etc/caddy/Caddyfile"
EXPIRED = "/etc/caddy/expired"
SERVICE = ("clavitor.socket", "clavitor.service")


class PublicFaults:
    """Breaks one thing of a live node of a lab, and mends it.

    Args:
        lab: the lab.
        domain: the fleet's zone.
    """

    def __init__(self, lab: Lab, domain: str) -> None:
        self._lab, self._domain = lab, domain

    @contextmanager
    def proxy_stopped(self, node: str) -> Iterator[None]:
        """Nobody listens on the node's public ports."""
        with self._mended(node, "systemctl start caddy"):
            self._on(node, "systemctl stop caddy")
            yield

    @contextmanager
    def service_stopped(self, node: str) -> Iterator[None]:
        """The service is stopped and stays so; the proxy answers alone."""
        units = " ".join(SERVICE)
        with self._mended(node, f"systemctl unmask --runtime {units}; systemctl start {units}"):
            self._on(node, f"systemctl mask --runtime --now {units}")
            yield

    @contextmanager
    def tunnel_stopped(self, node: str) -> Iterator[None]:
        """The node's end of the tunnel is down; the world reaches it as before."""
        with self._mended(node, "systemctl start wg-quick@wg0"):
            self._on(node, "systemctl stop wg-quick@wg0")
            yield

    @contextmanager
    def name_misled(self, node: str, address: IPv4Address) -> Iterator[None]:
        """The zone leads the node's name to another address."""
        zone = f"/etc/knot/{self._domain}.zone"
        record = rf"s/^\({node}\.{self._domain}\.\) A .*/\1 A {address}/"
        with self._mended("internet", f"mv {zone}.right {zone}; systemctl restart noc-knot"):
            self._on("internet", f"cp -p {zone} {zone}.right; sed -i '{record}' {zone}; systemctl restart noc-knot")
            yield

    @contextmanager
    def certificate_replaced(self, node: str, certificate: bytes, key: bytes) -> Iterator[None]:
        """The node's proxy shows another certificate.

        Args:
            node: the node.
            certificate, key: PEM.
        """
        with self._mended(node, f"mv {CADDYFILE}.right {CADDYFILE}; systemctl restart caddy; rm -f {EXPIRED}.*"):
            for suffix, content in (("crt", certificate), ("key", key)):
                self._on(node, f"umask 077; cat >{EXPIRED}.{suffix}; chown caddy: {EXPIRED}.{suffix}", content)
            shown = rf"s#^\({node}\.{self._domain}.* {{\)$#\1\n\ttls {EXPIRED}.crt {EXPIRED}.key#"
            self._on(
                node, f"cp -p {CADDYFILE} {CADDYFILE}.right; sed -i '{shown}' {CADDYFILE}; systemctl restart caddy"
            )
            yield

    @contextmanager
    def _mended(self, machine: str, script: str) -> Iterator[None]:
        try:
            yield
        finally:
            self._on(machine, script)

    def _on(self, machine: str, script: str, stdin: bytes | None = None) -> None:
        done = self._lab.exec(machine, "sh", "-euc", script, stdin=stdin, timeout_s=60)
        if done.returncode:
            raise RequestRefused(f"{machine} cannot be changed", why=done.stderr.decode(errors="replace")[-300:])
