"""Keys of backups at the runner's door: handed out sealed, brought back open, forgotten; and restores rehearsed."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from noc.backup.epoch import Epoch
from noc.backup.errors import BackupDamaged, NoBackup, WrongIdentity
from noc.backup.repository import NodeBackups
from noc.backup.request import Request
from noc.errors import NotFound, Usage
from noc.fleet.load import load
from noc.runs.admission.approval import check_may_act
from noc.runs.admission.caller import Caller
from noc.runs.backup.opening import open_repository, recipients
from noc.runs.backup.rehearse import rehearse
from noc.runs.runner.door import Answers, Operation
from noc.runs.runner.runner import Runner

MOST_IDENTITY = 4096


class Unsealing:
    """The door's operations about keys of backups."""

    def __init__(self, runner: Runner) -> None:
        """Offer them over a runner."""
        self._runner, self._unsealed = runner, runner.works.unsealed

    @property
    def operations(self) -> dict[str, Operation]:
        """By the name that requests give."""
        return {
            "backup-request": self._request,
            "unseal": self._unseal,
            "seal": self._seal,
            "rehearse": self._rehearse,
        }

    async def _request(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        """What a person takes to their own machine: the sealed key of the epoch of a backup, and nothing secret."""
        backups = self._backups(request)
        manifest = backups.newest(_moment(request))
        sealed = Request.of(manifest, backups.epoch_of(manifest.epoch))
        yield {"request": sealed.model_dump(mode="json")}

    async def _unseal(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        """Hold a key for an hour. From then on the epoch is one that HQ could open: the next backup begins another."""
        backups, identity = self._backups(request), str(request.get("identity", ""))[:MOST_IDENTITY]
        what = f"unseal the backups of {backups.name}"
        with self._runner.audit.refusals(what, caller.name):
            check_may_act(caller, load(self._runner.paths.fleet))
            epoch = _epoch_of(backups, identity)
        with self._runner.audit.acting(what, caller.name, node=backups.name, epoch=epoch.id):
            people = recipients(self._runner.paths)
            if backups.epoch(people).id == epoch.id:
                backups.begin(people)
            self._unsealed.hold(epoch, identity)
        left = round(self._unsealed.left_s(epoch.node, epoch.id))
        yield {"unsealed": {"node": epoch.node, "epoch": epoch.id, "seconds": left}}

    async def _seal(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        """Forget every key of a node, whoever has brought it: less is open afterwards, so anybody may."""
        backups = self._backups(request)
        with self._runner.audit.acting(f"seal the backups of {backups.name}", caller.name):
            forgotten = self._unsealed.forget(backups.name)
        yield {"sealed": {"node": backups.name, "keys": forgotten}}

    async def _rehearse(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        backups = self._backups(request)
        manifest = backups.newest(_moment(request))
        what = f"rehearse a restore of {backups.name}"
        with self._runner.audit.refusals(what, caller.name):
            check_may_act(caller, load(self._runner.paths.fleet))
            identity = self._unsealed.identity(manifest)
        with self._runner.audit.acting(what, caller.name, node=backups.name, backup=manifest.name):
            made = await asyncio.to_thread(rehearse, backups, manifest, identity, caller.name)
        yield {"rehearsal": {"node": backups.name, **made.model_dump(mode="json")}}

    def _backups(self, request: Mapping[str, Any]) -> NodeBackups:
        """Of a node of the fleet, or of one that has left it and whose backups have stayed."""
        name, repository = str(request["node"])[:64], open_repository(self._runner.paths)
        if name not in (*repository.nodes(), *(node.name for node in load(self._runner.paths.fleet).nodes)):
            raise NotFound(f"no node is called {name}", fix="noc nodes lists them, noc backup list those with backups")
        return repository.node(name)


def _moment(request: Mapping[str, Any]) -> datetime | None:
    """The time that a client named, None for now."""
    if (text := request.get("at")) is None:
        return None
    try:
        at = datetime.fromisoformat(str(text)[:64])
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Usage("that is no time", why="a time in ISO 8601 with its zone is expected", fix="2026-03-01T18:00+01:00")
    return at


def _epoch_of(backups: NodeBackups, identity: str) -> Epoch:
    """The epoch that a key belongs to, by its public half, the newest first. Raises WrongIdentity, NoBackup."""
    manifests = backups.manifests()
    if not manifests:
        raise NoBackup(f"{backups.name} has no backup", fix=f"noc backup run {backups.name} takes one")
    public = _public_half(backups.name, identity)
    for identifier in dict.fromkeys(manifest.epoch for manifest in manifests):
        try:
            epoch = backups.epoch_of(identifier)
        except BackupDamaged:
            continue
        if epoch.recipient == public:
            return epoch
    fix = f"noc backup request {backups.name} prints the sealed key of the right one; noc unlock opens it"
    why = "its public half is not that of any epoch of this node"
    raise WrongIdentity(f"this key opens no backup of {backups.name}", why=why, fix=fix)


def _public_half(node: str, identity: str) -> str:
    from pyrage import IdentityError, x25519  # noqa: PLC0415 - compiled; few requests need it

    try:
        return str(x25519.Identity.from_str(identity.strip()).to_public())
    except IdentityError:
        fix = f"noc backup request {node} | noc unlock gives it, on the operator's machine"
        raise WrongIdentity("this is no age identity", fix=fix) from None
