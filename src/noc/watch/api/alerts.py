"""What goes out to people, through the API: the outbox, the channels, a test, briefings."""

import asyncio
from typing import Annotated, Any

from pydantic import Field

from noc.watch.access.caller import caller_of
from noc.watch.access.people import check_headquarters
from noc.watch.alerts.backlog import ChannelPast, read_channels
from noc.watch.alerts.briefer import About
from noc.watch.alerts.channels import Channel
from noc.watch.alerts.channels.apprise import AppriseChannel
from noc.watch.alerts.checks import findings
from noc.watch.api import outgoing
from noc.watch.api.nodes import Limit
from noc.watch.api.operation import Answer, Asked, Nothing, Operation, Part
from noc.watch.clock import iso, now
from noc.watch.service.watch import Watch
from noc.watch.store.queries import read_outbox

WORST = ("ok", "warn", "fail")
Line = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]


class WhichAlerts(Part):
    """Only what waits or everything, and at most how many."""

    waiting: bool = False
    limit: Limit = 100


class NewBriefing(Part):
    """What HQ has to tell: of what, its name, and in which words. The day's title is the watch's own."""

    about: About
    name: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
    title: Line = ""
    lines: Annotated[tuple[Line, ...], Field(max_length=12)] = ()


class AlertApi:
    """The handlers; the outboxes do the rest."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that is asked."""
        self._watch = watch

    def operations(self) -> list[Operation[Any, Any]]:
        """Their table."""
        return [
            Operation(
                method="GET",
                path="/api/v1/alerts",
                summary="Messages that wait or went out, the newest first, and what became of each.",
                role="viewer",
                query=WhichAlerts,
                handle=self.alerts,
                answers=outgoing.Outbox,
            ),
            Operation(
                method="GET",
                path="/api/v1/channels",
                summary="Every way to people: whether its settings are sound, what waits, and how it did last.",
                role="viewer",
                handle=self.channels,
                answers=outgoing.Channels,
            ),
            Operation(
                method="POST",
                path="/api/v1/channels/{name}/test",
                summary="Send a test through a channel's own outbox, and say what became of it.",
                role="operator",
                handle=self.test,
                answers=outgoing.TestedChannel,
            ),
            Operation(
                method="GET",
                path="/api/v1/briefing",
                summary="The day's briefing as it would be sent now.",
                role="viewer",
                handle=self.briefing,
                answers=outgoing.Words,
            ),
            Operation(
                method="POST",
                path="/api/v1/briefing",
                summary="Send a briefing; HQ itself asks for that, on its own socket.",
                role="operator",
                body=NewBriefing,
                handle=self.brief,
                answers=outgoing.QueuedBriefing,
            ),
        ]

    async def alerts(self, asked: Asked[WhichAlerts, Nothing]) -> Answer:
        """What waits or went out."""
        query, engine = asked.query, self._watch.store.engine
        rows = await asyncio.to_thread(read_outbox, engine, only_waiting=query.waiting, limit=query.limit)
        return self._stamped({"alerts": rows})

    async def channels(self, _asked: Asked[Nothing, Nothing]) -> Answer:
        """Every channel as it stands."""
        past = await asyncio.to_thread(read_channels, self._watch.store.engine)
        made = self._watch.outboxes.channels()
        found = await asyncio.to_thread(
            lambda: [channel_document(each, past.get(each.name, ChannelPast()), first=each is made[0]) for each in made]
        )
        return self._stamped({"channels": found})

    async def test(self, asked: Asked[Nothing, Nothing]) -> Answer:
        """Test a channel."""
        tested = await self._watch.outboxes.test(asked.name(), caller_of(asked.request).name)
        result = {"channel": tested.channel, "id": tested.id, "took_s": tested.took_s}
        return result | {"sent": not tested.error, "error": tested.error or None}

    async def briefing(self, _asked: Asked[Nothing, Nothing]) -> Answer:
        """What the briefing would say now."""
        return await self._watch.briefer.write(now().wall)

    async def brief(self, asked: Asked[Nothing, NewBriefing]) -> Answer:
        """Queue a briefing. Raises NotHeadquarters, StoreTrouble."""
        check_headquarters(caller_of(asked.request), "noc job run briefing, on HQ")
        body = asked.body
        return {"id": await self._watch.briefer.queue(body.about, body.name, body.title, body.lines)}

    def _stamped(self, document: dict[str, Any]) -> dict[str, Any]:
        return {"now": iso(now().wall), "timezone": self._watch.config.fleet.timezone} | document


def channel_document(channel: Channel, past: ChannelPast, *, first: bool) -> dict[str, Any]:
    """A channel as the API shows it. Reads credentials, and for Apprise loads the library."""
    found = findings(channel)
    return {
        "name": channel.name,
        "kind": "apprise" if isinstance(channel, AppriseChannel) else "ntfy",
        "default": first,
        "state": max((finding.state for finding in found), key=WORST.index),
        "findings": [{"state": each.state, "what": each.what, "fix": each.fix} for each in found],
        "waiting": past.waiting,
        "oldest_at": None if past.oldest is None else iso(past.oldest),
        "sent_at": None if past.sent is None else iso(past.sent),
        "last_error": past.error or None,
    }
