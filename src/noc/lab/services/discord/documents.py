"""Ids, times and people, as Discord writes them."""

import time
from itertools import count

from noc.lab.services.refusals import Document

EPOCH_MS = 1_420_070_400_000
VIEW, SEND = 1 << 10, 1 << 11
"""What the bot may do in a channel (https://docs.discord.com/developers/topics/permissions)."""
_serial = count()


def snowflake() -> str:
    """A new id (https://docs.discord.com/developers/reference#snowflakes): its time, and a number."""
    return str((int(time.time() * 1000) - EPOCH_MS) << 22 | next(_serial) & 0xFFF)


def stamp() -> str:
    """The time, as a message has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime())


def user(number: str, name: str) -> Document:
    """A person, or a bot."""
    return {
        "id": number,
        "username": name or f"user{number}",
        "discriminator": "0",
        "avatar": None,
        "global_name": None,
    }


def member(who: Document) -> Document:
    """Who belongs to the guild."""
    joined = {"user": who, "roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False}
    return joined | {"flags": 0, "nick": None, "avatar": None, "permissions": str(VIEW | SEND)}
