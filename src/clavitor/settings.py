"""What the environment says: the payload contract's variables, checked once at start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from clavitor.errors import ServiceError

DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_INTERVAL = 30.0


@dataclass(frozen=True, slots=True)
class DirectoryFiles:
    """Where the fleet's directory of tenants lies, and the key to its ids."""

    path: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The service's whole configuration. The push URL holds a secret and is kept out of every representation."""

    database: Path
    domain: str
    listen: tuple[str, int]
    push_url: SplitResult | None = field(default=None, repr=False)
    push_interval: float = DEFAULT_INTERVAL
    push_source: str | None = None
    directory: DirectoryFiles | None = None


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Args:
        environment: `os.environ` or its like.

    Returns:
        the checked settings; intervals in seconds.

    Raises:
        ServiceError: a variable is missing or malformed; the text names it and never repeats the push URL.
    """
    return Settings(
        database=database_path(environment),
        domain=domain_name(environment),
        listen=_address(environment.get("CLAVITOR_LISTEN", DEFAULT_LISTEN)),
        push_url=_push_url(environment.get("KUMA_PUSH_URL", "").strip()),
        push_interval=_interval(environment.get("CLAVITOR_PUSH_INTERVAL", str(DEFAULT_INTERVAL))),
        push_source=_source(environment.get("CLAVITOR_SOURCE", "").strip()),
        directory=directory_files(environment),
    )


def database_path(environment: Mapping[str, str]) -> Path:
    """Where the database lies: `CLAVITOR_DB`, which every command needs."""
    path = environment.get("CLAVITOR_DB", "").strip()
    if not path:
        raise ServiceError(
            "CLAVITOR_DB is not set: name the database file, as in CLAVITOR_DB=/var/lib/clavitor/clavitor.db"
        )
    return Path(path)


def domain_name(environment: Mapping[str, str]) -> str:
    """The node's public name: `CLAVITOR_DOMAIN`."""
    return environment.get("CLAVITOR_DOMAIN", "").strip().lower() or "localhost"


def directory_files(environment: Mapping[str, str]) -> DirectoryFiles | None:
    """The fleet's directory: `CLAVITOR_DIRECTORY` and `CLAVITOR_TENANT_KEY`, both or neither."""
    path, key = (environment.get(name, "").strip() for name in ("CLAVITOR_DIRECTORY", "CLAVITOR_TENANT_KEY"))
    if bool(path) != bool(key):
        raise ServiceError("CLAVITOR_DIRECTORY and CLAVITOR_TENANT_KEY belong together: set both, or neither")
    return DirectoryFiles(Path(path), Path(key)) if path else None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ServiceError(f"CLAVITOR_LISTEN={text!r} is not HOST:PORT: write it as {DEFAULT_LISTEN}")
    return host.strip("[]"), int(port)


def _push_url(text: str) -> SplitResult | None:
    """The URL without the query that monitors show it with: status, msg and ping are this service's to say."""
    if not text:
        return None
    try:
        url = urlsplit(text)
        usable = (
            url.scheme in {"http", "https"} and url.hostname and url.port != 0 and text.isascii() and text.isprintable()
        )
    except ValueError:
        usable = False
    if not usable or " " in text:
        raise ServiceError(
            "KUMA_PUSH_URL is not an http or https URL: copy it from the monitor (its value is not shown here)"
        )
    return url._replace(query="", fragment="")


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise ServiceError(f"CLAVITOR_PUSH_INTERVAL={text!r} is not a number of seconds between 0.1 and 3600")
    return seconds


def _source(text: str) -> str | None:
    if not text:
        return None
    try:
        return str(ip_address(text))
    except ValueError:
        raise ServiceError(f"CLAVITOR_SOURCE={text!r} is not an IP address that pushes could leave from") from None
