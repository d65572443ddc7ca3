"""What can stop a launch: gathered from the stand-in, judged, and what a person has accepted shown as that."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_kit import FLEET
from launch_kit import Room, room
from noc.fleet.cost import fleet_cost
from noc.fleet.load import load
from noc.fleet.model import Accepted
from noc.fleet.prices import known_prices, price_list
from noc.runs.launch.finding import Finding, Standing, accept
from noc.runs.launch.gather import preflight
from noc.runs.launch.judge import LEAST_DISK, LEAST_MEMORY, Certificates, House, Seen, judge
from noc.runs.launch.looks import prices_look
from noc.runs.launch.optin import opt_in
from noc.runs.launch.plans import plan_opt_in
from runs_kit import begin_run

GOOD = House(LEAST_MEMORY, LEAST_DISK, (), frozenset({"dns_token"}))
LEFT = Certificates(counted=True, left=50)


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr("noc.cloud.ec2.regions.POLL_S", 0.01)
    with room(tmp_path) as made:
        made.write(nodes=[node for node in _nodes(made) if node["name"] in ("frankfurt", "uae", "hongkong")])
        yield made


def _nodes(hq: Room) -> list[dict[str, object]]:
    import tomllib

    nodes: list[dict[str, object]] = tomllib.loads((hq.paths.fleet / "fleet.toml").read_text())["nodes"]
    return nodes


async def _found(hq: Room) -> dict[tuple[str, str], Finding]:
    return {(each.subject, each.check): each for each in await preflight(hq.site)}


async def test_a_region_that_has_everything_passes(hq: Room) -> None:
    found = await _found(hq)
    standings = {check: each.standing for (subject, check), each in found.items() if subject == "frankfurt"}
    assert standings == dict.fromkeys(("region", "type", "quota", "image"), Standing.PASSED)


async def test_what_is_accepted_is_no_pass(hq: Room) -> None:
    finding = (await _found(hq))["uae", "type"]
    assert finding.standing is Standing.ACCEPTED
    assert finding.accepted is not None
    assert finding.accepted.who == "johan"


async def test_each_thing_in_the_way_has_its_fix(hq: Room) -> None:
    hq.cloud.settle(off=["ap-east-1"], vcpus=1, no_image=["eu-central-1"])
    found = await _found(hq)
    assert {key: each.standing for key, each in found.items() if key in {
        ("hongkong", "region"), ("frankfurt", "quota"), ("frankfurt", "image"),
    }} == dict.fromkeys(
        [("hongkong", "region"), ("frankfurt", "quota"), ("frankfurt", "image")], Standing.FAILED
    )  # fmt: skip
    assert all(each.fix for each in found.values() if each.stops)


async def test_expired_credentials_are_one_finding_and_the_rest_is_unknown(hq: Room) -> None:
    hq.cloud.settle(expired=True)
    found = await _found(hq)
    assert found["account", "credentials"].standing is Standing.FAILED
    assert "noc hub secret set aws" in found["account", "credentials"].fix
    assert found["frankfurt", "region"].standing is Standing.UNKNOWN


async def test_without_credentials_nothing_is_asked(hq: Room) -> None:
    (hq.paths.credentials / "aws").unlink()
    found = await _found(hq)
    assert found["account", "credentials"].standing is Standing.FAILED
    assert not hq.cloud.front.account.calls


async def test_a_machine_that_runs_already_needs_no_more_quota(hq: Room) -> None:
    await hq.launch()
    hq.cloud.settle(vcpus=2)
    assert (await _found(hq))["frankfurt", "quota"].standing is Standing.PASSED


async def test_a_token_for_names_that_is_missing_is_named(hq: Room) -> None:
    assert "dns_token" in (await _found(hq))["fleet", "dns"].fix


async def test_a_preflight_stays_inside_the_policy(hq: Room) -> None:
    from noc.cloud.ec2.policy import policy

    hq.cloud.settle(policy=policy(hq.site.fleet))
    found = await _found(hq)
    assert [each.seen for each in found.values() if "not authorized" in each.seen.lower() or "E264" in each.seen] == []
    assert found["frankfurt", "image"].standing is Standing.PASSED


async def test_a_whole_life_as_runs_stays_inside_the_policy(hq: Room) -> None:
    from noc.cloud.ec2.policy import policy

    hq.cloud.settle(policy=policy(hq.site.fleet), off=["ap-east-1"])
    await opt_in(begin_run(hq.paths, plan_opt_in(hq.site.fleet, ["hongkong"], datetime.now(UTC))), hq.site)
    launched, ended = await hq.launch("hongkong"), await hq.terminate("hongkong")
    await prices_look(hq.site, [])
    assert (launched["hongkong"].verdict, ended["hongkong"].verdict) == ("launched", "terminated")


async def test_a_region_is_switched_on_by_a_run(hq: Room) -> None:
    hq.cloud.settle(off=["ap-east-1"])
    run = begin_run(hq.paths, plan_opt_in(hq.site.fleet, ["all"], datetime.now(UTC)))
    verdicts = {verdict.node: verdict.verdict for verdict in await opt_in(run, hq.site)}
    assert verdicts == {"frankfurt": "unchanged", "hongkong": "enabled"}


async def test_prices_that_were_read_are_those_that_count(hq: Room) -> None:
    before = price_list().find("aws", "eu-central-1", "instance", "t4g.nano")
    await prices_look(hq.site, [])
    after = known_prices(hq.paths.fleet).find("aws", "eu-central-1", "instance", "t4g.nano")
    assert before is not None
    assert after is not None
    assert after.usd == pytest.approx(before.usd * 1.1)
    assert (after.source, after.as_of, after.guessed) == ("aws-price-api", datetime.now(UTC).date().isoformat(), False)


async def test_a_price_that_was_not_told_stays_as_it_was(hq: Room) -> None:
    await prices_look(hq.site, [])
    kept = known_prices(hq.paths.fleet).find("aws", "eu-central-1", "address", "ipv4")
    assert kept == price_list().find("aws", "eu-central-1", "address", "ipv4")


def _judged(house: House = GOOD, certificates: Certificates = LEFT) -> dict[str, Finding]:
    fleet = load(FLEET)
    cost = fleet_cost(fleet, price_list(), date(2026, 11, 1))
    return {each.check: each for each in judge(fleet, Seen("arn", {}, house, cost, certificates))}


def test_a_house_that_has_all_passes() -> None:
    found = _judged()
    names = ("memory", "disk", "programs", "dns", "certificates")
    assert {name: found[name].standing for name in names} == dict.fromkeys(names, Standing.PASSED)


@pytest.mark.parametrize(
    ("check", "house", "standing"),
    [
        ("memory", House(LEAST_MEMORY - 1, LEAST_DISK), Standing.FAILED),
        ("disk", House(LEAST_MEMORY, LEAST_DISK - 1), Standing.FAILED),
        ("programs", House(LEAST_MEMORY, LEAST_DISK, ("wg",)), Standing.FAILED),
        ("ceiling", GOOD, Standing.FAILED),
    ],
)
def test_what_a_house_lacks_is_found(check: str, house: House, standing: Standing) -> None:
    assert _judged(house)[check].standing is standing


@pytest.mark.parametrize(
    ("there", "standing"),
    [
        (Certificates(counted=False, left=50), Standing.UNKNOWN),
        (Certificates(counted=True, left=5, beyond="20 are needed, 5 are left"), Standing.FAILED),
        (Certificates(counted=False), Standing.PASSED),
    ],
    ids=["nobody-counted", "too-few", "no-limit"],
)
def test_what_the_authority_allows_is_found(there: Certificates, standing: Standing) -> None:
    assert _judged(certificates=there)["certificates"].standing is standing


def _accepted(what: str, until: str) -> Accepted:
    return Accepted(what=what, reason="it is known", who="johan", until=until)


def test_an_acceptance_ends_with_its_day() -> None:
    finding = Finding("uae", "type", Standing.FAILED, "no", "yes")
    days = (date(2026, 11, 30), date(2026, 12, 1))
    held = [accept([finding], [_accepted("uae", "2026-11-30")], day)[0].standing for day in days]
    assert held == [Standing.ACCEPTED, Standing.FAILED]


@given(
    st.lists(st.builds(Finding, st.sampled_from(["uae", "fleet"]), st.sampled_from(["type", "ceiling"]),
                       st.sampled_from([Standing.PASSED, Standing.FAILED, Standing.UNKNOWN]), st.just("seen"))),
    st.sets(st.sampled_from(["uae", "ceiling", "other"])),
)  # fmt: skip
def test_accepting_makes_nothing_pass_and_nothing_vanish(findings: list[Finding], named: set[str]) -> None:
    after = accept(findings, [_accepted(name, "2026-11-30") for name in named], date(2026, 11, 1))
    passed = [each for each in after if each.standing is Standing.PASSED]
    assert len(after) == len(findings)
    assert passed == [each for each in findings if each.standing is Standing.PASSED]
