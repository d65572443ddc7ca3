"""A dead node made anew on another machine, from its backup. The machine that it was on is never contacted again."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace as changed
from datetime import UTC, datetime
from typing import Any

from noc.errors import NocError
from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.model import Fleet
from noc.hosts.ssh import Pinned
from noc.mesh.status import read_tunnels
from noc.release.manifest import Manifest as Release
from noc.runs.backup.choice import Choice, choose
from noc.runs.backup.clear import put_together
from noc.runs.backup.errors import NewerData, NotReplaced
from noc.runs.backup.restore import OPEN_S, SEND_S
from noc.runs.backup.unsealed import Unsealed
from noc.runs.errors import HandshakeMissing, NothingToInstall, WatchAbsent
from noc.runs.naming.issuing import check_allowance
from noc.runs.plan.plan import NodePlan, Options, Plan
from noc.runs.plan.planners import running_release
from noc.runs.provision.door import door_steps
from noc.runs.provision.node import HUB_APPLIES_S, NodeProvision
from noc.runs.provision.provision import first_rollout, standing
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.site.contact import Route
from noc.runs.site.site import Site
from noc.runs.site.systems import require_systems
from noc.runs.system.keeping import keep_systems

_INCIDENTS = 50
_POLL_S = 0.2
_WITHDRAWN: Mapping[str, Any] = {
    "wireguard_key": None,
    "wireguard_key_before": None,
    "push_token_sha256": None,
    "push_token_sha256_before": None,
    "hub_key_next": None,
    "ssh_key": None,
    "host_ca": None,
    "address6": None,
    "hub": None,
    "release": None,
    "owed": None,
    "rotated": {},
}
"""What is forgotten of the machine from before: nothing that it holds opens a door any more."""


def plan_replace(
    fleet: Fleet,
    inventory: Inventory,
    names: Sequence[str],
    now: datetime,
    *,
    releases: Sequence[Release],
    options: Options,
) -> Plan:
    """Plan to make a node anew on another machine, with the fleet's running release and the data of a backup.

    Raises:
        NotFound: no node is called so.
        NotReplaced: several are named, the machine is not, or the node was never live.
        NothingToInstall: the store is empty.
    """
    nodes = fleet.select(names)
    if len(nodes) != 1 or "all" in names:
        raise NotReplaced("nodes are replaced one at a time", fix="noc replace NODE --ip ADDRESS --host-key SHA256:…")
    (node,) = nodes
    fix = f"noc replace {node.name} --ip ADDRESS --host-key SHA256:… (as its console shows it)"
    if node.name not in options.address or node.name not in options.host_key:
        raise NotReplaced(f"nothing says which machine {node.name} is to be", fix=fix)
    if inventory.record(node.name).life in (Life.PLANNED, Life.RETIRED):
        why = f"it is {inventory.record(node.name).life}"
        raise NotReplaced(f"{node.name} has no machine that was", why=why, fix=f"noc provision {node.name}")
    release = running_release(inventory, releases)
    if release is None:
        raise NothingToInstall("no release in the store", fix="noc release add DIR on HQ")
    return Plan(
        action="replace",
        nodes=(node.name,),
        release=release.sha256,
        version=release.version,
        build=release.build,
        options=options,
        created=now,
    ).sealed()


def begins_anew(record: NodeRecord, options: Options, name: str) -> bool:
    """Whether the machine that is named is yet to be contacted: else a replacement that was cut goes on with it.

    Once its predecessor's keys are withdrawn, a node is no longer live, and its address is the new machine's.
    """
    return record.life is Life.LIVE or record.address != options.address[name]


async def survey_replace(site: Site, plan: Plan, unsealed: Unsealed) -> Plan:
    """Complete the outline by the backup; no machine is asked. The plan is bound to that backup.

    Raises:
        NoBackup, BackupDamaged: there is none that could be put back.
        NotUnsealed: HQ cannot open it.
        NewerData: the fleet's running release may not know its schema.
        AllowanceSpent, ClosureMissing: it could not be made a node now.
    """
    (name,) = plan.nodes
    check_allowance(site, plan.nodes)
    await require_systems(site, plan)
    choice = await asyncio.to_thread(choose, site, name, plan.options.at)
    unsealed.identity(choice.manifest)
    _check_release(site, choice, plan)
    row = await _row(site, plan, choice)
    options = plan.options.model_copy(update={"at": choice.manifest.at})
    return plan.model_copy(update={"rows": (row,), "options": options})


async def _row(site: Site, plan: Plan, choice: Choice) -> NodePlan:
    (name,) = plan.nodes
    now, record = datetime.now(UTC), site.book.record(name)
    anew = begins_anew(record, plan.options, name)
    return NodePlan(
        node=name,
        position=1,
        state="change",
        running=record.release,
        target=plan.release,
        bytes=choice.manifest.bytes,
        differences=(choice.words(now),),
        notes=(*(await _alive(site, name)), *(() if anew else ("a replacement that was cut goes on",))),
        loss=choice.loss(now, None),
    )


async def _alive(site: Site, name: str) -> tuple[str, ...]:
    """A warning where the watch hears the very node that is said to be dead."""
    with suppress(WatchAbsent):
        watched = await site.watch.node(name)
        if watched is not None and watched.state == "up" and watched.last_heartbeat is not None:
            heard = f"the watch hears it, last at {watched.last_heartbeat.at:%H:%M:%S} UTC"
            return (f"{heard}: what it writes from its newest backup on is lost; noc backup run {name} takes another",)
    return ()


def _check_release(site: Site, choice: Choice, plan: Plan) -> None:
    """A release knows the schemas of all builds before it. Raises NewerData."""
    wrote = site.held(choice.manifest.release)
    if wrote is None or plan.build is None or wrote.manifest.build <= plan.build:
        return
    name = choice.manifest.node
    raise NewerData(
        f"backup {choice.manifest.name} of {name} is newer than what the fleet runs",
        why=f"build {wrote.manifest.build} wrote it, the fleet runs build {plan.build}",
        fix=f"noc deploy all {wrote.manifest.version}, or an older backup with --at",
    )


async def replace_node(run: Run, site: Site, unsealed: Unsealed) -> list[Verdict]:
    """Carry the plan out; given again after it was cut, it goes on with the same machine.

    Returns:
        One verdict: `live`, `unchanged`, or `failed` with the step at which it did.

    Raises:
        WatchAbsent: no heartbeat could be seen, so that nothing was begun.
        NoBackup, BackupDamaged: the backup is gone, or not as it was when the plan was made.
        UnknownRelease: the release is no longer in the store.
    """
    await site.watch.nodes()
    (name,) = run.plan.nodes
    choice = await asyncio.to_thread(choose, site, name, run.plan.options.at)
    work, before = NodeReplacement(run, site, choice, unsealed), standing(site, name)
    try:
        await walk(run, name, work.steps)
    except NocError as error:
        return [Verdict(node=name, before=before, now=standing(site, name), verdict="failed", why=str(error))]
    finally:
        await work.close()
        site.book.commit(run, run.plan.label())
    now = f"{standing(site, name)}, data of {choice.manifest.name}"
    verdicts = [Verdict(node=name, before=before, now=now, verdict="live", good=True)]
    await keep_systems(run, site, verdicts)
    return verdicts


class NodeReplacement(NodeProvision):
    """One node on its way to another machine: provisioned there, with its data before its release first runs."""

    def __init__(self, run: Run, site: Site, choice: Choice, unsealed: Unsealed) -> None:
        """Prepare; nothing is opened or contacted yet."""
        node, release = site.fleet.node(choice.manifest.node), site.releases.get(run.plan.release or "")
        rollout, options = first_rollout(run, site, node, release), run.plan.options
        super().__init__(site, node, options, rollout=rollout, release=release, staging=asyncio.Semaphore(1))
        self._run, self._choice, self._unsealed = run, choice, unsealed
        self._anew = begins_anew(site.book.record(node.name), options, node.name)
        self._content = b""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The backup is proven before anything is touched; old keys go once the new machine has shown who it is."""
        contact, *middle, live = (
            changed(step, deadline_s=step.deadline_s + SEND_S) if step.name == "release" else step
            for step in super().steps
        )
        withdraw = Step("withdraw", 2 * HUB_APPLIES_S, self.withdraw)
        doors = door_steps(self._site, self._node)
        return (Step("open", OPEN_S, self.open), contact, withdraw, *middle, *doors, live)

    async def open(self) -> Sequence[str]:
        """Put the database together in HQ's memory, and prove it there. Raises as `put_together`, and NotUnsealed."""
        manifest = self._choice.manifest
        identity = self._unsealed.identity(manifest)
        self._content = await asyncio.to_thread(put_together, self._choice.backups, manifest, identity)
        return [f"backup {manifest.name}", f"{manifest.trial.rows} rows of {manifest.trial.tables} tables"]

    def routes(self, record: NodeRecord) -> tuple[Route, ...]:
        """To a machine that was never contacted, only by the key of its console: HQ's authority and the tunnel would
        lead to the machine from before.
        """
        found = super().routes(record)
        return tuple(route for route in found if isinstance(route.trust, Pinned)) if self._anew else found

    async def withdraw(self) -> Sequence[str]:
        """Take from the machine from before what it holds: its tunnel key and its push token count no more.

        Raises:
            WatchAbsent, HandshakeMissing: the watch, or the hub, still knows it.
        """
        if not self._anew:
            return []
        name, key = self._node.name, self._site.book.record(self._node.name).wireguard_key
        await self._note()
        self._site.book.learn(name, life=Life.LAUNCHED, **_WITHDRAWN)
        self._site.book.render(self._site.fleet)
        await self._site.watch.reload()
        await self._await_gone(key)
        return ["the old machine's tunnel key and push token"]

    async def _await_gone(self, key: str | None) -> None:
        end = time.monotonic() + HUB_APPLIES_S
        while key in await read_tunnels(self._site.paths.tunnels_socket):
            if time.monotonic() >= end:
                what = f"the hub still knows the key of {self._node.name} from before"
                raise HandshakeMissing(what, fix="systemctl status noc-peers on HQ, then give the command again")
            await asyncio.sleep(_POLL_S)

    async def _note(self) -> None:
        """Say beside the node's open incidents what is being done about them."""
        name = self._node.name
        address, backup = self._options.address[name], self._choice.manifest.name
        text = f"{name} is made anew on {address}, with the data of backup {backup}: run {self._run.id}"
        with suppress(WatchAbsent):
            for incident in await self._site.watch.incidents(_INCIDENTS):
                if incident["node"] == name and incident["ended_at"] is None:
                    await self._site.watch.note(int(incident["id"]), text)

    async def bring_data(self) -> None:
        """Bring the data to the machine; the order that starts its release for the first time puts them in place."""
        content, at = self._content, self._choice.manifest.at
        number = await self._rollout.link.ask(lambda activator: activator.receive(content, self._run.id, at))
        assert self._rollout.target is not None
        self._rollout.target = changed(self._rollout.target, data=number)
        self._content = b""
