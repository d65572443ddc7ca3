"""`[witness]`, `[house]`, `[outside]`, `[dead_man]`: what HQ looks at with its own eyes, itself included, and who hears
when HQ falls silent. Intervals are seconds.
"""

from typing import Annotated

from pydantic import Field

from noc.fleet.part import Part

Interval = Annotated[float, Field(gt=0, le=3_600)]
Place = Annotated[str, Field(pattern=r"^((\d{1,3}\.){3}\d{1,3}:\d{1,5}|https://[!-z]+)$", max_length=300)]


class Witness(Part):
    """The second witness: HQ asks the public address of each live node.

    Attributes:
        interval: from one look at a node to the next.
        recheck: after a look that failed, for as long as the node had been well before.
        not_public: nodes that serve nobody but through the tunnel, or "all"; they are not asked.
    """

    interval: Interval = 60
    recheck: Interval = 15
    not_public: tuple[Annotated[str, Field(max_length=32)], ...] = ()


class House(Part):
    """HQ's own telemetry.

    Attributes:
        interval: from one sample to the next.
        outbox_stuck: an alert that waits for longer keeps the dead man's signal from being given.
    """

    interval: Interval = 30
    outbox_stuck: Interval = 300


class Outside(Part):
    """Two addresses that are none of ours: where both fail at once, HQ or its uplink is at fault, and not the nodes.

    Attributes:
        addresses: `IP:PORT`, which has to take a TCP connection, or an `https://` address, which has to answer at all.
        interval: from one try to the next.
    """

    addresses: Annotated[tuple[Place, ...], Field(max_length=8)] = ()
    interval: Interval = 30


class DeadMan(Part):
    """HQ's own sign of life to somebody outside. Where to is a secret: the credential `dead_man_url`.

    Attributes:
        interval: from one signal to the next; the one who listens should wait for two of them.
        ca_root: file with a further root that the receiver's certificate may hang on, in the fleet directory.
    """

    interval: Interval = 60
    ca_root: str | None = None
