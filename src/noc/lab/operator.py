"""The operator's own machine in a rehearsal: it holds the identities, builds and signs; HQ gets public halves only."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from noc.hosts.trust import generate_key
from noc.lab.errors import OperatorRefused
from noc.lab.fleet import Approver
from noc.release.sshkeygen import sign_text
from noc.runs.review.decision import NAMESPACE


@dataclass(frozen=True)
class BuiltRelease:
    """A signed release on the operator's machine."""

    version: str
    build: int
    directory: Path


class Operator:
    """Commands as the operator types them, on this machine, with every file under one directory.

    Args:
        directory: where identities and releases are kept; made with mode 0700.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def trust(self) -> Path:
        """The public halves that HQ gets."""
        return self.directory / "identity" / "trust"

    def init(self) -> None:
        """Make the operator's and the recovery identity."""
        self._noc("init", "--dir", str(self.directory / "identity"))

    def release(self, version: str, build: int) -> BuiltRelease:
        """Build the service from this checkout and sign it."""
        out = self.directory / f"release-{version}"
        self._noc("release", "build", "--version", version, "--build", str(build), "--out", str(out))
        self._noc("release", "sign", str(out), "--key", str(self.directory / "identity" / "release_key"))
        return BuiltRelease(version, build, out)

    def approver(self, name: str) -> Approver:
        """Make the SSH key by which a person decides; its private half stays here."""
        pair = generate_key(name)
        self._approver_key.touch(mode=0o600)
        self._approver_key.write_bytes(pair.private)
        return Approver(name, pair.public)

    def sign_decision(self, statement: str) -> bytes:
        """Sign what HQ printed for a decision, and return the armoured signature."""
        return sign_text(statement.encode(), self._approver_key, NAMESPACE)

    @property
    def _approver_key(self) -> Path:
        return self.directory / "approver"

    def _noc(self, *args: str) -> object:
        argv = [str(Path(sys.executable).parent / "noc"), *args, "--json"]
        done = subprocess.run(argv, capture_output=True, check=False, timeout=120)
        if done.returncode != 0:
            raise OperatorRefused(
                f"noc {' '.join(args[:2])} ended with {done.returncode}",
                why=(done.stderr + done.stdout).decode(errors="replace").strip()[-1500:],
            )
        return json.loads(done.stdout)
