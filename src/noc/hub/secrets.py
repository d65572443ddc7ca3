"""Secrets that come from outside: read from standard input, kept as credentials of HQ."""

from collections.abc import Sequence
from pathlib import Path

from noc.fleet.model import Fleet
from noc.hub.errors import BadSecret, UnknownSecret
from noc.hub.places import (
    AGENT_DISCORD_TOKEN,
    AGENT_TELEGRAM_TOKEN,
    AWS,
    BACKUP_KEY,
    CREDENTIALS,
    DATABASE_PASSWORD,
    DEAD_MAN_URL,
    DIRECTORY_KEY,
    DISCORD_TOKEN,
    DNS_TOKEN,
    DNS_TSIG,
    ESCROW_KEY,
    HOST_CA,
    HUB_KEY,
    MODEL_KEY,
    NTFY_TOKEN,
    SECOND_KEY,
    SSH_KEY,
    TELEGRAM_TOKEN,
    TENANT_KEY,
)
from noc.hub.system import Owner, ensure_absent, ensure_directory, ensure_file

ALWAYS = (NTFY_TOKEN, DEAD_MAN_URL)
STORE = (DATABASE_PASSWORD,)
"""What the watch needs for a database that asks for a password."""
RUNNER = (DNS_TOKEN, DNS_TSIG, AWS)
"""Secrets from outside that the runner reads, where HQ has them: they open others' services to it."""
CHAT = (TELEGRAM_TOKEN, DISCORD_TOKEN)
"""Secrets that the bot reads: each opens a chat to it."""
AGENT = (MODEL_KEY, AGENT_TELEGRAM_TOKEN, AGENT_DISCORD_TOKEN)
"""Secrets that the agent's unit reads: they open the model to it, and chats as a bot of its own."""
AGENT_UNIT = "noc-agent.service"
OWN_KEYS = frozenset({HUB_KEY, SSH_KEY, HOST_CA, ESCROW_KEY, BACKUP_KEY, SECOND_KEY, TENANT_KEY, DIRECTORY_KEY})
MAX_CHARS = 4096
FILES = frozenset({AWS})
"""Secrets of several lines: AWS's shared credentials file."""


def watch_secrets(fleet: Fleet) -> tuple[str, ...]:
    """The secrets that the watch reads: two that every HQ may have, those of the fleet file's channels and database.

    HQ's own keys are never among them, whatever a channel calls its credential.
    """
    named = (channel.credential for channel in fleet.channel if channel.credential)
    opens = STORE if fleet.store.database else ()
    return tuple(name for name in dict.fromkeys((*ALWAYS, *opens, *named)) if name not in OWN_KEYS)


def outside_secrets(fleet: Fleet | None) -> tuple[str, ...]:
    """Every secret from outside that a unit of HQ reads, where its fleet file is this; None where it has none yet."""
    return tuple(dict.fromkeys((*(watch_secrets(fleet) if fleet else ALWAYS), *RUNNER, *CHAT, *AGENT)))


def set_secret(name: str, value: str, credentials: Path = CREDENTIALS, *, known: Sequence[str] = ALWAYS) -> bool:
    """Keep a secret.

    Args:
        name: one of `known`.
        value: one line, or several for one of `FILES`; white space around it is dropped.
        credentials: directory of HQ's credentials.
        known: the secrets that a unit of HQ reads.

    Returns:
        Whether it is another than before.

    Raises:
        UnknownSecret, BadSecret: the message never repeats the value.
    """
    _check_known(name, known)
    secret = value.strip()
    lines = secret.splitlines() if name in FILES else [secret]
    if not secret or len(secret) > MAX_CHARS or not all(line.replace("\t", " ").isprintable() for line in lines):
        raise BadSecret(f"{name} was not set", why="it is empty, too long or not one line", fix="pipe it in")
    ensure_directory(credentials, Owner(mode=0o700))
    return bool(ensure_file(credentials / name, secret + "\n", Owner(mode=0o600)))


def remove_secret(name: str, credentials: Path = CREDENTIALS, *, known: Sequence[str] = ALWAYS) -> bool:
    """Forget a secret. Arguments as `set_secret`.

    Returns:
        Whether HQ had it.

    Raises:
        UnknownSecret: it is none from outside; HQ's own keys are never removed.
    """
    _check_known(name, known)
    return bool(ensure_absent(credentials / name))


def _check_known(name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise UnknownSecret(f"no unit of HQ reads a secret called {name}", fix=f"one of {', '.join(known)}")
