"""Where an Uptime Kuma is."""

from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from noc.fleet.model import Fleet
from noc.watch.errors import KumaAddress

_FIX = "give it as https://kuma.example.com"


def base_url(given: str, fleet: Fleet) -> str:
    """An address as the operator gave it, without a slash at its end.

    Args:
        given: `https://NAME[:PORT]`.
        fleet: its tunnel is a place where plain http is as good.

    Raises:
        KumaAddress: it is another thing, or the way there could be listened to.
    """
    try:
        parts = urlsplit(given)
        _ = parts.port
    except ValueError as error:
        raise KumaAddress("that is no address", why=str(error), fix=_FIX) from None
    if parts.username or parts.password:
        raise KumaAddress("no name or password belongs into the address", fix="--login FILE, or wait to be asked")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise KumaAddress("that is no address of an Uptime Kuma", fix=_FIX)
    if parts.scheme == "http" and not _private(parts.hostname, fleet):
        raise KumaAddress("plain http would show the password to everybody on the way", fix=_FIX)
    return f"{parts.scheme}://{parts.netloc}"


def _private(host: str, fleet: Fleet) -> bool:
    with suppress(ValueError):
        address = ip_address(host)
        return address.is_loopback or address in fleet.tunnel.network
    return host == "localhost"
