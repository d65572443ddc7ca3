"""The activator on a node, as HQ sees it: typed questions and answers over a shell."""

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from noc.hosts.errors import ActivationRefused, Unclear
from noc.hosts.programs import ACTIVATOR
from noc.hosts.shell import Result, Shell

RELEASES = "/opt/clavitor/releases"
RELEASE_FILES = ("clavitor.pyz", "manifest.json", "manifest.json.sig")
ANSWER_WITHIN_S = 165
"""Seconds for an answer to confirm and revert: longer than the node itself waits for its verdict."""
FINAL = frozenset({"confirmed", "rolled-back", "rollback-failed", "refused"})

_FIXES = {
    "fence": "another run holds this node: noc run list",
    "busy": "wait for the activation that is under way: noc run list",
    "disk": "free space on the node, then deploy again",
    "expired": "noc release sign, on the operator's machine",
    "old": "build a release with a higher build number",
    "unknown": "noc run list names the runs",
}


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


_A = TypeVar("_A", bound=_Answer)


class NodeFacts(_Answer):
    """What the activator knows of its node. Releases are named by their content's hash.

    Attributes:
        current: the release that runs, None before the first.
        version: its version, None before the first.
        fence: the highest fence number that acted here.
        pending: the run whose activation is not settled, None where all is.
        proven: releases that this node has itself proven, oldest first.
        disk_free_bytes: room for releases and the database.
        memory_free_bytes: what new processes may take without swapping.
        releases: the releases that lie on the node.
    """

    current: str | None
    version: str | None
    fence: int
    pending: str | None
    proven: tuple[str, ...]
    disk_free_bytes: int
    memory_free_bytes: int
    releases: tuple[str, ...]


class Verification(_Answer):
    """Whether a release may run on the node: its manifest, or the activator's code and sentence."""

    ok: bool
    code: str = ""
    why: str = ""
    manifest: dict[str, Any] = {}


class Verdict(_Answer):
    """What happened on the node, by the node's own record.

    Attributes:
        run: the run that it belongs to.
        state: staged, activating, activated; at the end confirmed, rolled-back, rollback-failed or refused.
        old: the release before, None where there was none.
        new: the release that was to run.
        reason: why it does not, "" where it does.
        log: the service's last lines at that moment.
        health: its last answer to a health check, {} where there was none.
        at: when the state was reached, ISO 8601 in UTC.
    """

    run: str
    state: str
    old: str | None
    new: str
    reason: str
    log: tuple[str, ...]
    health: dict[str, Any]
    at: str

    @property
    def final(self) -> bool:
        """Whether nothing will follow."""
        return self.state in FINAL


class Activator:
    """The activator of one node. Every method may raise what Shell.run raises, and Unclear where the answer is none."""

    def __init__(self, shell: Shell, *program: str) -> None:
        """Speak over an open shell.

        Args:
            shell: the node.
            program: the command that starts the activator; the one that provisioning installs where not given.
        """
        self._shell = shell
        self._program = program or ("python3", ACTIVATOR)

    async def facts(self) -> NodeFacts:
        """What runs, what is proven, what lies ready, and how much room there is."""
        return self._read(NodeFacts, await self._ask("facts"))

    async def stage(self, release_dir: Path) -> int:
        """Send a release to the node: only the files that are not there already, whole and unchanged.

        Args:
            release_dir: a directory `<sha256>/` with the three files of a release.

        Returns:
            Bytes sent; 0 where the release was there.

        Raises:
            DiskFull: the node has no room.
        """
        there = f"{RELEASES}/{release_dir.name}"
        have = await self._hashes(there)
        missing = [name for name in RELEASE_FILES if have.get(name) != _sha256(release_dir / name)]
        for name in missing:
            await self._shell.put(release_dir / name, f"{there}/{name}")
        return sum((release_dir / name).stat().st_size for name in missing)

    async def verify(self, sha: str) -> Verification:
        """Whether the node would run a staged release, and if not, why."""
        return self._read(Verification, await self._ask("verify", sha))

    async def start(
        self,
        sha: str,
        run: str,
        fence: int,
        confirm_within_s: float,
        health_within_s: float = 30,
        *,
        replace: bool = False,
    ) -> None:
        """Begin an activation on the node; it goes on there whatever becomes of this connection.

        Args:
            sha: the staged release.
            run: the run's id, under which its verdict is found.
            fence: the number of the run's lease; lower than one seen before is refused.
            confirm_within_s: seconds from `activated` until the node takes the release back by itself.
            health_within_s: seconds that the release has to become healthy.
            replace: let a node without a release take the fleet's running one, whatever its age.

        Raises:
            ActivationRefused: the activator says no; nothing was changed.
        """
        options = ["--run", run, "--fence", str(fence)]
        options += ["--confirm-within", f"{confirm_within_s:g}", "--health-within", f"{health_within_s:g}"]
        await self._ask("start", sha, *options, *(["--replace"] if replace else []), refusable=True)

    async def status(self, run: str, wait_s: float = 0, not_state: str | None = None) -> Verdict:
        """The verdict of a run as it stands.

        Args:
            run: the run's id.
            wait_s: seconds to wait on the node for another state than `not_state`.
            not_state: the state that is already known.

        Raises:
            ActivationRefused: the node knows nothing of that run.
        """
        options = ["--wait", f"{wait_s:g}", *(["--not", not_state] if not_state else [])]
        said = await self._ask("status", run, *options, refusable=True, timeout_s=wait_s + 30)
        return self._read(Verdict, said)

    async def confirm(self, run: str) -> Verdict:
        """Accept what was activated, and return the verdict: `confirmed`, or what happened in between instead.

        Raises:
            ActivationRefused: there is nothing to confirm under that id.
        """
        return self._read(Verdict, await self._ask("confirm", run, refusable=True, timeout_s=ANSWER_WITHIN_S))

    async def revert(self, run: str, reason: str) -> Verdict:
        """Take back what was activated, and return the verdict once the old release is proven, or is not.

        Raises:
            ActivationRefused: there is nothing to revert under that id.
        """
        said = await self._ask("revert", run, "--reason", reason, refusable=True, timeout_s=ANSWER_WITHIN_S)
        return self._read(Verdict, said)

    async def _ask(self, verb: str, *arguments: str, refusable: bool = False, timeout_s: float = 60) -> dict[str, Any]:
        result = await self._shell.run(*self._program, verb, *arguments, timeout_s=timeout_s, check=False)
        try:
            said = json.loads(result.stdout)
        except ValueError:
            said = None
        if result.status not in {0, 1} or not isinstance(said, dict):
            raise self._unclear(verb, result)
        if refusable and said.get("ok") is False:
            raise self._refusal(verb, said)
        return said

    def _read(self, model: type[_A], said: dict[str, Any]) -> _A:
        try:
            return model.model_validate(said)
        except ValidationError as error:
            first = error.errors()[0]
            why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise Unclear(
                f"{self._shell.name}'s activator answers something else", why=why, fix=self._renew()
            ) from None

    def _refusal(self, verb: str, answer: dict[str, Any]) -> ActivationRefused:
        said = self._read(Verification, answer)
        return ActivationRefused(
            f"{self._shell.name} refused to {verb}: {said.code}",
            reason=said.code,
            why=said.why,
            fix=_FIXES.get(said.code, "noc explain E313"),
        )

    def _unclear(self, verb: str, result: Result) -> Unclear:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["it said nothing"]
        why = f"status {result.status}: {lines[-1][:300]}"
        return Unclear(f"{self._shell.name}'s activator does not answer {verb}", why=why, fix=self._renew())

    def _renew(self) -> str:
        return f"noc provision {self._shell.name} puts this version's activator there"

    async def _hashes(self, directory: str) -> dict[str, str]:
        """SHA-256 of the release files that lie in a directory of the node, which is made where it is missing."""
        script = 'mkdir -p "$1" && cd "$1" && shift && sha256sum -- "$@" 2>/dev/null || true'
        result = await self._shell.run("sh", "-c", script, "hashes", directory, *RELEASE_FILES)
        return {line[66:]: line[:64] for line in result.stdout.splitlines()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
