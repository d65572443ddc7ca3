"""The lease in one process: who gets it, who loses it, and what is said of it."""

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from noc.runs.admission.errors import LeaseLost, LeaseUnreadable
from noc.runs.admission.exclusive import exclusive
from noc.runs.admission.fence import raise_fence
from noc.runs.admission.grant import Grant, Standing, describe, explain, read_lease
from noc.runs.admission.holder import Holder, uptime
from noc.runs.admission.lease import Lease
from noc.runs.errors import FleetBusy

LONG_S = 600.0
KEPT_S = 3.0
QUICK_S = 0.15


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lease.json"


async def acquire(path: Path, run: str = "A", ttl_s: float = LONG_S, **more: Any) -> Lease:
    holder = Holder.this_process("johan")
    return await Lease.acquire(path, path.with_name("fence"), holder, what="deploy 1.4.2", run=run, ttl_s=ttl_s, **more)


def found(path: Path) -> Grant:
    grant = read_lease(path)
    assert grant is not None
    return grant


def rewrite(path: Path, **changes: Any) -> None:
    """Write a lease as another process would have left it."""
    grant = found(path)
    path.write_text(grant.model_copy(update=changes).model_dump_json())


def damage(path: Path) -> None:
    path.write_text('{"holder": ')


def of_the_past(path: Path) -> None:
    rewrite(path, beat=uptime() - 2 * LONG_S)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for is a file
            await asyncio.sleep(0.01)


async def test_a_lease_tells_who_holds_it_for_what(path: Path) -> None:
    lease = await acquire(path)
    grant = found(path)
    assert (grant.holder.user, grant.holder.pid, grant.what, grant.run) == ("johan", os.getpid(), "deploy 1.4.2", "A")
    assert grant.fence == lease.fence == 1
    assert grant.standing is Standing.HELD


async def test_while_it_stands_another_is_refused_with_its_holder(path: Path) -> None:
    await acquire(path)
    with pytest.raises(FleetBusy) as caught:
        await acquire(path, "B")
    assert "johan's run A (deploy 1.4.2, fence 1) holds the lease since" in caught.value.why
    assert "noc run show A --follow" in caught.value.fix
    assert found(path).run == "A"


async def test_a_refusal_takes_no_fence_number(path: Path) -> None:
    lease = await acquire(path)
    with pytest.raises(FleetBusy):
        await acquire(path, "B")
    lease.release()
    assert (await acquire(path, "C")).fence == 2


async def test_what_was_released_is_free(path: Path) -> None:
    (await acquire(path)).release()
    assert read_lease(path) is None
    await acquire(path, "B")


async def test_a_lease_that_has_expired_is_taken_over_with_a_higher_fence(path: Path) -> None:
    await acquire(path)
    of_the_past(path)
    assert (await acquire(path, "B")).fence == 2


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "another"}, {"pid": 2**22 + 1}])
async def test_a_lease_whose_process_is_gone_is_taken_over_at_once(path: Path, change: dict[str, Any]) -> None:
    await acquire(path)
    rewrite(path, holder=found(path).holder.model_copy(update=change))
    assert found(path).standing is Standing.GONE
    assert (await acquire(path, "B")).fence == 2


async def test_a_clock_that_is_set_ends_no_lease(path: Path) -> None:
    await acquire(path)
    past = datetime.now(UTC) - timedelta(days=365)
    rewrite(path, acquired=past, heartbeat=past, expires=past)
    assert found(path).standing is Standing.HELD


async def test_a_restored_hq_begins_above_what_nodes_have_seen(path: Path) -> None:
    raise_fence(path.with_name("fence"), 41)
    assert (await acquire(path)).fence == 42


async def test_a_holder_that_slept_through_its_expiry_knows_by_itself(path: Path) -> None:
    lease = await acquire(path, ttl_s=QUICK_S)
    await asyncio.sleep(2 * QUICK_S)
    with pytest.raises(LeaseLost, match=r"run A has lost its lease: its last heartbeat was"):
        lease.check()


async def test_an_expired_lease_is_not_renewed(path: Path) -> None:
    lease = await acquire(path, ttl_s=QUICK_S)
    await asyncio.sleep(2 * QUICK_S)
    with pytest.raises(LeaseLost):
        lease.renew()


async def test_a_holder_sees_who_has_taken_over(path: Path) -> None:
    lease = await acquire(path)
    of_the_past(path)
    await acquire(path, "B")
    with pytest.raises(LeaseLost, match="johan's run B holds it by now, with fence 2"):
        lease.check()


@pytest.mark.parametrize("harm", [os.unlink, damage])
async def test_a_holder_whose_file_is_gone_or_damaged_does_not_act(path: Path, harm: Callable[[Path], Any]) -> None:
    lease = await acquire(path)
    lease.check()
    harm(path)
    with pytest.raises(LeaseLost):
        lease.check()


async def test_release_leaves_what_is_anothers(path: Path) -> None:
    lease = await acquire(path)
    of_the_past(path)
    await acquire(path, "B")
    lease.release()
    assert found(path).run == "B"


async def test_a_damaged_lease_keeps_runs_out_and_says_what_to_do(path: Path) -> None:
    damage(path)
    with pytest.raises(LeaseUnreadable, match=f"rm {path}"):
        await acquire(path)


async def test_heartbeats_move_the_expiry_before_it_comes(path: Path) -> None:
    lease = await acquire(path, ttl_s=KEPT_S)
    first = found(path)
    async with lease.kept(pytest.fail):
        await eventually(lambda: found(path).beat > first.beat + KEPT_S / 2)
        assert found(path).expires > first.expires
        lease.check()


async def test_the_end_of_a_run_releases_whatever_it_was(path: Path) -> None:
    lease = await acquire(path)
    with pytest.raises(ZeroDivisionError):
        async with lease.kept(pytest.fail):
            raise ZeroDivisionError
    assert read_lease(path) is None


async def test_a_cancelled_run_releases(path: Path) -> None:
    lease, begun = await acquire(path), asyncio.Event()

    async def run() -> None:
        async with lease.kept(pytest.fail):
            begun.set()
            await asyncio.sleep(LONG_S)

    task = asyncio.create_task(run())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert read_lease(path) is None


async def test_the_run_hears_that_its_lease_is_lost(path: Path) -> None:
    lease, lost = await acquire(path, ttl_s=QUICK_S), asyncio.Event()
    async with lease.kept(lost.set):
        damage(path)
        await asyncio.wait_for(lost.wait(), 10)


async def test_a_heartbeat_that_cannot_be_written_is_tried_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lease = await acquire(path, ttl_s=KEPT_S)
    first, full = found(path), path.with_name(".lease.json.1")
    full.mkdir()
    with caplog.at_level(logging.WARNING):
        async with lease.kept(pytest.fail):
            await eventually(lambda: "could not be written" in caplog.text)
            full.rmdir()
            await eventually(lambda: found(path).beat > first.beat)


async def test_one_who_waits_gets_the_lease_when_it_is_released(path: Path) -> None:
    lease, said = await acquire(path), asyncio.Queue[str]()
    waiting = asyncio.create_task(acquire(path, "B", wait_s=60, progress=said.put_nowait))
    assert (await asyncio.wait_for(said.get(), 10)).startswith("waiting for 1 min at most: johan's run A")
    lease.release()
    assert (await asyncio.wait_for(waiting, 10)).fence == 2


async def test_one_who_waits_is_refused_at_the_deadline(path: Path) -> None:
    await acquire(path)
    with pytest.raises(FleetBusy):
        await asyncio.wait_for(acquire(path, "B", wait_s=0.2), 10)


async def test_a_lease_that_comes_when_nobody_wants_it_any_more_is_given_back(path: Path) -> None:
    with exclusive(path.with_suffix(".lock")):
        asking = asyncio.create_task(acquire(path))
        await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await eventually(lambda: path.with_name("fence").exists() and not path.exists())


async def test_a_lease_is_written_with_no_trace_of_a_half_one(path: Path) -> None:
    await acquire(path)
    assert {entry.name for entry in path.parent.iterdir()} == {"lease.json", "lease.lock", "fence", "fence.lock"}


def test_nobody_holds_it_in_one_sentence() -> None:
    assert explain(None, datetime.now(UTC)) == "nobody holds the lease: a run may begin"


async def sentence(path: Path, **changes: Any) -> str:
    """What is said in a zone two hours ahead of UTC of a lease taken at 12:00 UTC, with a heartbeat 4 s ago."""
    await acquire(path, ttl_s=30)
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    rewrite(path, **{"acquired": noon, "beat": uptime() - 4, **changes})
    return explain(read_lease(path), noon.astimezone(timezone(timedelta(hours=2), "CEST")))


async def test_a_lease_that_stands_is_explained_in_one_sentence(path: Path) -> None:
    assert await sentence(path) == (
        "johan's run A (deploy 1.4.2, fence 1) holds the lease since Mon 2026-06-01 14:00:00 CEST (12:00:00 UTC), "
        "heartbeat 4 s ago, expires in 26 s; follow it with noc run show A --follow, or stop it with noc halt"
    )


async def test_an_expired_lease_is_explained_in_one_sentence(path: Path) -> None:
    said = await sentence(path, beat=uptime() - 90)
    assert f"let its lease expire: process {os.getpid()} on " in said
    assert said.endswith("is silent for 1 min 30 s, 30 s are allowed; the next run takes over")


async def test_a_dead_holder_is_explained_in_one_sentence(path: Path) -> None:
    gone = Holder(user="johan", host="zurich", pid=7, started=1, boot="another")
    said = await sentence(path, holder=gone)
    assert said.endswith("but its process 7 on zurich is gone; the next run takes over at once")


async def test_a_document_has_the_lease_its_standing_and_the_sentence(path: Path) -> None:
    await acquire(path)
    document = describe(read_lease(path), datetime.now(UTC))
    assert (document["lease"]["fence"], document["standing"]) == (1, "held")
    assert describe(None, datetime.now(UTC))["standing"] == "free"
