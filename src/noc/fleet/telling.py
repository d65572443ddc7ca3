"""Who hears what, when: `[[channel]]`, `[[route]]` and `[briefing]`.

The fleet's `[ntfy]` part is the channel called ntfy, and the default one: an alert that no route takes goes there.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from noc.fleet.part import Part

DEFAULT_CHANNEL: Final = "ntfy"

ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$")]
Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
DAYS: Final[tuple[Day, ...]] = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EVERY_DAY: Final = "00:00-24:00"


class Channel(Part):
    """One way to people, beside the default one.

    Attributes:
        kind: `ntfy`, with `url` and `topic`; or `apprise`, whose whole address is a secret.
        credential: the file in HQ's credentials: the access token of ntfy, or the address that Apprise takes. It may
            be left out for ntfy alone.
        ca_root: a certificate to trust instead of the system's, relative to the fleet directory.
    """

    name: ChannelName
    kind: Literal["ntfy", "apprise"]
    credential: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")] | None = None
    url: Annotated[str, Field(pattern=r"^https?://[!-z]+$", max_length=500)] | None = None
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    ca_root: str | None = None


class Route(Part):
    """What goes where, and when. An alert takes every route that names its severity.

    Attributes:
        hours: from and until, as clocks in `zone` show them; across midnight where the end is the earlier one.
        zone: an IANA name; "" for the fleet's own.
        otherwise: outside of these hours `wait` for them, or the name of another channel that is told at once.
    """

    severities: Annotated[tuple[Literal["SEV1", "SEV2"], ...], Field(min_length=1)]
    channels: Annotated[tuple[ChannelName, ...], Field(min_length=1)]
    hours: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")] = EVERY_DAY
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    zone: str = ""
    otherwise: ChannelName = "wait"


class Briefing(Part):
    """Where short messages go, at low priority, that tell what changed and what needs a person.

    One comes after each deployment and each milestone; when the day's comes, the job `briefing` of `[[schedule]]` says.
    """

    channel: ChannelName = DEFAULT_CHANNEL
