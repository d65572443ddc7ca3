"""The survey: all nodes of a rollout are asked at once, so that a plan tells what is in the way before a byte is sent.

Being asked changes nothing on a node. What the answers mean is decided in `prospect`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.activation import NodeFacts
from noc.hosts.errors import ConnectionLost, Overdue, Unreachable
from noc.release.manifest import Manifest
from noc.runs.plan.estimate import History, estimate_provision
from noc.runs.plan.plan import Plan
from noc.runs.record.tame import tame
from noc.runs.rollout.preflight import clock_skew, runs_already, shows
from noc.runs.rollout.prospect import Answer, Headquarters, completed
from noc.runs.rollout.system import outdated, system_of
from noc.runs.site.configuration import differences, node_bundle
from noc.runs.site.link import Link
from noc.runs.site.site import Site
from noc.runs.site.systems import brings_configuration, make_systems, require_systems

AT_ONCE = 10
ANSWER_S, SYSTEM_ANSWER_S = 8.0, 200.0
"""Seconds for one node to be reached and to answer everything; and to ask its archive, too."""


async def survey(
    site: Site, plan: Plan, read_history: Callable[[], History], *, fence: int, now: datetime | None = None
) -> Plan:
    """Complete the outline of a plan by what the nodes say, and by how long it will take.

    Connections to nodes that answered stay open for the run that may follow.

    Args:
        site: the fleet.
        plan: the outline: action, nodes in order, release, rules.
        read_history: tells what earlier runs took; called in a thread, while nodes are asked.
        fence: the highest fence number that HQ has given.
        now: the time, UTC; the clock's where None.

    Returns:
        The plan with its estimate, and for a rollout a row a node; not sealed.
    """
    policy = site.fleet.policy
    if plan.action == "provision":
        await require_systems(site, plan)
    if not plan.is_rollout:
        timed = plan.action != "keygen"
        return await _provisioning(plan, read_history, policy.provision_bound) if timed else plan
    unmade = await make_systems(site, plan)
    history, answers = await asyncio.gather(asyncio.to_thread(read_history), _ask_all(site, plan, unmade))
    hq = Headquarters(_manifests(site), fence, now or datetime.now(UTC))
    return completed(plan, answers, hq, history, bound_s=policy.deploy_bound)


async def _provisioning(plan: Plan, read_history: Callable[[], History], bound_s: float) -> Plan:
    history = await asyncio.to_thread(read_history)
    return plan.model_copy(update={"estimate": estimate_provision(plan.nodes, history, bound_s)})


def _manifests(site: Site) -> dict[str, Manifest]:
    return {kept.sha256: kept.manifest for kept in site.releases.list()}


async def _ask_all(site: Site, plan: Plan, unmade: Mapping[str, str]) -> dict[str, Answer]:
    """Every node's answer, in the plan's order, at most so many asked at a time."""
    at_once, questions = asyncio.Semaphore(AT_ONCE), Questions(site, plan)

    async def one(name: str) -> Answer:
        if name in unmade:
            return Answer(problems=(tame(unmade[name]),))
        async with at_once:
            return await questions.put(site.fleet.node(name))

    answers = await asyncio.gather(*map(one, plan.nodes))
    return dict(zip(plan.nodes, answers, strict=True))


class Questions:
    """What a plan makes HQ ask of a node."""

    def __init__(self, site: Site, plan: Plan) -> None:
        """Prepare to ask the nodes of one plan."""
        self._site, self._plan = site, plan
        self._release = _manifests(site).get(plan.release or "")

    async def put(self, node: Node) -> Answer:
        """One node's answer, whatever becomes of the questions; the link stays open where there was one."""
        link = self._site.link(node)
        try:
            async with asyncio.timeout(within_s := SYSTEM_ANSWER_S if self._plan.system else ANSWER_S):
                answer = await self._answer(node, link)
        except (Unreachable, Overdue, ConnectionLost) as error:
            answer = Answer(down=error.why or error.what)
        except TimeoutError:
            answer = Answer(down=f"no answer within {within_s:g} s")
        except NocError as error:
            answer = Answer(problems=(str(error),))
        if answer.facts is None:
            await link.close()
        else:
            await self._site.keep(node, link)
        return answer

    async def _answer(self, node: Node, link: Link) -> Answer:
        asked = time.time()
        facts = await link.ask(lambda activator: activator.facts())
        skew_s = clock_skew(facts, asked, time.time())
        offered = await outdated(node, link) if self._plan.system else None
        bundle = node_bundle(self._site, node, self._plan.lock) if brings_configuration(self._plan, node) else None
        offered = offered or system_of(bundle, facts)
        differing = await differences(link, bundle) if bundle else ()
        problems = await self._sickness(node, facts)
        return Answer(facts, bundle=bundle, differences=differing, problems=problems, skew_s=skew_s, offered=offered)

    async def _sickness(self, node: Node, facts: NodeFacts) -> tuple[str, ...]:
        """Why a node that has the release already does not show it to the public; empty where there is nothing."""
        if self._release is None or not runs_already(facts, self._release.sha256):
            return ()
        public = await self._site.web.health(self._site.fleet.hostname(node))
        if shows(public, self._release):
            return ()
        seen = public.trouble or f"HTTPS answers {public.status}, version {public.version} build {public.build}"
        return (f"it has the release, and is not healthy: {seen}",)
