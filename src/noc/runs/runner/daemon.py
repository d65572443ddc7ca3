"""`noc-runner`: the runner with everything that it needs, as systemd starts it."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import uvloop

from noc.runs.admission.caller import Permit, check_known
from noc.runs.admission.errors import LeaseUnreadable
from noc.runs.admission.fence import last_fence
from noc.runs.admission.grant import Standing, read_lease
from noc.runs.backup.listing import list_backups, verify_backups
from noc.runs.backup.replace import replace_node, survey_replace
from noc.runs.backup.restore import restore, survey_restore
from noc.runs.backup.survey import survey_backup
from noc.runs.backup.take import take_backups
from noc.runs.backup.unsealed import Unsealed
from noc.runs.doctor.doctor import doctor_look
from noc.runs.drill.drill import drill
from noc.runs.drill.survey import survey_drill
from noc.runs.health.drift import drift
from noc.runs.health.fences import fences
from noc.runs.health.health import health
from noc.runs.launch.adopt import adopt
from noc.runs.launch.launch import launch_nodes
from noc.runs.launch.looks import preflight_look, prices_look
from noc.runs.launch.optin import opt_in
from noc.runs.launch.survey import survey_adopt, survey_launch, survey_opt_in, survey_terminate
from noc.runs.launch.terminate import terminate_nodes
from noc.runs.naming.apex import move_apex
from noc.runs.naming.issuing import check_allowance
from noc.runs.naming.keeping import keeping_certificates
from noc.runs.naming.names import apply_names
from noc.runs.naming.survey import survey_apex, survey_names
from noc.runs.paths import Paths
from noc.runs.plan.plan import Action, Plan
from noc.runs.provision.keygen import rotate
from noc.runs.record.durations import read_history
from noc.runs.record.errors import AuditBroken, AuditUnwritable
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.removal.remove import remove
from noc.runs.removal.survey import survey_remove
from noc.runs.rescue.doors import DoorKeeper, OpenDoors
from noc.runs.rescue.move import move, survey_move
from noc.runs.rescue.rescue import rescue, survey_rescue
from noc.runs.rollout.survey import survey
from noc.runs.rotation.hubdesk import HubDesk
from noc.runs.rotation.rotate import rotate as rotate_secret
from noc.runs.rotation.rotate import survey_rotate
from noc.runs.runner.audithead import audit_head
from noc.runs.runner.catchingup import catching_up, going_on
from noc.runs.runner.door import Door
from noc.runs.runner.history import close_cut_runs
from noc.runs.runner.operations import Operations
from noc.runs.runner.runner import Runner
from noc.runs.runner.service import listening_socket, notify
from noc.runs.runner.works import Executor, Look, Works
from noc.runs.site.pool import LinkPool
from noc.runs.site.site import Site, open_site
from noc.runs.system.keeping import carry_out, provide
from noc.runs.system.lock import lock_anew
from noc.runs.system.reboot import reboot, survey_reboot
from noc.runs.system.update import os_update

log = logging.getLogger(__name__)


SURVEYS: Mapping[Action, Callable[[Site, Plan], Awaitable[Plan]]] = {
    "backup": survey_backup,
    "dns": survey_names,
    "apex": survey_apex,
    "launch": survey_launch,
    "terminate": survey_terminate,
    "adopt": survey_adopt,
    "opt-in": survey_opt_in,
    "rescue": survey_rescue,
    "reboot": survey_reboot,
    "move": survey_move,
    "rotate": survey_rotate,
    "drill": survey_drill,
    "remove": survey_remove,
}
"""What completes the outlines of plans that ask something else than nodes."""
EXECUTORS: Mapping[Action, Callable[[Run, Site], Awaitable[list[Verdict]]]] = {
    "backup": take_backups,
    "dns": apply_names,
    "apex": move_apex,
    "launch": launch_nodes,
    "terminate": terminate_nodes,
    "adopt": adopt,
    "opt-in": opt_in,
    "rescue": rescue,
    "reboot": reboot,
    "move": move,
    "rotate": rotate_secret,
    "drill": drill,
    "remove": remove,
}


OPENING_SURVEYS: Mapping[Action, Callable[[Site, Plan, Unsealed], Awaitable[Plan]]] = {
    "restore": survey_restore,
    "replace": survey_replace,
}
"""Those that take a key which a person has opened."""
OPENING_EXECUTORS: Mapping[Action, Callable[..., Awaitable[list[Verdict]]]] = {
    "restore": restore,
    "replace": replace_node,
}


def build(paths: Paths) -> Runner:
    """A runner over one fleet; the fleet is read anew for each run, connections are kept from plan to run."""
    links, unsealed = LinkPool(), Unsealed()

    def over(work: Callable[[Run, Site], Awaitable[list[Verdict]]]) -> Executor:
        async def execute(run: Run) -> list[Verdict]:
            return await work(run, open_site(paths, links))

        return execute

    def looking(look: Callable[[Site, Sequence[str]], Awaitable[dict[str, Any]]]) -> Look:
        async def answer(names: Sequence[str]) -> dict[str, Any]:
            return await look(open_site(paths, links), names)

        return answer

    async def complete(plan: Plan) -> Plan:
        site, history, fence = open_site(paths, links), partial(read_history, paths.runs), last_fence(paths.fence)
        if plan.action == "provision":
            check_allowance(site, plan.nodes)
        if asked := SURVEYS.get(plan.action):
            return await asked(site, plan)
        if opening := OPENING_SURVEYS.get(plan.action):
            return await opening(site, plan, unsealed)
        if plan.action == "os-update":
            plan = await lock_anew(site, plan)
        return await survey(site, plan, history, fence=fence)

    async def ask_fences(number: int | None) -> Mapping[str, int | str]:
        return await fences(open_site(paths, links), ["all"], number)

    rollout = over(carry_out)
    return Runner(
        paths,
        Works(
            executors={
                "deploy": rollout,
                "rollback": rollout,
                "os-update": over(os_update),
                "provision": over(provide),
                "keygen": over(rotate),
                **{action: over(work) for action, work in EXECUTORS.items()},
                **{action: over(partial(work, unsealed=unsealed)) for action, work in OPENING_EXECUTORS.items()},
            },
            resume=rollout,
            survey=complete,
            fences=ask_fences,
            unsealed=unsealed,
            looks={
                "health": looking(health),
                "drift": looking(drift),
                "preflight": looking(preflight_look),
                "prices": looking(prices_look),
                "doctor": looking(doctor_look),
                "audit-head": looking(audit_head),
                "backups": looking(list_backups),
                "backup-verify": looking(verify_backups),
            },
        ),
    )


async def serve(runner: Runner, permit: Permit = check_known) -> None:
    """Close what was cut, open the door, and run until SIGTERM or SIGINT."""
    paths = runner.paths
    paths.runs.mkdir(mode=0o750, parents=True, exist_ok=True)
    operations = Operations(runner)
    recover(runner)
    door = Door(operations.by_name, permit, operations.principals.admit, operations.talks)
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    await door.open(listening_socket(paths.runner_socket))
    returning = asyncio.create_task(catching_up(runner).keep(), name="catch-up")
    rotating = asyncio.create_task(going_on(runner).keep(), name="rotations")
    check = partial(runner.taking.check, "certificates")
    copying = asyncio.create_task(
        keeping_certificates(lambda: open_site(paths), runner.audit, check), name="certificates"
    )
    shutting = asyncio.create_task(door_keeper(runner).keep(), name="doors")
    pruning = asyncio.create_task(operations.pruning.keep(), name="retention")
    taking = asyncio.create_task(runner.taking.keep(), name="whose the fleet is")
    placing = asyncio.create_task(operations.tenancy.distribution.keep(), name="directory of tenants")
    telling = asyncio.create_task(operations.principals.keep(), name="refusals")
    notify("READY=1")
    await asked_to_stop.wait()
    notify("STOPPING=1")
    returning.cancel()
    rotating.cancel()
    copying.cancel()
    shutting.cancel()
    pruning.cancel()
    taking.cancel()
    placing.cancel()
    telling.cancel()
    await runner.stop()
    await door.close()


def door_keeper(runner: Runner) -> DoorKeeper:
    """What shuts a cloud's door that a rescue has left open."""
    paths = runner.paths
    return DoorKeeper(OpenDoors(paths.doors), lambda: open_site(paths), lambda: runner.current is None)


def recover(runner: Runner) -> None:
    """Say of every run and every act that a runner before this one left open how it ended."""
    elsewhere = under_way(runner.paths)
    try:
        for entry in runner.audit.open(elsewhere):
            log.warning("the runner was cut while it did: %s (audit %d)", entry.what, entry.seq)
    except (AuditBroken, AuditUnwritable) as error:
        # What can be read still answers; whatever would act fails by itself as long as the audit does.
        log.error("nothing begins before the audit is mended: %s", error)  # noqa: TRY400
    if elsewhere is None and HubDesk(runner.paths.hub_key_asked, runner.paths.hub_key_told).end_trial():
        log.warning("the runner was cut while HQ's next tunnel key was on trial: HQ has the one before again")
    for run in close_cut_runs(runner.paths.runs, elsewhere):
        log.warning("run %s was cut; noc run show %s says how to go on", run, run)


def under_way(paths: Paths) -> str | None:
    """The run that another runner has in hand: the lease is held, and not by us yet. None where there is none."""
    try:
        held = read_lease(paths.lease)
    except LeaseUnreadable:
        return None
    return held.run if held is not None and held.standing is Standing.HELD else None


def main() -> None:
    """Serve until SIGTERM: the node in hand is then brought to its end, and no other is begun."""
    # asyncssh tells every channel at INFO; what matters of it stands in the journal of the run.
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("asyncssh", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # A packet of SSH is written in two pieces; this loop sends what is written in one turn of it together.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(serve(build(Paths.from_environment())))


if __name__ == "__main__":
    main()
