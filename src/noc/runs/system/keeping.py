"""A rollout, and what follows from it for the systems on HQ: those that are proven are kept, the rest is collected."""

from collections.abc import Sequence

from noc.errors import NocError
from noc.runs.provision.provision import provision
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.deployment import deploy
from noc.runs.site.site import Site
from noc.runs.site.systems import NIXOS, brings_configuration
from noc.runs.system.lock import settle_lock


async def carry_out(run: Run, site: Site) -> list[Verdict]:
    """Carry out a rollout, or go on with one that was cut. Raises as `deploy`."""
    verdicts = await deploy(run, site)
    settle_lock(run, site, verdicts)
    await keep_systems(run, site, verdicts)
    return verdicts


async def provide(run: Run, site: Site) -> list[Verdict]:
    """Make nodes live, and keep their systems. Raises as `provision`."""
    verdicts = await provision(run, site)
    await keep_systems(run, site, verdicts)
    return verdicts


async def keep_systems(run: Run, site: Site, verdicts: Sequence[Verdict]) -> None:
    """Keep what NixOS nodes run and ran before, and give up the rest of HQ's store; a failure costs no verdict."""
    good = {row.node for row in verdicts if row.good}
    nodes = [node for node in map(site.fleet.node, run.plan.nodes) if node.name in good and node.platform == NIXOS]
    proven = [node.name for node in nodes if brings_configuration(run.plan, node)]
    try:
        for name in proven:
            await site.systems.proven(name)
        if proven and site.fleet.nixos.builder != "ci":
            await site.systems.collect()
    except NocError as error:
        run.record("collect", State.FAILED, error=error.as_dict())
