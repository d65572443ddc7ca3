"""HQ's own sign of life to somebody outside, given only while the watch truly works.

Where to is a secret, the credential `dead_man_url`: an address of Healthchecks (its "Pinging API": any request counts),
or of Uptime Kuma's push monitor or of another `noc watch` (`/api/push/TOKEN`), which get the parameters of that wire.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from noc.hosts.web import words
from noc.watch.clock import Moment, now
from noc.watch.config import Config
from noc.watch.credentials import read_credential
from noc.watch.errors import BadDeadManAddress

log = logging.getLogger(__name__)

CREDENTIAL: Final = "dead_man_url"
WITHIN_S: Final = 10.0
SOON_S: Final = 5.0
"""So long after the start all parts of the watch have begun to work; so long after a sign that failed comes another."""
PUSH_PATH: Final = "/api/push/"


class DeadMan:
    """Gives the sign.

    Attributes:
        trouble: why the last sign was not given or not taken, "" where it was.
    """

    def __init__(self, config: Callable[[], Config], ailing: Callable[[Moment], str]) -> None:
        """Prepare.

        Args:
            config: the fleet as it is now.
            ailing: what keeps the watch from working at that moment, in words; "" for nothing.
        """
        self._config, self._ailing = config, ailing
        self._heard: float | None = None
        self._boot, self._seq = os.urandom(8).hex(), 0
        self.trouble = ""

    def silent_s(self, moment: Moment) -> float | None:
        """For how many seconds nobody outside has taken a sign; None where none is to be given."""
        return None if self._heard is None else moment.mono - self._heard

    async def run(self) -> None:
        """Give the sign until cancelled; at once end where HQ has no address for it."""
        if not read_credential(CREDENTIAL):
            return
        self._heard = now().mono
        pause = SOON_S
        while True:
            interval = self._config().fleet.dead_man.interval
            await asyncio.sleep(min(pause, interval))
            trouble = await self._sign()
            if trouble and trouble != self.trouble:
                log.warning("no sign of life was given: %s", trouble)
            self.trouble = trouble
            pause = SOON_S if trouble else interval

    async def _sign(self) -> str:
        """Give one sign; why not, in words that do not name the address, "" where it was taken."""
        moment = now()
        if ailment := self._ailing(moment):
            return ailment
        try:
            url = address(read_credential(CREDENTIAL), {"seq": str(self._seq), "boot": self._boot, "t": _stamp(moment)})
        except BadDeadManAddress as refusal:
            return str(refusal)
        self._seq += 1
        trouble = await self._send(url)
        if not trouble:
            self._heard = now().mono
        return trouble

    async def _send(self, url: str) -> str:
        import httpx  # noqa: PLC0415 - only who has such an address pays for it

        config = self._config()
        root = config.fleet.dead_man.ca_root
        try:
            context = ssl.create_default_context()
            if root:
                context.load_verify_locations(config.directory / root)
            async with asyncio.timeout(WITHIN_S):
                async with httpx.AsyncClient(verify=context, timeout=WITHIN_S, trust_env=False) as client:
                    answer = await client.get(url)
        except TimeoutError:
            return f"no answer within {WITHIN_S:g} s"
        except (OSError, httpx.HTTPError) as error:
            return words(error)
        return "" if answer.is_success else f"the receiver answered {answer.status_code}"


def address(url: str, parameters: dict[str, str]) -> str:
    """Where one sign goes.

    Args:
        url: the credential.
        parameters: what a push monitor gets to know beside `status=up&msg=OK`; any other receiver gets none.

    Raises:
        BadDeadManAddress: it is no address, or leads over an open network without TLS. The message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _bad("it is no address") from None
    if not host or not url.isprintable() or " " in url or parts.scheme not in {"http", "https"}:
        raise _bad("it is no http:// or https:// address")
    if parts.scheme == "http" and not _private(host):
        raise _bad("it leads over an open network without TLS")
    if PUSH_PATH not in parts.path:
        return url
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit(parts._replace(query=urlencode({"status": "up", "msg": "OK", "ping": "", **given, **parameters})))


def _private(host: str) -> bool:
    """Whether plain HTTP may go there: this machine, a tunnel, a network of one's own."""
    with suppress(ValueError):
        return ip_address(host).is_private
    return host == "localhost"


def _bad(why: str) -> BadDeadManAddress:
    return BadDeadManAddress(
        f"{CREDENTIAL} cannot be used", why=why, fix=f"noc hub secret set {CREDENTIAL}, with an https:// address"
    )


def _stamp(moment: Moment) -> str:
    return f"{moment.wall / 1000:.3f}"
