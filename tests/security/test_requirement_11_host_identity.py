"""Requirement 11: a host with another's certificate, or another key, stops everything before we say who we are."""

import pytest

from noc.fleet.model import Fleet
from noc.hosts.errors import HostKeyMismatch
from noc.hosts.ssh import Authority, Pinned, Trust, connect
from noc.hosts.trust import fingerprint, generate_key
from noc.runs.paths import Paths
from noc.runs.plan.plan import Rules
from noc.runs.plan.planners import plan_deploy
from noc.runs.rollout.deployment import deploy
from runs_kit import NAMES, NOW, World, begin_run, make_site, manifest
from unit.hosts.test_ssh import Start

CA, OTHER_CA = generate_key("ca"), generate_key("other ca")
OURS = Authority(CA.public, "frankfurt")


@pytest.mark.parametrize(
    ("shown", "trust"),
    [
        ({"ca": CA, "certificate_for": "virginia"}, OURS),
        ({"ca": OTHER_CA, "certificate_for": "frankfurt"}, OURS),
        ({}, OURS),
        ({"ca": CA, "certificate_for": "frankfurt"}, Pinned(fingerprint(generate_key("before").public))),
    ],
    ids=["another node's certificate", "another authority's certificate", "a plain key", "a changed key"],
)
async def test_no_attempt_to_log_in_is_made(start: Start, shown: dict[str, object], trust: Trust) -> None:
    server = start(**shown)
    with pytest.raises(HostKeyMismatch):
        await connect(server.target(trust))
    assert server.authentication_attempts() == 0


async def test_the_right_one_is_logged_in_to(start: Start) -> None:
    server = start(ca=CA, certificate_for="frankfurt")
    shell = await connect(server.target(OURS))
    await shell.close()
    assert server.authentication_attempts() > 0


async def test_a_rollout_that_meets_it_changes_no_node(paths: Paths, fleet: Fleet, world: World) -> None:
    world.machines["singapore"].installed.discard("host-certificate")
    site = make_site(paths, fleet, world)
    rules = Rules(soak=0.001, canary_soak=0.001)
    run = begin_run(paths, plan_deploy(fleet, site.book.inventory, manifest(), list(NAMES), NOW, rules=rules))
    verdicts = await deploy(run, site)
    assert [each.verdict for each in verdicts] == ["untouched", "untouched", "blocked"]
    assert world.order("stage", "start") == []
