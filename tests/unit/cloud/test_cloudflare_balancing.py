"""Cloudflare's load balancing through its official SDK, against a stand-in that refuses what the original refuses."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from cloudflare_balancing_stand_in import Subscription
from cloudflare_stand_in import EXPIRED, GOOD, NAMES_ALONE, OWN, Account, answers, hangs_up, stand_in
from noc.cloud.dns.balancer import Balancer, Monitor, Part, Pool
from noc.cloud.dns.balancing import FoundPart, PartChange, plan_parts
from noc.cloud.dns.cloudflare_balancing import CloudflareBalancing
from noc.cloud.errors import BalancingOff, DnsRefused, DnsUnreachable

MARK = "noc:clavitor"
MONITOR = Monitor("example.com", 60)
ONE, TWO = Pool.at("clavitor_one", "192.0.2.1", 47.3769, 8.5417), Pool.at("clavitor_two", "192.0.2.2", 50.1109, 8.6821)
BOTH = Balancer("example.com", ("clavitor_one", "clavitor_two"), "clavitor_one", "proximity", 30)
WANTED: tuple[Part, ...] = (MONITOR, ONE, TWO, BOTH)


@pytest.fixture
def account() -> Iterator[Account]:
    with stand_in() as account:
        yield account


def balancing(account: Account, token: str = GOOD, fleet: str = "clavitor") -> CloudflareBalancing:
    return CloudflareBalancing("example.com", fleet, token, account.url)


async def brought(account: Account, *wanted: Part) -> list[str]:
    """What had to be done, in words."""
    there = balancing(account)
    changes = plan_parts(await there.parts(), wanted)
    await there.apply(changes)
    return [str(change) for change in changes]


def rows(account: Account, kind: str) -> list[dict[str, Any]]:
    return list(account.balancing.rows[kind].values())


def writes(account: Account) -> list[str]:
    return [asked.split()[0] for asked in account.asked if not asked.startswith("GET")]


async def test_a_plan_is_carried_out_and_then_nothing_is_left_to_do(account: Account) -> None:
    assert [words.split()[:2] for words in await brought(account, *WANTED)] == [
        ["create", "monitor"],
        ["create", "pool"],
        ["create", "pool"],
        ["create", "balancer"],
    ]
    assert await brought(account, *WANTED) == []


async def test_the_nodes_are_looked_at_by_the_domains_name_and_its_certificate_is_checked(account: Account) -> None:
    await brought(account, *WANTED)
    (monitor,) = rows(account, "monitors")
    shown = {name: monitor[name] for name in ("type", "path", "header", "allow_insecure", "expected_codes", "interval")}
    assert shown == {
        "type": "https",
        "path": "/health",
        "header": {"Host": ["example.com"]},
        "allow_insecure": False,
        "expected_codes": "200",
        "interval": 60,
    }


async def test_who_asks_is_answered_with_the_nodes_own_address(account: Account) -> None:
    await brought(account, *WANTED)
    (balancer,) = rows(account, "balancers")
    addresses = {pool["id"]: pool["origins"][0]["address"] for pool in rows(account, "pools")}
    assert [addresses[id_] for id_ in balancer["default_pools"]] == ["192.0.2.1", "192.0.2.2"]
    assert (addresses[balancer["fallback_pool"]], balancer["proxied"]) == ("192.0.2.1", False)


async def test_every_part_carries_the_mark(account: Account) -> None:
    await brought(account, *WANTED)
    assert {row["description"] for kind in account.balancing.rows for row in rows(account, kind)} == {MARK}


async def test_a_node_that_is_wanted_no_more_leaves_the_balancer_before_its_pool_goes(account: Account) -> None:
    await brought(account, *WANTED)
    words = await brought(account, MONITOR, ONE, replace(BOTH, pools=("clavitor_one",)))
    assert [each.split()[:2] for each in words] == [["update", "balancer"], ["delete", "pool"]]
    assert [pool["name"] for pool in rows(account, "pools")] == ["clavitor_one"]


async def test_without_a_balancer_nothing_of_ours_is_left_and_all_of_others(account: Account) -> None:
    for kind, row in (
        ("monitors", {"description": "of others", "interval": 60}),
        ("pools", {"name": "theirs", "description": "noc:another-fleet", "origins": [{"address": "192.0.2.9"}]}),
    ):
        account.balancing.serve(kind, None, "POST", row)
    before = {kind: rows(account, kind) for kind in account.balancing.rows}
    await brought(account, *WANTED)
    await brought(account)
    assert {kind: rows(account, kind) for kind in account.balancing.rows} == before


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("monitors", {"allow_insecure": True}),
        ("monitors", {"path": "/"}),
        ("pools", {"enabled": False}),
        ("pools", {"monitor": None}),
        ("pools", {"origins": [{"address": "192.0.2.1"}, {"address": "192.0.2.66"}]}),
        ("pools", {"origins": [{"address": "192.0.2.1", "enabled": False}]}),
        ("pools", {"origins": [{"address": "192.0.2.1", "port": 8443}]}),
        ("pools", {"origins": [{"address": "192.0.2.1", "header": {"Host": ["elsewhere.org"]}}]}),
        ("pools", {"latitude": None, "longitude": None}),
        ("balancers", {"proxied": True}),
        ("balancers", {"enabled": False}),
        ("balancers", {"steering_policy": "random"}),
        ("balancers", {"ttl": 3600}),
    ],
)
async def test_what_a_person_has_set_otherwise_is_seen_and_put_right(
    account: Account, kind: str, change: dict[str, object]
) -> None:
    await brought(account, *WANTED)
    rows(account, kind)[0].update(change)
    assert [words.split()[:2] for words in await brought(account, *WANTED)] == [["update", kind.removesuffix("s")]]
    assert await brought(account, *WANTED) == []


async def test_what_we_have_no_opinion_on_stays_as_a_person_has_set_it(account: Account) -> None:
    await brought(account, *WANTED)
    rows(account, "pools")[0].update(check_regions=["WEU"], enabled=False)
    await brought(account, *WANTED)
    assert (rows(account, "pools")[0]["check_regions"], rows(account, "pools")[0]["enabled"]) == (["WEU"], True)


async def test_a_monitor_that_was_removed_is_made_again_and_its_pools_lean_on_it(account: Account) -> None:
    await brought(account, *WANTED)
    account.balancing.rows["monitors"].clear()
    await brought(account, *WANTED)
    (monitor,) = rows(account, "monitors")
    assert {pool["monitor"] for pool in rows(account, "pools")} == {monitor["id"]}


async def test_no_change_asks_nobody(account: Account) -> None:
    await balancing(account).apply([])
    assert account.asked == []


async def test_an_answer_that_is_lost_is_not_asked_for_twice_and_the_next_plan_goes_on(account: Account) -> None:
    there = balancing(account)
    changes = plan_parts(await there.parts(), WANTED)
    account.lost_changes = 1
    with pytest.raises(DnsUnreachable):
        await there.apply(changes)
    assert writes(account) == ["POST"]
    assert [words.split()[1] for words in await brought(account, *WANTED)] == ["pool", "pool", "balancer"]
    assert await brought(account, *WANTED) == []


async def test_a_change_that_is_refused_leaves_those_before_it_and_the_next_plan_goes_on(account: Account) -> None:
    account.balancing.subscription = Subscription(endpoints=1)
    with pytest.raises(BalancingOff) as caught:
        await brought(account, *WANTED)
    assert ("quota" in caught.value.why, "subscribe" in caught.value.fix) == (True, True)
    account.balancing.subscription = Subscription()
    assert [words.split()[1] for words in await brought(account, *WANTED)] == ["pool", "balancer"]


@pytest.mark.parametrize("part", WANTED)
async def test_an_account_without_load_balancing_is_told(account: Account, part: Part) -> None:
    await brought(account, MONITOR, ONE, TWO)
    account.balancing.subscription = Subscription(on=False)
    there = balancing(account)
    known = {each.part.key: each for each in await there.parts()}
    change = PartChange("update" if part.key in known else "create", known.get(part.key), part)
    with pytest.raises(BalancingOff):
        await there.apply([change])


@pytest.mark.parametrize("token", ["short", "x" * 40, EXPIRED, NAMES_ALONE])
async def test_a_token_that_may_not_balance_is_told_with_its_fix(account: Account, token: str) -> None:
    with pytest.raises(DnsRefused) as caught:
        await balancing(account, token).parts()
    assert ("monitors and pools" in caught.value.fix, token in str(caught.value.as_dict())) == (True, False)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (replace(MONITOR, interval_s=14), "1002"),
        (replace(ONE, name="no name"), "1002"),
        (replace(BOTH, domain="elsewhere.org"), "1002"),
    ],
)
async def test_a_part_that_the_provider_does_not_take_is_told_in_its_own_words(
    account: Account, part: Part, code: str
) -> None:
    await brought(account, MONITOR, ONE, TWO)
    with pytest.raises((DnsRefused, BalancingOff)) as caught:
        await balancing(account).apply([PartChange("create", None, part)])
    assert code in caught.value.why


@pytest.mark.parametrize("part", [ONE, BOTH])
async def test_a_name_that_others_took_in_between_is_told(account: Account, part: Part) -> None:
    await brought(account, *WANTED)
    with pytest.raises(DnsRefused) as caught:
        await balancing(account).apply([PartChange("create", None, part)])
    assert "1003" in caught.value.why


@pytest.mark.parametrize("kind", ["monitors", "pools"])
async def test_what_others_have_come_to_lean_on_is_not_removed(account: Account, kind: str) -> None:
    await brought(account, *WANTED)
    there = balancing(account)
    found = next(each for each in await there.parts() if each.part.key[0] == kind.removesuffix("s"))
    with pytest.raises(DnsRefused) as caught:
        await there.apply([PartChange("delete", found, None)])
    assert "1005" in caught.value.why


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"origins": []}, "the origin list length must be in range"),
        ({"longitude": None}, "latitude and longitude"),
    ],
)
async def test_the_stand_in_refuses_pools_that_ours_never_are(
    account: Account, change: dict[str, object], words: str
) -> None:
    pool = {"name": "a", "origins": [{"address": "192.0.2.1"}], "latitude": 1, "longitude": 2} | change
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {GOOD}"}) as client:
        answer = await client.post(f"{account.url}/accounts/{OWN}/load_balancers/pools", json=pool)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], words in error["message"]) == (400, 1002, True)


async def test_a_part_that_went_in_between_is_told(account: Account) -> None:
    gone = FoundPart(ONE, "f" * 32, ours=True)
    with pytest.raises(DnsRefused) as caught:
        await balancing(account).apply([PartChange("delete", gone, None)])
    assert "1001" in caught.value.why


async def test_a_pool_that_went_in_between_keeps_the_balancer_from_being_made(account: Account) -> None:
    await brought(account, MONITOR, ONE)
    with pytest.raises(DnsRefused, match="clavitor_two"):
        await balancing(account).apply([PartChange("create", None, BOTH)])


@pytest.mark.parametrize("body", [b'{"success": true, "result": [', b"[]", b'{"result": 7}', b'{"result": null}'])
async def test_an_answer_that_is_no_answer_is_told_as_such(account: Account, body: bytes) -> None:
    there = balancing(account)
    await there.parts()
    account.faults = [answers(200, body)] * 9
    with pytest.raises(DnsUnreachable):
        await there.parts()


async def test_a_provider_that_hangs_up_did_not_answer(account: Account) -> None:
    account.faults = [hangs_up] * 9
    with pytest.raises(DnsUnreachable):
        await balancing(account).parts()
