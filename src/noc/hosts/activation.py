"""The activator on a node, as HQ sees it: typed questions and answers over a shell."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from noc.hosts.answers import (
    FINAL,
    Answer,
    Copied,
    Differing,
    Fetched,
    Held,
    Loss,
    NodeFacts,
    Offered,
    Outdated,
    Piece,
    Present,
    Received,
    Snapshot,
    Verdict,
    Verification,
)
from noc.hosts.bundle import Bundle
from noc.hosts.bundle import stage as stage_bundle
from noc.hosts.errors import ActivationRefused, CommandFailed, Unclear
from noc.hosts.order import Order
from noc.hosts.programs import ACTIVATOR
from noc.hosts.shell import Session, Shell

__all__ = [
    "FINAL",
    "Activator",
    "Copied",
    "Held",
    "Loss",
    "NodeFacts",
    "Order",
    "Outdated",
    "Snapshot",
    "Verdict",
    "Verification",
]

RELEASES = "/opt/clavitor/releases"
RELEASE_FILES = ("clavitor.pyz", "manifest.json", "manifest.json.sig")
ANSWER_WITHIN_S = 165
"""Seconds for an answer to confirm and revert: longer than the node itself waits for its verdict."""
COPIED_WITHIN_S = 1800
"""Seconds for a node to copy its database, and to prove the copy."""
_QUICK_S, _ARMED_WITHIN_S = 60, 90
_RECEIVED_WITHIN_S = 1800
_DIRECTORY_WITHIN_S = 600
_OUTDATED_WITHIN_S, _FETCHED_WITHIN_S = 180, 1800
"""Seconds for a node to refresh its index of the archive, and to download an update."""

_FIXES = {
    "fence": "another run holds this node: noc run list",
    "apt": "mend the node's packages, then give the command again",
    "busy": "wait for the activation that is under way: noc run list",
    "damaged": "noc restore puts the newest backup in its place",
    "connection": "confirm over a new connection",
    "data": "give the command again: what was sent is sent anew",
    "disk": "free space on the node, then deploy again",
    "old": "build a release with a higher build number",
    "set": "give the command again: it is planned anew",
    "unknown": "noc run list names the runs",
    "ended": "start the run again: nothing was changed",
    "expired": "noc release sign, on the operator's machine",
    "late": "start the run again: nothing was changed",
    "forked": "noc tenant list says which version HQ has; two HQs have signed directories",
    "no-snapshot": "roll back without restoring the data",
    "schema": "deploy the release that wrote these data first, then restore them",
}


_A = TypeVar("_A", bound=Answer)


class Activator:
    """The activator of one node. Every method may raise what Shell.run raises, and Unclear where the answer is none."""

    def __init__(self, shell: Shell, *program: str) -> None:
        """Speak over an open shell.

        Args:
            shell: the node.
            program: the command that starts the activator; the one that provisioning installs where not given.
        """
        self._shell = shell
        self._program = program or ("python3", "-I", "-S", ACTIVATOR)
        self._session: Session | None = None

    async def facts(self) -> NodeFacts:
        """What runs, what is proven, what lies ready, and how much room there is."""
        return self._read(NodeFacts, await self._ask("facts"))

    async def fence(self, number: int) -> NodeFacts:
        """Let nobody with a lower number change this node from now on.

        Args:
            number: the number of a lease.

        Raises:
            ActivationRefused: "fence", where a higher one was here before.
        """
        return self._read(NodeFacts, await self._ask("fence", str(number), refusable=True))

    async def compare(self, files: Mapping[str, str]) -> tuple[str, ...]:
        """The paths at which the node differs.

        Args:
            files: path → what shall lie there, as `Bundle.hashes` says it.

        Raises:
            ActivationRefused: a path is none that a configuration may have.
        """
        said = await self._ask("compare", json.dumps(dict(files)), refusable=True)
        return self._read(Differing, said).differing

    async def outdated(self) -> Outdated:
        """What an update of the node's system would change; it refreshes an index of its own and changes nothing."""
        return self._read(Outdated, await self._ask("outdated", refusable=True, timeout_s=_OUTDATED_WITHIN_S))

    async def fetch(self, system: str) -> Fetched:
        """Have the node download the files of a set, and keep a way back for each; nothing is installed by that.

        Args:
            system: a set's hash, as `outdated` named it on this node.

        Raises:
            ActivationRefused: the set is not to be had any more, or the node has no room.
        """
        return self._read(Fetched, await self._ask("fetch", system, refusable=True, timeout_s=_FETCHED_WITHIN_S))

    async def stage_config(self, bundle: Bundle) -> int:
        """Send a configuration to the node; see noc.hosts.bundle.stage."""
        return await stage_bundle(self._shell, bundle)

    async def stage(self, release_dir: Path) -> int:
        """Send a release to the node: only what is not there already, whole and unchanged.

        A transfer that was cut goes on where it was. Should the whole then not be what it has to be, it is sent anew.

        Args:
            release_dir: a directory `<sha256>/` with the three files of a release.

        Returns:
            Bytes sent; 0 where the release was there.

        Raises:
            DiskFull: the node has no room.
        """
        payload, *small = (release_dir / name for name in RELEASE_FILES)
        offered = await self._offer(release_dir.name, *small)
        sent = offered.written
        for _ in range(2):
            if offered.whole:
                break
            sent += await self._shell.put(payload, offered.payload, resume=True)
            offered = await self._offer(release_dir.name, *small)
        return sent

    async def _offer(self, sha: str, manifest: Path, signature: Path) -> Offered:
        files = [base64.b64encode(path.read_bytes()).decode() for path in (manifest, signature)]
        said = await self._ask("offer", sha, "--manifest", files[0], "--signature", files[1], refusable=True)
        return self._read(Offered, said)

    async def present(self) -> Present:
        """How much the node's database holds now."""
        return self._read(Present, await self._ask("rows"))

    async def receive(self, content: bytes, run: str, at: datetime) -> int:
        """Send a database to the node, where it becomes a snapshot; an order may then put it in place.

        A transfer that was cut goes on where it was, also in a later run.

        Args:
            content: the whole database.
            run: the run that brings it.
            at: when it was copied.

        Returns:
            The snapshot's number.

        Raises:
            ActivationRefused: the node has no room, is being changed, or got something else than was sent.
            DiskFull: it has no room.
        """
        sha = hashlib.sha256(content).hexdigest()
        asked = ("receive", sha, "--bytes", str(len(content)), "--run", run, "--at", at.isoformat())
        place = self._read(Received, await self._ask(*asked, refusable=True))
        if place.number is None:
            await self._shell.put(content, place.path, mode=0o600, timeout_s=_RECEIVED_WITHIN_S, resume=True)
            place = self._read(Received, await self._ask(*asked, refusable=True, timeout_s=_RECEIVED_WITHIN_S))
        if place.number is None:
            raise self._unclear("receive", "what was sent is not there")
        return place.number

    async def held_directory(self) -> Held:
        """Which directory of tenants the node has."""
        return self._read(Held, await self._ask("directory", refusable=True))

    async def take_directory(
        self, head: bytes, signature: bytes, body: bytes, changes: Callable[[Held], bytes] = lambda _: b""
    ) -> Held:
        """Bring the node a directory: of the body only what has changed, where that can be told and does.

        Args:
            head, signature, body: as HQ has signed them (`noc.placement.directory`).
            changes: what makes this body of the one that the node has, as its program merges it; none for the whole.

        Returns:
            What it has now.

        Raises:
            ActivationRefused: the signature does not hold, or the directory is older than what the node has seen.
            DiskFull: it has no room.
        """
        held, name = await self.held_directory(), hashlib.sha256(head).hexdigest()
        await self._shell.put(head, f"{held.place}/{name}.json", mode=0o600)
        await self._shell.put(signature, f"{held.place}/{name}.sig", mode=0o600)
        digest = hashlib.sha256(body).hexdigest()
        asked = ("directory", name)
        if held.sha256 != digest and (changed := changes(held)):
            await self._shell.put(changed, f"{held.place}/{digest}.changes", mode=0o600)
            try:
                return self._read(Held, await self._ask(*asked, refusable=True))
            except ActivationRefused as refusal:
                if refusal.reason != "missing":
                    raise
        if held.sha256 != digest:
            place = f"{held.place}/{digest}.body"
            await self._shell.put(body, place, mode=0o600, timeout_s=_DIRECTORY_WITHIN_S, resume=True)
        return self._read(Held, await self._ask(*asked, refusable=True))

    async def verify(self, release: str | None, config: str | None = None, system: str | None = None) -> Verification:
        """Whether the node would take what is staged, and if not, why.

        Args:
            release: a release by its hash, None for none.
            config: a configuration by its hash, None for none.
            system: a set of packages by its hash, None for none.
        """
        arguments = [*([release] if release else []), *(["--config", config] if config else [])]
        arguments += ["--system", system] if system else []
        return self._read(Verification, await self._ask("verify", *arguments))

    async def arm(self, order: Order) -> None:
        """Have the node check all of an order, and wait for its go in a process of its own; nothing is changed yet.

        Raises:
            ActivationRefused: the activator says no.
        """
        await self._ask("arm", *order.arguments, refusable=True, timeout_s=_ARMED_WITHIN_S)

    async def go(self, run: str) -> None:
        """Let what is armed begin; it goes on there whatever becomes of this connection. May be said again.

        Raises:
            ActivationRefused: it was refused in the meantime, or its process is gone; nothing was changed.
        """
        await self._ask("go", run, refusable=True, timeout_s=_ARMED_WITHIN_S)

    async def start(self, order: Order) -> None:
        """Arm and go in one.

        Raises:
            ActivationRefused: the activator says no; nothing was changed.
        """
        await self._ask("start", *order.arguments, refusable=True)

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

    async def revert(self, run: str, reason: str, *, restore_data: bool = False) -> Verdict:
        """Take back what was activated, and return the verdict once what was before is proven, or is not.

        Args:
            run: the run's id.
            reason: why, for the verdict.
            restore_data: put the database back, too, as it was before the change.

        Raises:
            ActivationRefused: there is nothing to revert under that id.
        """
        options = ["--reason", reason, *(["--restore-data"] if restore_data else [])]
        said = await self._ask("revert", run, *options, refusable=True, timeout_s=ANSWER_WITHIN_S)
        return self._read(Verdict, said)

    async def backup(self, key: bytes) -> Copied:
        """Have the node copy its database while the service writes, and prove the copy; it waits to be fetched.

        Args:
            key: 32 bytes under which chunks are named; it goes there inside the session.

        Raises:
            ActivationRefused: "damaged", "no-database", "disk", "large", "busy"; nothing stays on the node.
        """
        said = await self._ask("backup", key.hex(), refusable=True, timeout_s=COPIED_WITHIN_S)
        return self._read(Copied, said)

    async def chunk(self, name: str) -> bytes:
        """A chunk of that copy, as zlib. What it holds is for the caller to check.

        Raises:
            ActivationRefused: "no-copy", where the session that took it is gone.
        """
        content = b""
        while True:
            said = await self._ask("chunk", name, "--offset", str(len(content)), refusable=True)
            piece = self._read(Piece, said)
            try:
                more = base64.b64decode(piece.content, validate=True)
            except ValueError as error:
                raise self._unclear("chunk", str(error)) from None
            content += more
            if len(content) >= piece.bytes or not more:
                return content[: piece.bytes]

    async def discard(self) -> None:
        """Let the node forget the copy."""
        await self._ask("discard")

    async def close(self) -> None:
        """End the conversation with the node's activator; whatever it is doing goes on."""
        if self._session:
            await self._session.close()

    async def _ask(
        self, verb: str, *arguments: str, refusable: bool = False, timeout_s: float = _QUICK_S
    ) -> dict[str, Any]:
        self._session = await self._shell.session(*self._program, "serve")
        try:
            said = await self._session.ask({"verb": verb, "args": arguments}, timeout_s=timeout_s)
        except (CommandFailed, Unclear) as error:
            raise self._unclear(verb, error.why) from None
        answer = said.get("answer")
        if said.get("status") not in {0, 1} or not isinstance(answer, dict):
            raise self._unclear(verb, str(answer)[:300])
        if refusable and answer.get("ok") is False:
            raise self._refusal(verb, answer)
        return answer

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

    def _unclear(self, verb: str, why: str) -> Unclear:
        return Unclear(f"{self._shell.name}'s activator does not answer {verb}", why=why, fix=self._renew())

    def _renew(self) -> str:
        return f"noc provision {self._shell.name} puts this version's activator there"
