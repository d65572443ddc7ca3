"""HQ's own certificates: those of its public names, as its own proxy shows them."""

from ipaddress import IPv4Address
from typing import Final

from noc.hosts.web import Health, Web
from noc.watch.clock import Moment
from noc.watch.config import Config

HERE: Final = IPv4Address("127.0.0.1")
DAY_MS: Final = 86_400_000


async def days_remaining(web: Web, config: Config, moment: Moment) -> float | None:
    """For how many days the first of HQ's certificates is still good; None where its proxy shows none.

    Args:
        web: whom to trust.
        config: HQ's names.
        moment: now.
    """
    names = [f"{name}.{config.fleet.domain}" for name in config.fleet.hub.names]
    seen = [good_for(await web.health(name, HERE), moment.wall) for name in names]
    return min((days for days in seen if days is not None), default=None)


def good_for(health: Health, wall: int) -> float | None:
    """Days for which the certificate behind an answer is good: 0 where it does not hold, None where there was none."""
    if health.certificate_ends is not None:
        return (health.certificate_ends.timestamp() * 1000 - wall) / DAY_MS
    return 0.0 if health.stage == "certificate" else None
