"""HQ's own telemetry as part of a running watch: what a sample holds, where it goes, and when HQ is not well."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text

from noc.watch.alerts.channels.making import make_channels
from noc.watch.clock import Moment, now
from noc.watch.config import Config
from noc.watch.house.house import HELD_UP_S, UNWRITTEN_S, House, Sample
from noc.watch.service.watch import Watch
from noc.watch.store.database import Store
from noc.watch.store.queries import read_heartbeats
from noc.watch.store.records import Beat, MessageQueued
from watch_kit import until_true, write_fleet


class Stage:
    """A running watch, its house, and the samples that were told."""

    def __init__(self, tmp_path: Path) -> None:
        self.config = Config.read(write_fleet(tmp_path / "fleet"))
        self.store = Store(tmp_path / "watch.db")
        made = lambda config: make_channels(config.fleet, config.directory)  # noqa: E731
        self.watch = Watch(self.config, self.store, lambda: self.config, made)
        self.told: list[Sample] = []
        self.backups = tmp_path / "backups"
        self.house = House(self.watch, lambda sample, _: self.told.append(sample), backups=self.backups)

    def ailing(self, **later: float) -> str:
        """What is said at a moment that lies so many seconds ahead."""
        moment = now()
        return self.house.ailing(Moment(moment.mono + later.get("later", 0), moment.wall))


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    await stage.watch.start()
    try:
        yield stage
    finally:
        await stage.watch.stop()
        stage.store.close()


async def test_a_sample_holds_what_is_known_and_leaves_out_what_is_not(tmp_path: Path) -> None:
    async with running(tmp_path) as stage:
        sample = await stage.house.sample(now())
    assert {"disk_pct", "ram_pct", "uptime_s", "outbox_age_s"} <= sample.keys()
    assert not {"backup_age_s", "disk_days_left", "cert_days_remaining"} & sample.keys()


async def test_backups_are_judged_from_the_day_on_which_they_are_made(tmp_path: Path) -> None:
    async with running(tmp_path) as stage:
        stage.backups.mkdir()
        assert (await stage.house.sample(now()))["backup_age_s"] >= 0


async def test_ages_that_others_know_are_in_the_sample(tmp_path: Path) -> None:
    async with running(tmp_path) as stage:
        stage.house.ages = {"witness_age_s": lambda _: 4.0, "dead_man_age_s": lambda _: None}
        sample = await stage.house.sample(now())
    assert (sample["witness_age_s"], "dead_man_age_s" in sample) == (4.0, False)


async def test_three_nodes_clocks_tell_how_far_hqs_own_is_off(tmp_path: Path) -> None:
    async with running(tmp_path) as stage:
        for name in stage.config.nodes:
            moment = now()
            await stage.watch.take(Beat(name, moment.wall, boot="b", seq=1, sent=moment.wall - 7_000), moment)
        assert (await stage.house.sample(now()))["clock_offset_s"] == 7


async def test_each_sample_is_judged_and_stored_under_hqs_name(tmp_path: Path) -> None:
    async with running(tmp_path) as stage:
        task = asyncio.create_task(stage.house.run())
        await until_true(lambda: read_heartbeats(stage.store.engine, "zurich", 9))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        (stored,) = read_heartbeats(stage.store.engine, "zurich", 9)
    assert stored["telemetry"] == stage.told[0]


async def test_a_sample_is_judged_even_where_it_cannot_be_stored(tmp_path: Path) -> None:
    async with running(tmp_path) as stage:
        stage.watch.broken = True
        task = asyncio.create_task(stage.house.run())
        await until_true(lambda: stage.told)
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_watch_that_judges_writes_and_tells_does_not_ail(tmp_path: Path) -> None:
    async with running(tmp_path) as stage:
        await stage.house.sample(now())
        await until_true(lambda: stage.ailing() == "")


async def test_a_watch_that_stopped_judging_or_writing_ails(tmp_path: Path) -> None:
    async with running(tmp_path) as stage:
        await stage.house.sample(now())
        await until_true(lambda: stage.ailing() == "")
        assert "judged" in stage.ailing(later=HELD_UP_S + 2)
        stage.watch.judged = float("inf")
        assert "written" in stage.ailing(later=UNWRITTEN_S + 12)
        stage.watch.broken = True
        assert "database" in stage.ailing()


async def test_an_alert_that_waits_too_long_makes_hq_ail(tmp_path: Path) -> None:
    async with running(tmp_path) as stage:
        waits = MessageQueued(
            "a", "ntfy", "test", {"title": "", "text": "", "level": "SEV2"}, now().wall - 301_000, 2**50
        )
        await stage.watch.save([waits])
        await stage.house.sample(now())
        await until_true(lambda: "an alert has been waiting for" in stage.ailing())


async def test_an_outbox_that_cannot_be_read_makes_hq_ail(tmp_path: Path) -> None:
    async with running(tmp_path) as stage:
        await stage.house.sample(now())
        with stage.store.engine.begin() as connection:
            connection.execute(text("ALTER TABLE outbox RENAME TO elsewhere"))
        sample = await stage.house.sample(now())
        assert "outbox_age_s" not in sample
        await until_true(lambda: "not known" in stage.ailing())
