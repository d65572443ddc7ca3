"""ntfy: a JSON document posted to the server's root, as its documentation's "Publish as JSON" says.

The header X-Sequence-ID carries the message's id: a server from 2.16 on shows a repetition as the same notification.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from noc.watch.alerts.channels import Level, Message, NotSent
from noc.watch.credentials import read_credential

TIMEOUT_S: Final = 10
LONGEST_RETRY_AFTER_S: Final = 300
MESSAGE_BYTES: Final = 4_096  # a longer text becomes an attachment, which most servers refuse
PRIORITIES: Final[dict[Level, int]] = {"SEV1": 5, "SEV2": 4, "recovery": 3, "notice": 3, "briefing": 2}
TAGS: Final[dict[Level, str]] = {
    "SEV1": "rotating_light",
    "SEV2": "warning",
    "recovery": "white_check_mark",
    "notice": "information_source",
    "briefing": "newspaper",
}


@dataclass(frozen=True)
class NtfyChannel:
    """One topic of one server.

    Attributes:
        credential: the name of the access token among HQ's credentials; None for none.
        ca_root: a file with the root to trust instead of the system's.
    """

    name: str
    url: str
    topic: str
    credential: str | None = None
    ca_root: Path | None = None

    async def send(self, message: Message) -> None:
        """Post one message; one connection, because alerts are rare. Raises NotSent."""
        import httpx  # noqa: PLC0415 - only an alert pays for it

        try:
            verify = ssl.create_default_context(cafile=self.ca_root)
            async with httpx.AsyncClient(verify=verify, timeout=TIMEOUT_S, trust_env=False) as client:
                answer = await client.post(self.url, json=document(message, self.topic), headers=self._headers(message))
        except OSError as error:
            raise NotSent(f"cannot read {self.ca_root}: {error.strerror or error}") from error
        except httpx.HTTPError as error:
            raise NotSent(f"{type(error).__name__}: {error}") from error
        if not answer.is_success:
            raise refusal(answer.status_code, answer.headers.get("Retry-After", ""))

    def _headers(self, message: Message) -> dict[str, str]:
        headers = {"X-Sequence-ID": message.id}
        token = read_credential(self.credential) if self.credential else ""
        if token and confidential(self.url):
            headers["Authorization"] = f"Bearer {token}"
        return headers


def document(message: Message, topic: str) -> dict[str, Any]:
    """The JSON document for one message. Actions carry nothing but what stands in the message itself."""
    actions = []
    if message.acknowledge:
        post = {"action": "http", "label": "Acknowledge", "url": message.acknowledge, "method": "POST", "clear": True}
        actions.append(post)
    if message.click:
        actions.append({"action": "view", "label": "Open", "url": message.click})
    text = message.text.encode()[:MESSAGE_BYTES].decode(errors="ignore")
    wanted = {
        "topic": topic,
        "title": message.title,
        "message": text,
        "priority": PRIORITIES[message.level],
        "tags": [TAGS[message.level]],
        "click": message.click,
        "actions": actions,
    }
    return {name: value for name, value in wanted.items() if value}


def refusal(status: int, retry_after: str) -> NotSent:
    """What an answer other than 2xx means: a message that is at fault holds up no other one."""
    denied = ": the access token is not good for this topic" if status in {401, 403} else ""
    return NotSent(
        f"ntfy answered {status}{denied}",
        after=_retry_after(retry_after),
        others=400 <= status < 500 and status not in {401, 403, 408, 429},
    )


def confidential(url: str) -> bool:
    """Whether a token may travel there: over TLS, or without leaving this machine."""
    return urlsplit(url).scheme == "https" or loopback(url)


def loopback(url: str) -> bool:
    """Whether an address leads to this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _retry_after(value: str) -> float:
    """Seconds, from either form of the header (RFC 9110, 10.2.3); 0 for what is neither."""
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_RETRY_AFTER_S)
    try:
        seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0
    return min(max(seconds, 0), LONGEST_RETRY_AFTER_S)
