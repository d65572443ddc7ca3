"""The stand-ins for chats and a model on the lab's internet machine: where each answers, and by which token."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from noc.fleet.chatting import Agent

TELEGRAM_CHAT: Final = -100_4242
GUILD, CHANNEL = 41, 42
MODEL: Final = Agent().model
SIDE_ENTRANCE: Final = "_stand-in"
"""Where each lets a test act as the people, and see what was sent; the original has nothing there."""


@dataclass(frozen=True)
class StandIn:
    """One of them.

    Attributes:
        name: of the service; its host name is that in `lab.`.
        port: where it answers, by TLS.
        new_token: makes a token such as the original gives.
        health: a path that answers 200 to everybody.
        options: what its program is given beside address, token and certificate.
    """

    name: str
    port: int
    new_token: Callable[[], str]
    health: str
    options: str = ""

    @property
    def host(self) -> str:
        """Its name in the lab's DNS."""
        return f"{self.name}.lab"

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://{self.host}:{self.port}"

    @property
    def text(self) -> str:
        """Its program, one file."""
        return files("noc.lab.chat").joinpath(f"{self.name}_server.py").read_text()

    @property
    def program(self) -> str:
        """Where its program lies on the internet machine."""
        return f"/usr/local/lib/noc-{self.name}.py"

    def command(self, tls: str) -> str:
        """How systemd starts it; `tls` is the directory of tokens and certificates."""
        told = f"--listen 0.0.0.0:{self.port} --token-file {tls}/{self.name}.token"
        certificate = f"--certificate {tls}/{self.host}.crt --key {tls}/{self.host}.key"
        return f"/usr/bin/python3 {self.program} {told} {certificate} {self.options}".rstrip()


TELEGRAM: Final = StandIn("telegram", 8443, lambda: f"4242:{secrets.token_urlsafe(26)}", f"{SIDE_ENTRANCE}/calls")
DISCORD: Final = StandIn(
    "discord",
    8444,
    lambda: ".".join(secrets.token_urlsafe(length) for length in (18, 4, 27)),
    f"{SIDE_ENTRANCE}/gateway",
    f"--guild {GUILD} --channel {CHANNEL}",
)
MODEL_SERVICE: Final = StandIn(
    "model", 8445, lambda: f"fw_{secrets.token_urlsafe(18)}", f"{SIDE_ENTRANCE}/requests", f"--model {MODEL}"
)
STAND_INS: Final = (TELEGRAM, DISCORD, MODEL_SERVICE)


def chat_tables(ca_root: str) -> dict[str, dict[str, Any]]:
    """The tables of a fleet file whose chats and model are the lab's.

    Args:
        ca_root: the certificates that the lab's machines trust, relative to the fleet directory.
    """
    return {
        "telegram": {"chat": TELEGRAM_CHAT, "api": TELEGRAM.url, "ca_root": ca_root},
        "discord": {"guild": GUILD, "channel": CHANNEL, "api": f"{DISCORD.url}/api/v10", "ca_root": ca_root},
        "agent": {"api": f"{MODEL_SERVICE.url}/v1", "model": MODEL},
    }
