"""A node's public face, as a stranger sees it: its name over HTTPS, certificate and name verified."""

import asyncio
import json
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Literal, TypeVar

# Its command line, which nobody calls here, would bring rich and pygments along: several MB of every process.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

import httpx  # noqa: E402

Stage = Literal["", "name", "connect", "certificate", "answer"]

_T = TypeVar("_T")

TIMEOUT_S = 5.0
_CONNECT_SHARE = 0.8
"""Less than the whole, so that a port that swallows packets is told from a service that does not answer."""
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
        clock: what its `Date` says its clock was, to the second; None where it says nothing.
        stage: how far the question came where there is no status: its name was not found, nobody took the connection,
            the certificate did not hold, no answer came; "" otherwise.
    """

    status: int | None = None
    version: str | None = None
    build: int | None = None
    boot_id: str | None = None
    certificate_begins: datetime | None = None
    certificate_ends: datetime | None = None
    trouble: str = ""
    stage: Stage = ""
    clock: datetime | None = None


class Web:
    """Asks public names. It trusts the system's roots and the fleet's own ACME root, and nothing else."""

    def __init__(self, ca_root: Path | None = None, *, port: int = 443, within_s: float = TIMEOUT_S) -> None:
        """Prepare trust.

        Args:
            ca_root: PEM file of a further root, None for the system's alone.
            port: TCP port of HTTPS.
            within_s: seconds that a question may take as a whole.
        """
        self._context = ssl.create_default_context()
        if ca_root is not None:
            self._context.load_verify_locations(cafile=str(ca_root))
        self._port, self._within_s = port, within_s

    async def health(self, hostname: str, address: IPv4Address | None = None) -> Health:
        """Ask one name over a connection of its own; a failure is an answer as well, and never an exception.

        Args:
            hostname: the name, for which the certificate must hold.
            address: where to; None for the one that the name has now.
        """
        face = self.face(hostname, keep=False, address=address)
        try:
            return await face.health()
        finally:
            await face.close()

    def face(self, hostname: str, *, keep: bool = True, address: IPv4Address | None = None) -> "Face":
        """One name, to be asked again and again.

        Args:
            hostname: the name.
            keep: over one connection while it holds; otherwise over a new one each time.
            address: as `health`.
        """
        limits = httpx.Limits(max_keepalive_connections=1 if keep else 0)
        timeout = httpx.Timeout(self._within_s, connect=_CONNECT_SHARE * self._within_s)
        client = httpx.AsyncClient(verify=self._context, timeout=timeout, trust_env=False, limits=limits)
        request = client.build_request(
            "GET",
            f"https://{address or hostname}:{self._port}/health",
            headers={**_PLAIN, "Host": hostname},
            extensions={"sni_hostname": hostname},  # the name that TLS asks for and verifies
        )
        return Face(client, request, self._within_s)


class Face:
    """The public face of one node. Its certificate and name are verified at each new connection."""

    def __init__(self, client: httpx.AsyncClient, request: httpx.Request, within_s: float) -> None:
        """Use `Web.face`."""
        self._client, self._request, self._within_s = client, request, within_s

    async def health(self) -> Health:
        """Ask; a failure is an answer as well, and never an exception."""
        try:
            async with asyncio.timeout(self._within_s):
                response = await self._client.send(self._request, stream=True)
                try:
                    return _health(response, await _body(response))
                finally:
                    await response.aclose()
        except TimeoutError:
            return Health(trouble=f"no answer within {self._within_s:g} s", stage="answer")
        except (httpx.HTTPError, OSError) as error:
            return Health(trouble=words(error), stage=stage_of(error))

    async def close(self) -> None:
        """End the connection, where one is kept."""
        await self._client.aclose()


def stage_of(error: BaseException) -> Stage:
    """How far a question came that failed, by the types of the exception and of what caused it, never by its words."""
    causes = list(_causes(error))
    if any(isinstance(each, socket.gaierror) for each in causes):
        return "name"
    if not any(isinstance(each, httpx.ConnectError | httpx.ConnectTimeout) for each in causes):
        return "answer"
    return "certificate" if any(isinstance(each, ssl.SSLError) for each in causes) else "connect"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def words(error: BaseException) -> str:
    """The sentence of the innermost cause that has one: the library's own only says that an attempt failed."""
    for each in reversed(list(_causes(error))):
        if isinstance(each, ssl.SSLCertVerificationError):
            return each.verify_message
        if isinstance(each, OSError) and each.errno is not None and not isinstance(each, ssl.SSLError):
            own_numbers = isinstance(each, socket.gaierror)
            return each.strerror or "" if own_numbers else os.strerror(each.errno)
    return str(error) or type(error).__name__


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
        clock=_date(response.headers.get("date", "")),
    )


def _date(text: str) -> datetime | None:
    """The time of a `Date` (RFC 9110, section 6.6.1); None for one that makes no sense."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


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
