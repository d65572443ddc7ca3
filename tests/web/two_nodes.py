"""Two nodes with one directory of tenants, each a real service behind a real Caddy with a node's own Caddyfile.

The domain itself leads to the first of them. Whatever other node is in the directory does not answer. Only authority
and ports are the test's.
"""

import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import pytest

from clavitor_service import Service
from noc.hosts.caddy import caddyfile
from noc.hosts.platform import NodeConfig
from tenant_directory import DOMAIN, TenantDirectory
from watch_kit import free_port, until

APEX_NODE, OTHER_NODE, SILENT_NODE = "virginia", "frankfurt", "singapore"


class Node:
    """A service and the proxy in front of it."""

    def __init__(self, root: Path, name: str, tenants: TenantDirectory, aliases: tuple[str, ...]) -> None:
        self.root, self.hostname, self.aliases = root / name, f"{name}.{DOMAIN}", aliases
        self.root.mkdir()
        self.https, self.http = free_port(), free_port()
        self.service = Service(self.root, **tenants.environment, CLAVITOR_DOMAIN=self.hostname)
        self._caddy: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.service.start()
        self.service.wait_healthy()
        config = self.root / "Caddyfile"
        config.write_text(self._caddyfile())
        argv = ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]
        environment = {"PATH": "/usr/bin:/bin", "XDG_DATA_HOME": str(self.root / "data"), "HOME": str(self.root)}
        with (self.root / "caddy.log").open("wb") as log:
            self._caddy = subprocess.Popen(argv, stdout=log, stderr=log, env=environment)
        until(self._answers, within=30, what=f"the proxy of {self.hostname} answers")

    def stop(self) -> None:
        if self._caddy is not None:
            self._caddy.terminate()
            self._caddy.wait(15)
        self.service.close()

    def invitation(self) -> str:
        return self.service.command("invite").stdout.split()[0]

    def _caddyfile(self) -> str:
        config = NodeConfig(
            name=self.hostname.partition(".")[0],
            hostname=self.hostname,
            aliases=self.aliases,
            tunnel_address="10.84.0.2",
            wireguard="",
            hub_tunnel_address="10.84.0.1",
            acme_ca="https://acme.invalid/directory",
            acme_ca_root=None,
            acme_email="",
            signers="",
            push_interval_s=30,
        )
        text = caddyfile(config)
        ours = f"\tlocal_certs\n\tskip_install_trust\n\thttps_port {self.https}\n\thttp_port {self.http}\n"
        for before, after in (
            ("\tadmin unix//run/caddy/admin.sock\n", "\tadmin off\n"),
            ("\tacme_ca https://acme.invalid/directory\n", ours),
            ("reverse_proxy 127.0.0.1:8080", f"reverse_proxy 127.0.0.1:{self.service.port}"),
        ):
            assert before in text
            text = text.replace(before, after)
        return text

    def _answers(self) -> bool:
        root = self.root / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        try:
            with httpx.Client(verify=ssl.create_default_context(cafile=root)) as client:
                asked = {"headers": {"host": self.hostname}, "extensions": {"sni_hostname": self.hostname}}
                return client.get(f"https://127.0.0.1:{self.https}/health", **asked).status_code == 200  # type: ignore[arg-type]
        except (httpx.HTTPError, OSError):
            return False


class TwoNodes:
    """Both, and the directory that they share."""

    def __init__(self, root: Path) -> None:
        self.tenants = TenantDirectory(root)
        self.apex = Node(root, APEX_NODE, self.tenants, (DOMAIN,))
        self.other = Node(root, OTHER_NODE, self.tenants, ())
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self._nothing = taken.getsockname()[1]

    def rules(self) -> str:
        """For Chromium: where the names lead."""
        ports = {
            DOMAIN: self.apex.https,
            self.apex.hostname: self.apex.https,
            self.other.hostname: self.other.https,
            f"*.{DOMAIN}": self._nothing,
        }
        maps = ", ".join(f"MAP {name}:443 127.0.0.1:{port}" for name, port in ports.items())
        return f"--host-resolver-rules={maps}"

    def __enter__(self) -> Self:
        if shutil.which("caddy") is None:
            pytest.skip("caddy is not installed: sh tools/packages.sh test")
        try:
            self.apex.start()
            self.other.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in (self.apex, self.other):
            node.stop()
