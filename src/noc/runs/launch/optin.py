"""Switching regions on: asked of the account in a run, because it changes the account, and waited for."""

import asyncio

from noc.cloud.ec2.regions import ON, standings, switch_on
from noc.cloud.errors import CloudRefused
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import ticking
from noc.runs.site.cloud import account
from noc.runs.site.site import Site

WITHIN_S = 3600.0


async def opt_in(run: Run, site: Site) -> list[Verdict]:
    """Switch on the regions of the plan's nodes, and wait until they are."""
    there, wanted = account(site), {name: site.fleet.node(name).region or "" for name in run.plan.nodes}
    before = await asyncio.to_thread(standings, there)
    off = sorted({region for region in wanted.values() if before.get(region) not in ON})
    loop, why = asyncio.get_running_loop(), ""

    def say(words: str) -> None:
        run.record("opt-in", State.PROGRESS, say=words)

    def tell(words: str) -> None:
        loop.call_soon_threadsafe(say, words)

    run.check()
    try:
        async with ticking(say):
            await asyncio.to_thread(switch_on, there, off, tell, WITHIN_S)
    except CloudRefused as error:
        why = str(error)
    after = await asyncio.to_thread(standings, there)
    return [_verdict(name, before.get(region, ""), after.get(region, ""), why) for name, region in wanted.items()]


def _verdict(name: str, before: str, now: str, why: str) -> Verdict:
    good, word = now in ON, "unchanged" if before == now else now.lower()
    return Verdict(node=name, before=before.lower(), now=now.lower(), verdict=word, good=good, why="" if good else why)
