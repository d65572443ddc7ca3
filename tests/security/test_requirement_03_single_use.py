"""Requirement 3: an approval is good for one run, and a request for its time alone."""

from datetime import UTC, datetime, timedelta

import pytest

from bot_kit import ANNA, JAMES
from noc.runs.runner import starts
from security.chat_kit import Talk
from telegram_kit import GROUP


class Later(datetime):
    """A clock that is ahead by what a test says."""

    by = timedelta()

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + cls.by


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Later]:
    monkeypatch.setattr(starts, "datetime", Later)
    monkeypatch.setattr(Later, "by", timedelta())
    return Later


async def test_the_same_press_again_begins_nothing(talk: Talk) -> None:
    request = await talk.asked()
    assert "approved by anna" in await talk.press(ANNA, request, "Approve")
    await talk.chat.until(
        lambda: any("approved by anna" in said and "3 of 3" in said for said in talk.chat.said(GROUP))
    )
    for person in (ANNA, JAMES):
        assert "approved by" not in await talk.press(person, request, "Approve")
    assert len(talk.hq.runs()) == 1


async def test_after_its_time_a_press_begins_nothing_and_a_second_one_neither(talk: Talk, clock: type[Later]) -> None:
    request = await talk.asked()
    (waiting,) = talk.hq.waiting()
    clock.by = datetime.fromisoformat(waiting["expires"]) - datetime.now(UTC) + timedelta(seconds=1)
    for _ in range(2):
        assert "approved by" not in await talk.press(ANNA, request, "Approve")
    assert (talk.hq.runs(), talk.hq.waiting()) == ([], [])
