"""Cloudflare's zone through its official SDK, against a stand-in that refuses what the original refuses."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cloudflare_stand_in import EXPIRED, GOOD, MOST_IN_A_BATCH, Account, answers, hangs_up, stand_in, too_often
from noc.cloud.dns import cloudflare
from noc.cloud.dns.cloudflare import CloudflareZone
from noc.cloud.dns.plan import Change, Found, plan
from noc.cloud.dns.records import Record
from noc.cloud.errors import DnsRefused, DnsUnreachable, ForeignRecord

MARK = "noc:clavitor"
A = Record("a.example.com", "A", "192.0.2.1", 300)
B = Record("b.example.com", "A", "192.0.2.2", 300)


@pytest.fixture
def account() -> Iterator[Account]:
    with stand_in() as account:
        yield account


def zone(account: Account, token: str = GOOD, domain: str = "example.com", fleet: str = "clavitor") -> CloudflareZone:
    return CloudflareZone(domain, fleet, token, account.url)


def create(record: Record) -> Change:
    return Change("create", None, record)


async def refused(account: Account, *changes: Change) -> DnsRefused:
    """What the zone says to changes that are refused; none of them may have been made."""
    before = account.records()
    with pytest.raises(DnsRefused) as caught:
        await zone(account).apply(changes)
    assert account.records() == before
    return caught.value


async def test_a_plan_is_applied_in_one_batch(account: Account) -> None:
    account.add(A.name, "192.0.2.9", comment=MARK)
    account.add("old.example.com", "192.0.2.9", comment=MARK)
    await zone(account).apply(plan(await zone(account).records(), [A, B]).changes)
    assert account.records() == {(each.name, "A", each.content, 300, False, MARK) for each in (A, B)}
    assert sum(asked.endswith("/batch") for asked in account.asked) == 1


async def test_what_was_applied_is_found_again_and_nothing_is_left_to_do(account: Account) -> None:
    proxied = Record("six.example.com", "AAAA", "2001:db8::1", 1, proxied=True)
    await zone(account).apply([create(A), create(proxied)])
    assert plan(await zone(account).records(), [A, proxied]).changes == ()


async def test_no_change_asks_nobody(account: Account) -> None:
    await zone(account).apply([])
    assert account.asked == []


async def test_records_of_others_are_seen_as_foreign_and_left_alone(account: Account) -> None:
    account.add("www.example.com", "192.0.2.9")
    account.add("other.example.com", "192.0.2.9", comment="noc:another-fleet")
    before = account.records()
    await zone(account).apply(plan(await zone(account).records(), [A]).changes)
    assert account.records() - before == {(A.name, "A", A.content, 300, False, MARK)}
    assert before < account.records()


async def test_all_pages_are_read(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudflare, "A_PAGE", 5)
    for number in range(12):
        account.add(f"n{number}.example.com", f"192.0.2.{number}", comment=MARK)
    assert len(await zone(account).records()) == 12


async def test_an_alias_at_a_name_that_the_fleet_needs_is_told_before_anything_is_sent(account: Account) -> None:
    account.add(A.name, "elsewhere.example.com", kind="CNAME")
    with pytest.raises(ForeignRecord, match=A.name):
        plan(await zone(account).records(), [A])


async def test_a_text_is_there_while_it_is_needed_and_gone_afterwards(account: Account) -> None:
    account.add("_acme-challenge.example.com", '"of others"', kind="TXT")
    before = account.records()
    async with zone(account).text("_acme-challenge.example.com", "proof"):
        assert account.records() - before == {("_acme-challenge.example.com", "TXT", '"proof"', 60, None, MARK)}
    assert account.records() == before


@pytest.mark.parametrize("token", ["short", "x" * 40, EXPIRED])
async def test_a_token_that_is_not_accepted_is_told_with_its_fix(account: Account, token: str) -> None:
    with pytest.raises(DnsRefused) as caught:
        await zone(account, token).records()
    assert ("dns_token" in caught.value.fix, token in str(caught.value.as_dict())) == (True, False)


async def test_a_token_that_does_not_see_the_zone_is_told(account: Account) -> None:
    with pytest.raises(DnsRefused, match=r"sees no zone example\.org"):
        await zone(account, domain="example.org").records()


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (replace(A, ttl=59), "9021"),
        (replace(A, ttl=86_401), "9021"),
        (replace(A, ttl=300, proxied=True), "9041"),
        (replace(A, content="2001:db8::1"), "9005"),
        (Record("a.example.com", "AAAA", "192.0.2.1", 300), "9006"),
    ],
)
async def test_a_record_that_the_provider_does_not_take_is_told_in_its_own_words(
    account: Account, record: Record, code: str
) -> None:
    assert code in (await refused(account, create(record))).why


async def test_a_mark_that_is_longer_than_a_comment_is_told(account: Account) -> None:
    with pytest.raises(DnsRefused) as caught:
        await zone(account, fleet="f" * 100).apply([create(A)])
    assert "9313" in caught.value.why


async def test_an_identical_record_that_came_in_between_is_told(account: Account) -> None:
    account.add(A.name, A.content)
    assert "81058" in (await refused(account, create(A))).why


async def test_an_alias_that_came_in_between_is_told(account: Account) -> None:
    account.add(A.name, "elsewhere.example.com", kind="CNAME")
    assert "81054" in (await refused(account, create(A))).why


async def test_a_record_that_went_in_between_is_told(account: Account) -> None:
    gone = Found(A, "f" * 32, ours=True)
    assert "81044" in (await refused(account, Change("delete", gone, None))).why


async def test_a_batch_with_one_change_that_is_refused_makes_none(account: Account) -> None:
    id_ = account.add(B.name, B.content, comment=MARK)
    await refused(account, Change("delete", Found(B, id_, ours=True), None), create(replace(A, ttl=2)))
    assert len(account.records()) == 1


async def test_a_batch_that_is_too_large_makes_nothing(account: Account) -> None:
    many = [create(Record(f"n{n}.example.com", "A", "192.0.2.1", 300)) for n in range(MOST_IN_A_BATCH + 1)]
    assert "200" in (await refused(account, *many)).why


async def test_a_quota_of_records_is_no_matter_of_balancing(account: Account) -> None:
    known = zone(account)
    await known.records()
    account.faults = [answers(400, b'{"errors": [{"code": 81045, "message": "The record quota has been exceeded."}]}')]
    with pytest.raises(DnsRefused, match="answered 400"):
        await known.apply([create(A)])


async def test_a_rate_limit_is_waited_out_as_long_as_the_provider_says(account: Account) -> None:
    account.add(A.name, A.content, comment=MARK)
    account.faults = [too_often("0.1"), too_often("0.1")]
    assert len(await zone(account).records()) == 1


async def test_a_rate_limit_that_lasts_is_told(account: Account) -> None:
    account.faults = [too_often("0.1")] * 9
    with pytest.raises(DnsRefused) as caught:
        await zone(account).records()
    assert ("1200 requests" in caught.value.why, "wait" in caught.value.fix) == (True, True)


@pytest.mark.parametrize("body", [b'{"success": true, "result": [', b"[]", b'{"result": 7}', b"null"])
async def test_an_answer_that_is_no_answer_is_told_as_such(account: Account, body: bytes) -> None:
    account.faults = [answers(200, body)] * 9
    with pytest.raises(DnsUnreachable):
        await zone(account).records()


async def test_a_page_of_the_edge_in_the_answers_place_is_told_as_such(account: Account) -> None:
    account.faults = [answers(200, b"<!DOCTYPE html><p>maintenance", "text/html")] * 9
    with pytest.raises(DnsUnreachable):
        await zone(account).records()


async def test_a_batch_whose_answer_is_lost_is_not_sent_twice(account: Account) -> None:
    known = zone(account)
    await known.records()
    account.lost = 1
    with pytest.raises(DnsUnreachable):
        await known.apply([create(A)])
    assert (len(account.records()), sum(asked.endswith("/batch") for asked in account.asked)) == (1, 1)


async def test_a_failure_of_the_provider_leaves_open_whether_a_batch_was_applied(account: Account) -> None:
    known = zone(account)
    await known.records()
    account.faults = [answers(502, b"bad gateway", "text/plain")]
    with pytest.raises(DnsUnreachable) as caught:
        await known.apply([create(A)])
    assert "noc dns plan" in caught.value.fix


async def test_a_provider_that_hangs_up_did_not_answer(account: Account) -> None:
    account.faults = [hangs_up] * 9
    with pytest.raises(DnsUnreachable):
        await zone(account).records()
