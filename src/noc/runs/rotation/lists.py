"""HQ's lists of trust on their way to those who go by them: signers to nodes, recipients to what HQ itself seals."""

from collections.abc import Sequence
from datetime import UTC, datetime

from noc.backup.errors import BackupDamaged, BackupError
from noc.backup.repository import NodeBackups
from noc.errors import NocError
from noc.fleet.model import Node
from noc.release.manifest import SIGNATURE
from noc.release.sshsig import MAX_SIGNATURE_BYTES, parse_envelope
from noc.release.store import Release
from noc.release.verify import verify
from noc.runs.backup.opening import open_repository, recipients
from noc.runs.errors import CredentialExposed, NotProven
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.rollout.bringing import bring
from noc.runs.rotation.nodes import NEW, one_after_the_other, standing
from noc.runs.site.escrow import escrow
from noc.runs.site.link import Link
from noc.runs.site.site import Site

BRING_S, PROVE_S = 330.0, 330.0
SIGNED = frozenset({"old", "expired"})
"""Reasons not to run a release that a node only gives once it has found the signature good."""


async def rotate_signers(run: Run, site: Site) -> list[Verdict]:
    """Give nodes HQ's list of signers, and let each prove that it takes a release of every one that signed any."""
    changed = datetime.fromtimestamp(site.paths.signers.stat().st_mtime, UTC)
    known = site.book.inventory.hub.rotated
    if "signer" not in known or known["signer"] < changed:
        site.book.learn_hub(rotated={**known, "signer": datetime.now(UTC)})
    proofs = signed_by(site)
    run.record("signers", State.OK, say=f"releases of the store are signed by {len(proofs)} of HQ's signers")

    async def one(node: Node) -> Verdict:
        return await Signers(run, site, node, tuple(proofs.values())).carried_out()

    verdicts = await one_after_the_other(run, site, run.plan.nodes, one)
    site.book.commit(run, run.plan.label())
    return verdicts


def signed_by(site: Site) -> dict[str, Release]:
    """The newest release of the store that each signer of HQ's list has signed, by the signer's key (base64)."""
    found: dict[str, Release] = {}
    for release in site.releases.list():
        try:
            verify(release.directory, site.paths.signers)
        except NocError:
            continue
        with (release.directory / SIGNATURE).open("rb") as file:
            envelope = parse_envelope(file.read(MAX_SIGNATURE_BYTES + 1), SIGNATURE, "")
        found.setdefault(envelope.public_key, release)
    return found


class Signers:
    """The list on one node."""

    def __init__(self, run: Run, site: Site, node: Node, proofs: Sequence[Release]) -> None:
        """Prepare; nothing is connected yet."""
        self._run, self._site, self._node, self._proofs = run, site, node, proofs

    async def carried_out(self) -> Verdict:
        """Walk the steps. Raises what they raise."""
        before = standing("signer", self._site.book.inventory, self._node.name)
        steps = (Step("signers", BRING_S, self.bring), Step("prove", PROVE_S, self.prove))
        await walk(self._run, self._node.name, steps)
        rotated = {**self._site.book.record(self._node.name).rotated, "signer": datetime.now(UTC)}
        self._site.book.learn(self._node.name, rotated=rotated)
        return Verdict(node=self._node.name, before=before, now=NEW, verdict="proven", good=True)

    async def bring(self) -> Sequence[str]:
        """Bring the node's configuration, of which the list is a part."""
        brought = await bring(self._run, self._site, self._node, order=f"{self._run.id}-signers")
        return ["configuration"] if brought else []

    async def prove(self) -> Sequence[str]:
        """Let the node itself verify a release of each signer. Raises NotProven."""
        link = self._site.link(self._node)
        try:
            return [await self._proven(link, release) for release in self._proofs]
        finally:
            await self._site.keep(self._node, link)

    async def _proven(self, link: Link, release: Release) -> str:
        await link.ask(lambda activator: activator.stage(release.directory))
        said = await link.ask(lambda activator: activator.verify(release.sha256))
        label = self._site.label(release.sha256)
        if not said.ok and said.code not in SIGNED:
            what = f"{self._node.name} does not take {label} ({said.code})"
            raise NotProven(what, why=said.why, fix="sudo noc rotate signer")
        return f"takes the signature of {label}"


async def rotate_recipients(run: Run, site: Site) -> list[Verdict]:
    """Seal anew what HQ can open, and say of what it cannot whom it still opens to, and for how long.

    Raises:
        NoRecipients: HQ has none.
    """
    people = frozenset(recipients(site.paths))
    kept = escrow(site)
    run.check()
    sealed = kept.reseal() if kept.is_open else 0
    run.record("reseal", State.OK, say=f"{sealed} copies of certificates are sealed to {len(people)} recipients")
    rotated = {**site.book.inventory.hub.rotated, "recipients": datetime.now(UTC)}
    site.book.learn_hub(rotated=rotated)
    site.book.commit(run, run.plan.label())
    return [_told(run, site, name, people) for name in run.plan.nodes]


def _told(run: Run, site: Site, name: str, people: frozenset[str]) -> Verdict:
    try:
        says = still_open(open_repository(site.paths).node(name), people)
    except (CredentialExposed, BackupError) as error:
        says = str(error)
    run.record("backups", State.OK, name, say=says or "nobody else opens what is kept of it")
    return Verdict(node=name, before="", now=NEW, verdict="from the next backup on", good=True, why=says)


def still_open(backups: NodeBackups, people: frozenset[str]) -> str:
    """Which of a node's backups somebody can open who is no recipient any more, in words; "" for none."""
    found: dict[str, list[datetime]] = {}
    for manifest in backups.manifests():
        try:
            epoch = backups.epoch_of(manifest.epoch)
        except BackupDamaged:
            continue
        for recipient in set(epoch.recipients) - people:
            found.setdefault(recipient, []).append(manifest.at)
    return "; ".join(
        f"{recipient[:12]}… opens {len(times)} of its backups, the newest of {max(times):%Y-%m-%d %H:%M} UTC, until"
        " [backup] lets them go"
        for recipient, times in sorted(found.items())
    )
