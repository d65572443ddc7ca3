"""A node's public face, as a stranger sees it: its name over HTTPS, certificate and name verified."""

import asyncio
import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

_T = TypeVar("_T")

_TIMEOUT_S = 5.0
_MAX_BODY = 64 * 1024
_PLAIN = {"Accept-Encoding": "identity"}
"""A packed body is not unpacked: a few bytes of it could fill our memory."""


@dataclass(frozen=True)
class Health:
    """What a node answered to `GET /health`.

    Attributes:
        status: HTTP status; None where nothing answered, or TLS did not hold.
        version, build, boot_id: what it says of its process; None where it does not.
        certificate_begins, certificate_ends: the certificate's validity, UTC; None where TLS did not hold.
        trouble: why there is no status, "" otherwise.
    """

    status: int | None = None
    version: str | None = None
    build: int | None = None
    boot_id: str | None = None
    certificate_begins: datetime | None = None
    certificate_ends: datetime | None = None
    trouble: str = ""


class Web:
    """Asks public names. It trusts the system's roots and the fleet's own ACME root, and nothing else."""

    def __init__(self, ca_root: Path | None = None, *, port: int = 443) -> None:
        """Prepare trust.

        Args:
            ca_root: PEM file of a further root, None for the system's alone.
            port: TCP port of HTTPS.
        """
        self._context = ssl.create_default_context()
        if ca_root is not None:
            self._context.load_verify_locations(cafile=str(ca_root))
        self._port = port

    async def health(self, hostname: str) -> Health:
        """Ask one name over a connection of its own; a failure is an answer as well, and never an exception."""
        face = self.face(hostname, keep=False)
        try:
            return await face.health()
        finally:
            await face.close()

    def face(self, hostname: str, *, keep: bool = True) -> "Face":
        """One name, to be asked again and again.

        Args:
            hostname: the name.
            keep: over one connection while it holds; otherwise over a new one each time.
        """
        limits = httpx.Limits(max_keepalive_connections=1 if keep else 0)
        client = httpx.AsyncClient(verify=self._context, timeout=_TIMEOUT_S, trust_env=False, limits=limits)
        return Face(client, f"https://{hostname}:{self._port}/health")


class Face:
    """The public face of one node. Its certificate and name are verified at each new connection."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        """Use `Web.face`."""
        self._client, self._url = client, url

    async def health(self) -> Health:
        """Ask; a failure is an answer as well, and never an exception."""
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self._client.stream("GET", self._url, headers=_PLAIN) as response,
            ):
                return _health(response, await _body(response))
        except TimeoutError:
            return Health(trouble=f"no answer within {_TIMEOUT_S:g} s")
        except (httpx.HTTPError, OSError) as error:
            return Health(trouble=str(error) or type(error).__name__)

    async def close(self) -> None:
        """End the connection, where one is kept."""
        await self._client.aclose()


async def _body(response: httpx.Response) -> bytes:
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) > _MAX_BODY:
            break
    return body[:_MAX_BODY]


def _health(response: httpx.Response, body: bytes) -> Health:
    certificate = response.extensions["network_stream"].get_extra_info("ssl_object").getpeercert()
    said = _json_object(body)
    return Health(
        status=response.status_code,
        version=_of(said, "version", str),
        build=_of(said, "build", int),
        boot_id=_of(said, "boot_id", str),
        certificate_begins=_moment(certificate["notBefore"]),
        certificate_ends=_moment(certificate["notAfter"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _of(said: dict[str, Any], key: str, kind: type[_T]) -> _T | None:
    value = said.get(key)
    return value if isinstance(value, kind) else None
