"""HQ of a lab, driven as its operators drive the real one: the distributed file, and the `noc` that it installs."""

import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from noc.lab.errors import HqRefused
from noc.lab.lab import Lab
from noc.runs.drill.lab import MACHINE, MARK, mark_text

FLEET_SOURCE = "/root/fleet"
TRUST_SOURCE = "/root/trust"


class Headquarters:
    """The lab's HQ machine, up and reachable.

    Args:
        lab: the running lab.
        name: HQ's name in the fleet file.
    """

    def __init__(self, lab: Lab, name: str = "zurich") -> None:
        self.lab, self.name = lab, name

    def sh(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 120) -> str:
        """Run a command as root on HQ and return its output. Raises HqRefused with both streams' ends."""
        done = self.lab.exec(self.name, *argv, stdin=stdin, timeout_s=timeout_s)
        if done.returncode != 0:
            raise HqRefused(f"{self.name}: {' '.join(argv[:4])} … ended with {done.returncode}", why=_tail(done))
        return done.stdout.decode(errors="replace")

    def noc(self, *args: str, timeout_s: float = 300, statuses: tuple[int, ...] = (0,)) -> Any:  # noqa: ANN401
        """Run the installed `noc … --json` on HQ.

        Args:
            args: the command and its arguments, without `--json`.
            timeout_s: seconds until the command counts as lost.
            statuses: exit statuses that are an answer rather than a failure.

        Returns:
            The JSON document of its standard output.

        Raises:
            HqRefused: another exit status, or no JSON on standard output.
        """
        done = self.lab.exec(self.name, "/usr/local/bin/noc", *args, "--json", timeout_s=timeout_s)
        try:
            document = json.loads(done.stdout)
        except ValueError:
            document = None
        if done.returncode not in statuses or document is None:
            raise HqRefused(f"noc {' '.join(args)} ended with {done.returncode}", why=_tail(done))
        return document

    def copy(self, source: Path, path: str) -> None:
        """Copy a file or a directory's content to `path` on HQ, keeping permission bits."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.add(source, arcname=".", filter=_as_root)
        if source.is_dir():
            self.sh("mkdir", "-p", path)
            self.sh("tar", "-x", "-C", path, stdin=buffer.getvalue())
        else:
            self.sh(
                "sh",
                "-c",
                f"cat > '{path}' && chmod {source.stat().st_mode & 0o777:o} '{path}'",
                stdin=source.read_bytes(),
            )

    def install(self, dist: Path, fleet: Path, trust: Path, ntfy_token: str) -> dict[str, Any]:
        """Install HQ from the distributed file, and return what `noc hub install` reports.

        Args:
            dist: the self-extracting file that `make dist` wrote.
            fleet: a fleet directory to start from.
            trust: public halves of signers and recipients, as `noc init` wrote them.
            ntfy_token: the alert channel's secret; travels on standard input.
        """
        self.copy(dist, f"/root/{dist.name}")
        self.copy(fleet, FLEET_SOURCE)
        self.copy(trust, TRUST_SOURCE)
        self.sh("python3", f"/root/{dist.name}", "install", timeout_s=300)
        self.sh("noc", "hub", "secret", "set", "ntfy_token", stdin=ntfy_token.encode())
        report = self.noc("hub", "install", "-C", FLEET_SOURCE, "--trust", TRUST_SOURCE)
        assert isinstance(report, dict)
        self.mark()
        return report

    def mark(self) -> None:
        """Let HQ know that it is one of a lab, by the number of its machine; see `noc.runs.drill.lab`."""
        text = mark_text(self.sh("cat", str(MACHINE)))
        self.sh("sh", "-c", f"umask 022; cat >{MARK}", stdin=text.encode())

    def add_release(self, directory: Path) -> str:
        """Bring a signed release to HQ's store and return its content hash."""
        self.copy(directory, f"/root/{directory.name}")
        return str(self.noc("release", "add", f"/root/{directory.name}")["sha256"])


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _tail(done: "subprocess.CompletedProcess[bytes]") -> str:
    return (done.stderr + b"\n" + done.stdout).decode(errors="replace").strip()[-2000:]
