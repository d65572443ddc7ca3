"""The stand-ins on the lab's internet machine: where their programs lie, where each answers, and by which token."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from noc.fleet.chatting import Agent
from noc.lab import services
from noc.lab.services import SIDE_ENTRANCE

TELEGRAM_CHAT: Final = -100_4242
GUILD, CHANNEL = 41, 42
MODEL: Final = Agent().model
PROGRAMS: Final = "/usr/local/lib/noc-stand-ins"
"""Where their programs lie on the internet machine: modules of the same names as here, and nothing else of noc."""


@dataclass(frozen=True)
class StandIn:
    """One of them.

    Attributes:
        name: of the service, and of its package; its host name is that in `lab.`.
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
        return f"https://{self.host}" + (f":{self.port}" if self.port != 443 else "")

    @property
    def program(self) -> str:
        """How Python is told to run it."""
        return f"-m {services.__name__}.{self.name}"

    def command(self, tls: str) -> str:
        """How systemd starts it; `tls` is the directory of tokens and certificates."""
        told = f"--listen 0.0.0.0:{self.port} --token-file {tls}/{self.name}.token"
        certificate = f"--certificate {tls}/{self.host}.crt --key {tls}/{self.host}.key"
        return f"/usr/bin/python3 -P {self.program} {told} {certificate} {self.options}".rstrip()


NTFY: Final = StandIn("ntfy", 443, lambda: secrets.token_urlsafe(24), "/v1/health")
TELEGRAM: Final = StandIn("telegram", 8443, lambda: f"4242:{secrets.token_urlsafe(26)}", f"{SIDE_ENTRANCE}calls")
DISCORD: Final = StandIn(
    "discord",
    8444,
    lambda: ".".join(secrets.token_urlsafe(length) for length in (18, 4, 27)),
    f"{SIDE_ENTRANCE}gateway",
    f"--guild {GUILD} --channel {CHANNEL}",
)
MODEL_SERVICE: Final = StandIn(
    "model", 8445, lambda: f"fw_{secrets.token_urlsafe(18)}", f"{SIDE_ENTRANCE}requests", f"--model {MODEL}"
)
STAND_INS: Final = (NTFY, TELEGRAM, DISCORD, MODEL_SERVICE)


def programs() -> dict[str, str]:
    """The files of all programs: path on the internet machine → text."""
    package = Path(services.__file__).parent
    there = f"{PROGRAMS}/{services.__name__.replace('.', '/')}"
    return {f"{there}/{path.relative_to(package)}": path.read_text() for path in sorted(package.rglob("*.py"))}


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
