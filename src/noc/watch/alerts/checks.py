"""Whether the channels of a fleet can be relied on, as far as their settings and their credentials tell."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from noc.watch.alerts.channels import Channel
from noc.watch.alerts.channels.apprise import AppriseChannel, Unfit, service_at
from noc.watch.alerts.channels.ntfy import NtfyChannel, confidential, loopback
from noc.watch.credentials import exposed, read_credential

UNGUESSABLE_CHARS: Final = 16
_RANDOM: Final = re.compile(rf"[A-Za-z0-9]{{{UNGUESSABLE_CHARS},}}")


@dataclass(frozen=True)
class Finding:
    """What was found of a channel, with what mends it ("" where all is well)."""

    channel: str
    state: Literal["ok", "warn", "fail"]
    what: str
    fix: str = ""


def findings(channel: Channel) -> list[Finding]:
    """Everything that is to be said of a channel's settings; one that says ok where that is nothing."""
    match channel:
        case NtfyChannel():
            token = read_credential(channel.credential) if channel.credential else ""
            found = [*ntfy_findings(channel, has_token=bool(token)), *_exposure(channel.name, channel.credential)]
        case AppriseChannel():
            found = [*_apprise_findings(channel), *_exposure(channel.name, channel.credential)]
        case _:
            found = []
    return found or [Finding(channel.name, "ok", "its settings are sound")]


def ntfy_findings(channel: NtfyChannel, *, has_token: bool) -> Iterator[Finding]:
    """The name of a topic is all that protects it where no token is asked for: whoever knows it reads and writes."""
    name, secret = channel.name, channel.credential or "ntfy_token"
    if has_token and not confidential(channel.url):
        fix = "write url = https://… in fleet.toml"
        yield Finding(name, "fail", "the access token is not sent: it would travel in the clear", fix)
    if has_token or loopback(channel.url):
        return
    fix = f"reserve the topic for an account of yours, and on HQ: noc hub secret set {secret}"
    if guessable(channel.topic):
        yield Finding(name, "fail", f"anybody can read and write {channel.url}/{channel.topic}: there is no token", fix)
    else:
        yield Finding(name, "warn", "whoever reads the fleet file can read and write the topic: there is no token", fix)


def guessable(topic: str) -> bool:
    """Whether a topic's name could be guessed: it holds no run of 16 letters and digits with both in it."""
    runs = _RANDOM.findall(topic)
    return not any(re.search(r"\d", run) and re.search(r"[A-Za-z]", run) for run in runs)


def _apprise_findings(channel: AppriseChannel) -> Iterator[Finding]:
    try:
        service_at(read_credential(channel.credential))
    except Unfit as error:
        fix = f"on HQ: noc hub secret set {channel.credential}"
        yield Finding(channel.name, "fail", f"credential {channel.credential}: {error}", fix)


def _exposure(channel: str, credential: str | None) -> Iterator[Finding]:
    if credential and exposed(credential):
        what = f"every login of this machine can read the credential {credential}"
        yield Finding(channel, "fail", what, "chmod 0400 the file, or let systemd hand it over: noc hub install")
