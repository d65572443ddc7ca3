"""Requirement 19: alerts outlive an outage of their channel, once each and in order; a storm is one message; what
nobody takes over is brought up again."""

from dataclasses import replace
from pathlib import Path

from judge_kit import alone
from noc.fleet.model import Fleet
from noc.watch.store.records import IncidentSaved
from unit.watch.test_outbox import AT, OPEN, ntfy, opened, posting, soon, texts
from watch_kit import Receiver


async def test_what_waited_out_an_outage_comes_once_each_and_in_order(
    tmp_path: Path, watched_fleet: Fleet, receiver: Receiver
) -> None:
    receiver.stop()
    async with posting(tmp_path / "watch.db", watched_fleet, ntfy(receiver)) as post:
        for record in opened(3):
            await post.write(record)
        await soon(lambda: len(post.rows()) == 3 and any(row["attempts"] for row in post.rows()))
        receiver.start()
        await soon(lambda: set(post.outcomes().values()) == {"sent"})
    said = "\n".join(texts(receiver))
    places = [said.index(f"node-{number}") for number in (1, 2, 3)]
    assert places == sorted(places)
    assert len(set(receiver.messages())) == len(receiver.messages())


async def test_21_nodes_down_at_once_are_one_message_that_names_them_all(
    tmp_path: Path, watched_fleet: Fleet, receiver: Receiver
) -> None:
    async with posting(tmp_path / "watch.db", watched_fleet, ntfy(receiver)) as post:
        await post.write(*opened(21))
        await soon(lambda: len(post.rows()) == 21 and set(post.outcomes().values()) <= {"sent", "told"})
        [said] = texts(receiver)
    assert "21 incidents" in said
    assert all(f"node-{number} " in said or f"node-{number}," in said for number in range(1, 22))


async def test_an_end_that_comes_during_the_outage_is_told_instead_of_its_beginning(
    tmp_path: Path, watched_fleet: Fleet, receiver: Receiver
) -> None:
    receiver.stop()
    async with posting(tmp_path / "watch.db", watched_fleet, ntfy(receiver)) as post:
        await post.write(IncidentSaved(OPEN, "opened"))
        over = replace(OPEN, ended=AT + 60_000, end_reason="heartbeats returned")
        await post.write(IncidentSaved(over, "closed"))
        await soon(lambda: any(row["attempts"] for row in post.rows()))
        receiver.start()
        await soon(lambda: set(post.outcomes().values()) <= {"sent", "told"} and texts(receiver))
    assert len(texts(receiver)) == 1


def test_what_nobody_takes_over_grows_and_is_brought_to_mind_and_what_somebody_did_is_not() -> None:
    left, taken = alone().push("frankfurt"), alone().push("frankfurt")
    left.wait(3_000)
    taken.wait(100).acknowledge(1).wait(2_900)
    assert [kind for kind, _ in left.told()] == ["opened", "escalated", "reminder", "reminder"]
    assert [kind for kind, _ in taken.told()] == ["opened", "acknowledged", "escalated"]
