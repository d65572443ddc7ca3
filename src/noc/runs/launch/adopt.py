"""Taking machines over that something else has made: Terraform, a person at a console, an earlier HQ."""

import asyncio
from ipaddress import IPv4Address

from noc.errors import NocError
from noc.fleet.inventory import Life
from noc.runs.launch.errors import NothingToAdopt
from noc.runs.plan.plan import Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.site.cloud import has_account, owned
from noc.runs.site.site import Site


async def adopt(run: Run, site: Site) -> list[Verdict]:
    """Write down the addresses of the plan's nodes, and the host keys that were given with them."""
    found, verdicts = await addresses(site, run.plan), []
    for name in run.plan.nodes:
        before = site.book.record(name).life
        taking = Taking(site, name, found.get(name), run.plan.options.host_key.get(name))
        try:
            changed = await walk(run, name, (Step("adopt", 30, taking.take),))
        except NocError as error:
            verdicts.append(Verdict(node=name, before=before, now=before, verdict="failed", why=str(error)))
            continue
        now, word = site.book.record(name).life, "adopted" if changed else "unchanged"
        verdicts.append(Verdict(node=name, before=before, now=now, verdict=word, good=True))
    site.book.commit(run, run.plan.label())
    return verdicts


class Taking:
    """One machine that is taken over."""

    def __init__(self, site: Site, name: str, address: IPv4Address | None, host_key: str | None) -> None:
        """Prepare; nothing is written yet."""
        self._site, self._name, self._address, self._host_key = site, name, address, host_key

    async def take(self) -> list[str]:
        """What the first contact of a machine that is given by hand would write down as well."""
        if self._address is None:
            raise NothingToAdopt(f"nothing names an address of {self._name}")
        learnt: dict[str, object] = {"address": self._address}
        if self._host_key:
            learnt["host_key"] = self._host_key
        if self._site.book.record(self._name).life is Life.PLANNED:
            learnt["life"] = Life.LAUNCHED
        return [f"address {self._address}"] if self._site.book.learn(self._name, **learnt) else []


async def addresses(site: Site, plan: Plan) -> dict[str, IPv4Address]:
    """Addresses by node: those that were given; of the others, where HQ has an account, what carries their tags."""
    given = dict(plan.options.address)
    wanted = [site.fleet.node(name) for name in plan.nodes if name not in given]
    if not has_account(site):
        return given
    for node in wanted:
        if node.provider == "aws" and node.region:
            there = await asyncio.to_thread(owned(site, node, lambda _: None).instance)
            public = there.get("PublicIpAddress") if there else None
            if public:
                given[node.name] = IPv4Address(public)
    return given
