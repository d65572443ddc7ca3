"""ntfy: a JSON document posted to the server's root, as its documentation's "Publish as JSON" says.

The header X-Sequence-ID carries the message's id: a server from 2.16 on shows a repetition as the same notification.
"""

import os
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from noc.fleet.model import Ntfy
from noc.watch.alerts.channels import Message, NotSent

TIMEOUT_S: Final = 10
LONGEST_RETRY_AFTER_S: Final = 300
PRIORITIES: Final = {"SEV1": 5, "SEV2": 4, "recovery": 3}
TAGS: Final = {"SEV1": "rotating_light", "SEV2": "warning", "recovery": "white_check_mark"}


class NtfyChannel:
    """The fleet's ntfy topic."""

    name = "ntfy"

    def __init__(self, settings: Callable[[], tuple[Ntfy, Path]]) -> None:
        """Take where to find the settings: they may change when the fleet file is read again.

        Args:
            settings: the fleet's ntfy part, and the directory that its `ca_root` is relative to.
        """
        self._settings = settings

    async def send(self, message: Message) -> None:
        """Post one message; one connection, because alerts are rare. Raises NotSent."""
        import httpx  # noqa: PLC0415 - only an alert pays for it

        ntfy, directory = self._settings()
        try:
            verify = ssl.create_default_context(cafile=directory / ntfy.ca_root if ntfy.ca_root else None)
            async with httpx.AsyncClient(verify=verify, timeout=TIMEOUT_S, trust_env=False) as client:
                answer = await client.post(
                    ntfy.url, json=document(message, ntfy.topic), headers=_headers(message, ntfy)
                )
        except OSError as error:
            raise NotSent(f"cannot read {ntfy.ca_root}: {error.strerror or error}") from error
        except httpx.HTTPError as error:
            raise NotSent(f"{type(error).__name__}: {error}") from error
        if not answer.is_success:
            raise NotSent(
                f"ntfy answered {answer.status_code}",
                after=_retry_after(answer.headers.get("Retry-After", "")),
                others=400 <= answer.status_code < 500 and answer.status_code not in {401, 403, 408, 429},
            )


def document(message: Message, topic: str) -> dict[str, Any]:
    """The JSON document for one message."""
    return {
        "topic": topic,
        "title": message.title,
        "message": message.text,
        "priority": PRIORITIES[message.level],
        "tags": [TAGS[message.level]],
        "click": message.click,
    }


def _headers(message: Message, ntfy: Ntfy) -> dict[str, str]:
    headers = {"X-Sequence-ID": message.id}
    token = _token()
    if token and _confidential(ntfy.url):
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _token() -> str:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return ""
    try:
        return (Path(directory) / "ntfy_token").read_text().strip()
    except FileNotFoundError:
        return ""


def _confidential(url: str) -> bool:
    """Whether a token may travel there: over TLS, or without leaving this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _retry_after(value: str) -> float:
    return min(float(value), LONGEST_RETRY_AFTER_S) if value.isascii() and value.isdigit() else 0
