"""`[store]`: where the watch keeps what it hears: in a SQLite file beside it, or in PostgreSQL."""

from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from noc.fleet.part import Part

PORT: Final = 5432
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
SETTINGS: Final = frozenset({"host", "sslrootcert"})
"""What may stand behind the `?`: where the server is, and whose certificates are trusted. The rest is ours to say."""


class Store(Part):
    """Which database the watch has.

    Attributes:
        database: "" for the SQLite file of the watch; else PostgreSQL as libpq writes it,
            `postgresql://USER@HOST:PORT/NAME`, or `postgresql://USER@/NAME?host=/run/postgresql` for a Unix socket.
            Over a network TLS is always verified. A password is the credential `database_password`, never part of it.
    """

    database: str = ""


class Address(Part):
    """Where a PostgreSQL database is, and as whom to ask.

    Attributes:
        host: a name, an IP address, or the directory of a Unix socket.
        root: the file of the certificates that are trusted; "" for the machine's own.
    """

    user: str
    host: str
    port: int
    name: str
    root: str = ""

    def __str__(self) -> str:
        """The address as it is written."""
        socket = self.host.startswith("/")
        host = "" if socket else f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORT else f":{self.port}"
        settings = ({"host": self.host} if socket else {}) | ({"sslrootcert": self.root} if self.root else {})
        query = f"?{urlencode(settings, safe='/')}" if settings else ""
        return f"postgresql://{quote(self.user, safe='')}@{host}{port}/{quote(self.name, safe='')}{query}"

    @property
    def remote(self) -> bool:
        """Whether the way there leaves the machine, so that it has to be encrypted."""
        return not self.host.startswith("/") and self.host not in LOOPBACK


def read_address(text: str) -> Address:
    """Read the address of a database.

    Raises:
        ValueError: it is no address, or has in it what does not belong there; in words, and without a password.
    """
    try:
        parts = urlsplit(text)
        port = parts.port or PORT
        settings = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise ValueError("is none") from None
    if parts.scheme != "postgresql":
        raise ValueError("does not begin with postgresql://")
    if parts.password is not None or "password" in settings:
        raise ValueError("holds a password: take it out, and give it to `noc hub secret set database_password`")
    if unknown := sorted(settings.keys() - SETTINGS):
        raise ValueError(f"has {unknown[0][:32]} behind the ?: only {' and '.join(sorted(SETTINGS))} may stand there")
    host = settings.get("host") or unquote(parts.hostname or "")
    name = unquote(parts.path.removeprefix("/"))
    if not parts.username or not host or not name or "/" in name or parts.fragment:
        raise ValueError("does not name a user, a host and a database")
    root = settings.get("sslrootcert", "")
    return Address(user=unquote(parts.username), host=host, port=port, name=name, root=root)
