"""What the API answers about what goes out to people: messages, channels, briefings."""

from typing import Literal

from pydantic import AwareDatetime

from noc.watch.api.operation import Part
from noc.watch.store.records import AlertKind, MessageKind, Outcome


class ChannelFinding(Part):
    """Something that is to be said of a channel's settings, with what mends it."""

    state: Literal["ok", "warn", "fail"]
    what: str
    fix: str


class Alert(Part):
    """One message on one channel, and what became of it: `told` was told with another message."""

    id: str
    channel: str
    kind: AlertKind | MessageKind
    failed_tries: int
    last_error: str | None
    due_at: AwareDatetime | None
    sent_at: AwareDatetime | None
    outcome: Literal["waiting"] | Outcome


class Words(Part):
    """What a message says that is about no incident: a briefing or a test."""

    title: str
    text: str


class QueuedAlert(Alert):
    """A message in the outbox.

    `incident` and `node` say what it is about, where it is about an incident; else `message` says all of it.
    """

    created_at: AwareDatetime
    incident: int | None
    node: str | None
    message: Words | None


class Outbox(Part):
    """What goes or went out, the newest first."""

    now: AwareDatetime
    timezone: str
    alerts: list[QueuedAlert]


class ChannelState(Part):
    """One channel: what its settings tell of it, and how it does."""

    name: str
    kind: Literal["ntfy", "apprise"]
    default: bool
    state: Literal["ok", "warn", "fail"]
    findings: list[ChannelFinding]
    waiting: int
    oldest_at: AwareDatetime | None
    sent_at: AwareDatetime | None
    last_error: str | None


class Channels(Part):
    """Every channel, the default one first."""

    now: AwareDatetime
    timezone: str
    channels: list[ChannelState]


class TestedChannel(Part):
    """What became of a test message; `error` says why it did not go out."""

    channel: str
    id: str
    sent: bool
    error: str | None
    took_s: float


class QueuedBriefing(Part):
    """A briefing that is on its way: its message's name."""

    id: str
