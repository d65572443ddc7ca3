"""Apprise: Telegram, Discord, e-mail, webhooks and some hundred other services, each by one address.

The address holds the secret, so it is a credential of HQ and never stands in the fleet file. TLS is verified: an
address that asks for less is refused, and no redirect is followed, which could lead away from it.
"""

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from noc.watch.alerts.channels import Level, Message, NotSent
from noc.watch.alerts.channels.ntfy import loopback
from noc.watch.credentials import read_credential

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

TIMEOUT_S: Final = 15
TOO_MANY_PAUSE_S: Final = 60
KINDS: Final[dict[Level, str]] = {
    "SEV1": "failure",
    "SEV2": "warning",
    "recovery": "success",
    "notice": "info",
    "briefing": "info",
}
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")


class Unfit(Exception):
    """An address that nothing may be sent to; the text says why and holds no secret."""


@dataclass(frozen=True)
class AppriseChannel:
    """One service that Apprise knows; `credential` names its address among HQ's credentials."""

    name: str
    credential: str

    async def send(self, message: Message) -> None:
        """Hand one message to the service. Raises NotSent."""
        await asyncio.to_thread(self._send, message)  # the library is made of blocking calls

    def _send(self, message: Message) -> None:
        from apprise import Apprise  # noqa: PLC0415 - large, and only such a channel needs it

        try:
            service = service_at(read_credential(self.credential))
        except Unfit as error:
            raise NotSent(f"credential {self.credential}: {error}") from error
        told = Apprise(asset=_asset())
        told.add(service)
        result = told.notify(
            title=message.title, body=body(message), notify_type=KINDS[message.level], timeout=TIMEOUT_S
        )
        if not result:
            raise refusal(str(service.service_name), result)


def body(message: Message) -> str:
    """The message's text, with its links in lines of their own: not every service has buttons."""
    links = [f"Acknowledge: {message.acknowledge}"] * bool(message.acknowledge) + [message.click] * bool(message.click)
    return "\n".join([message.text, *links])


def service_at(address: str) -> "NotifyBase":
    """What Apprise makes of an address.

    Raises:
        Unfit: it is missing or unknown, or would send in the clear or to a server that is not verified.
    """
    from apprise import Apprise  # noqa: PLC0415

    _keep_quiet()
    if not address:
        raise Unfit("HQ has no such credential, or it is empty")
    service = Apprise.instantiate(address, asset=_asset(), suppress_exceptions=True)
    if service is None:
        raise Unfit("Apprise does not understand the address")
    if not service.verify_certificate:
        raise Unfit("the address turns the verification of certificates off")
    if in_the_clear(address, service) and not loopback(f"//{getattr(service, 'smtp_host', '') or service.host}"):
        scheme = address.partition(":")[0].lower()
        raise Unfit(f"this {scheme}:// sends in the clear; take the form of it that uses TLS")
    return service


def in_the_clear(address: str, service: "NotifyBase") -> bool:
    """Whether a message would travel without TLS: by the scheme, or by e-mail's `mode=insecure`."""
    scheme, plain = address.partition(":")[0].lower(), service.protocol or ()
    without: set[str] = {plain} if isinstance(plain, str) else set(plain)
    return scheme in without or getattr(service, "secure_mode", None) == "insecure"


def refusal(service: str, result: Any) -> NotSent:  # noqa: ANN401 - apprise.AppriseResult, whose module is not imported
    """What a failure means. Of the library's own log only the status is told: a line of it could hold the address."""
    found = [_STATUS.search(entry.message) for entry in result.logs()]
    statuses = [int(match[1]) for match in found if match]
    if not statuses:
        timed_out = result.status.name == "TIMEOUT"
        return NotSent(f"{service}: " + (f"no answer within {TIMEOUT_S} s" if timed_out else "not delivered"))
    status = statuses[-1]
    at_fault = 400 <= status < 500 and status not in {401, 403, 404, 408, 429}
    return NotSent(f"{service} answered {status}", after=TOO_MANY_PAUSE_S if status == 429 else 0, others=at_fault)


def _keep_quiet() -> None:
    """Keep the library's log out of ours: it repeats an address that it cannot read."""
    logging.getLogger("apprise").propagate = False


def _asset() -> "AppriseAsset":
    """The library without its own name and pictures in messages, without files, and without redirects."""
    from apprise import AppriseAsset  # noqa: PLC0415

    return AppriseAsset(
        app_id="noc",
        app_desc="noc",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        storage_mode="memory",
        http_redirects=False,
    )
