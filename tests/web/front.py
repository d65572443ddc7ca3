"""A watch behind a real Caddy with HQ's own Caddyfile: only authority, ports and the socket's place are the test's."""

import shutil
import ssl
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from noc.fleet.load import load
from noc.hub.places import WEB_SOCKET
from noc.hub.proxy import caddyfile
from watch_kit import Server, free_port, until

HOST = "noc.clavitor.test"
PEOPLE = '\n[[people]]\nname = "root"\nrole = "{role}"\n'


class Front:
    """The watch, the proxy, and who may sign in: root, whom the kernel vouches for on the watch's own socket."""

    def __init__(self, directory: Path, fleet: Path) -> None:
        self.directory = directory
        self.watch = Server(directory, fleet)
        self.plain = (fleet / "fleet.toml").read_text()
        self.https, self.http = free_port(), free_port()
        self.url = f"https://{HOST}/"
        self.web = directory / "web.sock"
        self.watch.more = ["--web", str(self.web)]
        self._caddy: subprocess.Popen[bytes] | None = None

    def employ(self, role: str | None) -> None:
        """Give root a role in the fleet file, or take root out of it."""
        text = self.plain + (PEOPLE.format(role=role) if role else "")
        (self.watch.fleet / "fleet.toml").write_text(text)
        if self.watch.process is not None:
            assert self.watch.ask("/api/v1/reload", "POST")[0] == 200

    def link(self) -> str:
        """A link to sign in."""
        status, answer = self.watch.ask("/api/v1/links", "POST")
        assert status == 200, answer
        url: str = answer["url"]
        return url

    def request(self, method: str, path: str, *, source: str = "127.0.0.1", **options: Any) -> httpx.Response:
        """One request through the proxy from an address of this machine; the proxy's certificate is verified."""
        root = self.directory / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        transport = httpx.HTTPTransport(verify=ssl.create_default_context(cafile=root), local_address=source)
        with httpx.Client(transport=transport, base_url=f"https://127.0.0.1:{self.https}") as client:
            extensions = {"sni_hostname": HOST}
            headers = {"host": HOST, "accept": "text/html"} | options.pop("headers", {})
            return client.request(method, path, headers=headers, extensions=extensions, **options)

    def __enter__(self) -> Self:
        if shutil.which("caddy") is None:
            pytest.skip("caddy is not installed: sh tools/packages.sh test")
        self.employ("operator")
        self.watch.start()
        config = self.directory / "Caddyfile"
        config.write_text(self._caddyfile())
        argv = ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]
        environment = {
            "PATH": "/usr/bin:/bin",
            "XDG_DATA_HOME": str(self.directory / "data"),
            "HOME": str(self.directory),
        }
        with (self.directory / "caddy.log").open("wb") as log:
            self._caddy = subprocess.Popen(argv, stdout=log, stderr=log, env=environment)
        try:
            until(self._answers, within=30, what="the proxy answers")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End both."""
        if self._caddy is not None:
            self._caddy.terminate()
            self._caddy.wait(15)
        self.watch.stop()

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/login").status_code == 200
        except (httpx.HTTPError, OSError):
            return False

    def _caddyfile(self) -> str:
        fleet = load(self.watch.fleet)
        text = caddyfile(fleet, acme_root=None)
        ours = f"\tlocal_certs\n\tskip_install_trust\n\tadmin off\n\thttps_port {self.https}\n\thttp_port {self.http}\n"
        for before, after in (
            (f"\tacme_ca {fleet.acme.directory}\n", ours),
            (f"unix/{WEB_SOCKET}", f"unix/{self.web}"),
        ):
            assert before in text
            text = text.replace(before, after)
        return text
