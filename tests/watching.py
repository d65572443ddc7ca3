"""A watch in the test's own process, without a listener around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from noc.watch.alerts.channels import Channel
from noc.watch.config import Config
from noc.watch.service.watch import Watch
from noc.watch.store.database import Store
from noc.watch.store.engine import Where
from watch_kit import to, write_fleet


@asynccontextmanager
async def watching(
    folder: Path,
    *channels: Channel,
    push_interval: float = 30,
    fleet: Path | None = None,
    where: Where | None = None,
) -> AsyncIterator[Watch]:
    """A watch of three live nodes, or of a fleet directory, that tells everything on these channels.

    Its database is a file in the folder where `where` names none.
    """
    fleet = fleet or write_fleet(folder / "fleet", push_interval=push_interval)
    store = Store(where or folder / "watch.db", to(*(channel.name for channel in channels)))
    watch = Watch(Config.read(fleet), store, lambda: Config.read(fleet), lambda _config: channels)
    await watch.start()
    try:
        yield watch
    finally:
        await watch.stop()
        store.close()
