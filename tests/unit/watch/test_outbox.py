"""The outbox against a real receiver: outages, storms, refusals, a database in trouble; nothing is lost or floods."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.watch.alerts.channels import Channel
from noc.watch.alerts.channels.ntfy import NtfyChannel
from noc.watch.alerts.outboxes import Outboxes
from noc.watch.clock import now
from noc.watch.errors import StoreTrouble
from noc.watch.store.database import Store
from noc.watch.store.engine import Where
from noc.watch.store.outbox import Router
from noc.watch.store.queries import read_events
from noc.watch.store.records import Event, Incident, IncidentSaved, MessageQueued, Record
from noc.watch.store.schema import outbox
from noc.watch.store.writer import Writer
from watch_kit import Receiver, receiving, to, until_true, write_fleet

AT = 1_700_000_000_000
DAY = 86_400_000
OPEN = Incident(1, "frankfurt", "missed", "2 pushes missed", AT)
FAR = 2**45


async def soon(condition: Callable[[], Any]) -> None:
    """Wait for what must come, on a machine that may be busy."""
    await until_true(condition, within=60)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.watch.alerts.patience.FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr("noc.watch.alerts.outbox.AGAIN_S", 0.05)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return load(write_fleet(tmp_path / "fleet"))


@dataclass
class Post:
    """A database, its writer, and the outboxes."""

    store: Store
    writer: Writer
    outboxes: Outboxes
    channels: list[Channel]
    failures: list[StoreTrouble]

    async def write(self, *records: Record) -> None:
        await self.writer.submit(records)

    def rows(self) -> list[dict[str, Any]]:
        with self.store.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(outbox).order_by(outbox.c.id)).mappings()]

    def outcomes(self) -> dict[str, str]:
        return {f"{row['id']} {row['channel']}": row["outcome"] for row in self.rows()}


@asynccontextmanager
async def posting(where: Where, fleet: Fleet, *channels: Channel, route: Router | None = None) -> AsyncIterator[Post]:
    store = Store(where, route or to(*(channel.name for channel in channels)))

    def committed(records: Sequence[Record]) -> None:
        outboxes.wake(records)

    failures: list[StoreTrouble] = []
    writer = Writer(
        store, committed=committed, failed=lambda trouble, _lost: failures.append(trouble), kept=lambda _: None
    )
    current = list(channels)
    outboxes = Outboxes(store.engine, writer.submit, lambda: fleet, lambda: current)
    task = asyncio.create_task(outboxes.run())
    try:
        yield Post(store, writer, outboxes, current, failures)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await writer.close()
        store.close()


def ntfy(receiver: Receiver, name: str = "ntfy") -> NtfyChannel:
    return NtfyChannel(name, receiver.url, "alerts")


def opened(count: int, first: int = 1) -> list[IncidentSaved]:
    numbers = range(first, first + count)
    return [IncidentSaved(replace(OPEN, id=number, node=f"node-{number}"), "opened") for number in numbers]


def texts(receiver: Receiver) -> list[str]:
    return [f"{document['title']} {document['message']}" for _, document, _ in list(receiver.got)]


async def test_after_an_outage_one_message_tells_of_all_that_waited(
    where: Where, fleet: Fleet, receiver: Receiver
) -> None:
    receiver.stop()
    async with posting(where, fleet, ntfy(receiver)) as post:
        for record in opened(20):
            await post.write(record)
        over = replace(OPEN, id=3, node="node-3", ended=AT + 60_000, end_reason="heartbeats returned")
        await post.write(IncidentSaved(over, "closed"))
        last = {f"20-{AT // 1000}-opened", f"3-{AT // 1000}-closed"}
        await soon(lambda: all(row["attempts"] for row in post.rows() if row["id"] in last))
        receiver.start()
        await soon(lambda: set(post.outcomes().values()) <= {"sent", "told"})
        [said] = texts(receiver)
        assert "20 incidents: 19 SEV2, 1 over" in said
        assert all(f"node-{number} " in said or f"node-{number}," in said for number in range(1, 21))


async def test_a_storm_that_comes_in_drops_is_gathered(
    where: Where, fleet: Fleet, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.watch.alerts.deliveries.GATHER_S", 0.5)
    async with posting(where, fleet, ntfy(receiver)) as post:
        for number, record in enumerate(opened(12), 1):
            await post.write(record)
            await soon(lambda: len(texts(receiver)) >= min(number, 3))  # noqa: B023 - awaited here
        await soon(lambda: "" not in post.outcomes().values())
        assert len(texts(receiver)) == 4
        assert texts(receiver)[3].startswith("9 incidents: 9 SEV2")


async def test_a_message_that_is_refused_holds_up_no_other_and_goes_out_bare_in_the_end(
    where: Where, fleet: Fleet, receiver: Receiver
) -> None:
    picky = PickyReceiver(receiver)
    async with posting(where, fleet, ntfy(receiver)) as post:
        await post.write(IncidentSaved(replace(OPEN, detail="a colon: ☠"), "opened"))
        await soon(lambda: picky.refused >= 1)
        await post.write(IncidentSaved(replace(OPEN, id=2, node="virginia"), "opened"))
        await soon(lambda: any("virginia" in said for said in texts(receiver)))
        await soon(lambda: any("frankfurt" in said for said in texts(receiver)))
        assert "?" in next(said for said in texts(receiver) if "frankfurt" in said)
        await soon(lambda: set(post.outcomes().values()) == {"sent"})


class PickyReceiver:
    """Lets a receiver refuse every message that is not ASCII, with a 400."""

    def __init__(self, receiver: Receiver) -> None:
        self.refused = 0
        receiver.judge = self._judge

    def _judge(self, document: dict[str, Any]) -> int:
        if document["message"].isascii():
            return 200
        self.refused += 1
        return 400


async def test_a_channel_that_says_when_to_come_back_is_left_alone_until_then(
    where: Where, fleet: Fleet, receiver: Receiver
) -> None:
    statuses = iter([429])
    receiver.behave = lambda: (next(statuses, 200), {"Retry-After": "1"}, 0)
    async with posting(where, fleet, ntfy(receiver)) as post:
        started = asyncio.get_running_loop().time()
        await post.write(*opened(1))
        await soon(lambda: receiver.refused)
        await post.write(*opened(1, first=2))
        await soon(lambda: len(texts(receiver)) == 2)
        assert asyncio.get_running_loop().time() - started >= 1
        assert receiver.refused == 1


async def test_a_slow_channel_holds_up_no_other(
    where: Where, fleet: Fleet, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.watch.alerts.outbox.SEND_DEADLINE_S", 2)
    receiver.behave = lambda: (200, {}, 3.0)
    with receiving() as quick:
        async with posting(where, fleet, ntfy(receiver), ntfy(quick, "quick")) as post:
            await post.write(*opened(1))
            await soon(lambda: texts(quick))
            await soon(lambda: any("no answer within" in row["last_error"] for row in post.rows()))
            receiver.behave = lambda: (200, {}, 0)
            await soon(lambda: set(post.outcomes().values()) == {"sent"})


async def test_a_slow_channel_that_took_the_message_gets_the_same_id_again(
    where: Where, fleet: Fleet, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.watch.alerts.outbox.SEND_DEADLINE_S", 2)
    delays = iter([3.0])
    receiver.behave = lambda: (200, {}, next(delays, 0.0))
    async with posting(where, fleet, ntfy(receiver)) as post:
        await post.write(*opened(1))
        await soon(lambda: len(receiver.messages()) >= 2)
        assert len(set(receiver.messages())) == 1


async def test_with_the_database_unreadable_alerts_from_memory_go_out_and_say_so(
    where: Where, fleet: Fleet, receiver: Receiver
) -> None:
    async with posting(where, fleet, ntfy(receiver)) as post:
        with post.store.engine.begin() as connection:
            connection.execute(text("ALTER TABLE outbox RENAME TO away"))
        post.outboxes.tell(OPEN, "opened")
        await soon(lambda: texts(receiver))
        post.outboxes.tell(replace(OPEN, ended=AT + 60_000, end_reason="heartbeats returned"), "closed")
        await soon(lambda: len(texts(receiver)) == 2)
        assert all("Not stored" in said for said in texts(receiver))
        assert [document.get("actions", [{}])[0].get("label") for _, document, _ in receiver.got] == ["Open", "Open"]


async def test_a_message_that_could_not_be_written_down_as_sent_is_not_sent_again(
    tmp_path: Path, fleet: Fleet, receiver: Receiver
) -> None:
    async with posting(tmp_path / "watch.db", fleet, ntfy(receiver)) as post:
        with post.store.engine.begin() as connection:
            connection.execute(
                text("CREATE TRIGGER stuck BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'no'); END")
            )
        await post.write(*opened(1))
        await soon(lambda: texts(receiver) and post.failures)
        with post.store.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER stuck"))
        await post.writer.mend([])
        post.outboxes.refresh()
        await soon(lambda: set(post.outcomes().values()) == {"sent"})
        assert len(texts(receiver)) == 1


async def test_what_waits_on_a_channel_that_is_gone_goes_out_on_the_default_one(
    where: Where, fleet: Fleet, receiver: Receiver
) -> None:
    gone = Receiver()
    async with posting(where, fleet, ntfy(receiver), ntfy(gone, "gone"), route=to("gone")) as post:
        await post.write(*opened(1))
        await soon(lambda: any(row["attempts"] for row in post.rows()))
        assert texts(receiver) == []
        del post.channels[1]
        post.outboxes.refresh()
        await soon(lambda: texts(receiver))
        await soon(lambda: post.outcomes() == {f"1-{AT // 1000}-opened ntfy": "sent"})


async def test_a_channel_that_was_added_gets_what_waits_for_it(where: Where, fleet: Fleet, receiver: Receiver) -> None:
    with receiving() as other:
        async with posting(where, fleet, ntfy(receiver)) as post:
            post.channels.append(ntfy(other, "other"))
            post.outboxes.refresh()
            result = await post.outboxes.test("other", "mia")
            assert (result.error, texts(other)[0].split(". ")[0]) == (
                "",
                "Test of other mia asked for this test of the channel other",
            )


async def test_a_channel_that_cannot_be_relied_on_is_named_at_the_start_and_once(
    where: Where, fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    async with posting(where, fleet, NtfyChannel("ntfy", "https://ntfy.sh", "alerts")) as post:
        await soon(lambda: "anybody can read and write https://ntfy.sh/alerts" in caplog.text)
        post.outboxes.refresh()
        await post.write(Event("boot", "virginia", AT))
        assert caplog.text.count("anybody can read") == 1


async def test_a_briefing_that_nobody_can_use_any_more_is_not_sent(
    where: Where, fleet: Fleet, receiver: Receiver
) -> None:
    message = {"title": "20 of 20 nodes up", "text": "no incident within the day"}
    async with posting(where, fleet, ntfy(receiver)) as post:
        await post.write(
            MessageQueued("briefing-1", "ntfy", "briefing", message, AT, AT + 1),
            MessageQueued("briefing-2", "ntfy", "briefing", message, AT, FAR),
        )
        await soon(lambda: post.outcomes() == {"briefing-1 ntfy": "expired", "briefing-2 ntfy": "sent"})
        assert [document["priority"] for _, document, _ in receiver.got] == [2]


async def test_what_waits_for_its_hours_goes_out_in_them(where: Where, fleet: Fleet, receiver: Receiver) -> None:
    due: list[int] = []
    route: Router = lambda _incident, _kind, _before: {"ntfy": due[0]}  # noqa: E731
    async with posting(where, fleet, ntfy(receiver), route=route) as post:
        due.append(now().wall + 700)
        await post.write(*opened(1))
        assert texts(receiver) == []
        await soon(lambda: texts(receiver))
        assert now().wall >= due[0]
        assert "late" not in texts(receiver)[0]


async def test_each_refusal_and_each_message_is_an_event_of_its_incident(
    where: Where, fleet: Fleet, receiver: Receiver
) -> None:
    refusals = iter([500, 500])
    receiver.behave = lambda: (next(refusals, 200), {}, 0)
    async with posting(where, fleet, ntfy(receiver)) as post:
        await post.write(*opened(1))
        await soon(lambda: set(post.outcomes().values()) == {"sent"})
        await soon(lambda: len(read_events(post.store.engine, after=0, limit=100)) == 2)
        found = read_events(post.store.engine, after=0, limit=100)
    assert [(each["kind"], each["incident"]) for each in found] == [("alert-failed", 1), ("alert-sent", 1)]
