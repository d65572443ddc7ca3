"""The stand-in inside a lab: a process of the supervisor's, in its network, whose machines are the lab's hosts."""

import base64
import ssl
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from noc.lab import control
from noc.lab.cloud.account import Settings
from noc.lab.cloud.front import Front, StartResponse
from noc.lab.cloud.server import served
from noc.lab.machines import EYE, LabPlan
from noc.lab.places import Places

PORT: Final = 443
READY: Final = "ready"


class LabHosts:
    """Machines of the API that are hosts of the lab, by their nodes' names."""

    def __init__(self, places: Places, plan: LabPlan) -> None:
        """The hosts of a lab that come and go by the API."""
        self._places = places
        self._addresses = {each.name: str(each.address) for each in plan.machines if each.name in plan.cloud}

    def address(self, node: str) -> str | None:
        """The host's address in the lab; None for a node that the lab does not have."""
        return self._addresses.get(node)

    def started(self, node: str, user_data: str, authorized_key: str) -> None:
        """A host with an empty disk comes up; it takes its host key from the user data, as the image does."""
        if node in self._addresses:
            handed = base64.b64decode(user_data).decode()
            asked = {"op": "install", "name": node, "user_data": handed, "authorized_key": authorized_key}
            control.ask(self._places.socket, asked, timeout_s=90)

    def ended(self, node: str) -> None:
        """The host goes, with its disk."""
        if node in self._addresses:
            control.ask(self._places.socket, {"op": "remove", "name": node}, timeout_s=90)


class Ruled:
    """A front whose account is what a file says, read again whenever that is another."""

    def __init__(self, front: Front, file: Path) -> None:
        """Begin with what the file says."""
        self._front, self._file, self._read = front, file, 0
        self._lock = threading.Lock()

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        with self._lock:
            changed = self._file.stat().st_mtime_ns
            if changed != self._read:
                self._read, account = changed, self._front.account
                account.settings, account.refused = Settings.model_validate_json(self._file.read_bytes()), 0
        return self._front(environ, start_response)


def write_settings(file: Path, settings: Settings) -> None:
    """Let a lab's account be otherwise, from the next request on."""
    new = file.with_suffix(".new")
    new.write_text(settings.model_dump_json())
    new.replace(file)


def main() -> None:
    """`python -m noc.lab.cloud.service STATE CACHE`; says on its standard output once it answers."""
    places = Places(Path(sys.argv[1]), Path(sys.argv[2]))
    plan = LabPlan.model_validate_json(places.plan.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(places.cloud_certificate, places.cloud_key)
    front = Ruled(Front(LabHosts(places, plan)), places.cloud_account)
    with served(front, str(EYE), PORT, context):
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
