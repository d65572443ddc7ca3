"""The requirements' tests use the fleets, runners, nodes and servers of the tests of the rooms that meet them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot_kit import Hq, headquarters
from security.chat_kit import Talk, talking
from unit.agent.test_bot_conversations import quick
from unit.agent.test_discord_conversations import service
from unit.cloud.conftest import aws, no_waiting
from unit.hosts.conftest import tree
from unit.hosts.test_ssh import start
from unit.runs.conftest import closed_journals, fleet, house, paths, quick_looks, world
from unit.runs.test_certificate_escrow import escrow, person
from unit.runs.test_lease_processes import begin
from unit.runs.test_principals_door import hall
from unit.watch.test_outbox import _impatient as impatient
from unit.watch.test_outbox import fleet as watched_fleet
from unit.watch.test_outbox import receiver

__all__ = [
    "aws",
    "begin",
    "closed_journals",
    "escrow",
    "fleet",
    "hall",
    "house",
    "impatient",
    "no_waiting",
    "paths",
    "person",
    "quick",
    "quick_looks",
    "receiver",
    "service",
    "start",
    "tree",
    "watched_fleet",
    "world",
]


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hq]:
    """A runner with people who have chats, and a release that may be rolled out."""
    with headquarters(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
async def talk(hq: Hq, tmp_path: Path) -> AsyncIterator[Talk]:
    """The bot at work at Telegram, and the people there."""
    async with talking(hq, tmp_path) as made:
        yield made
