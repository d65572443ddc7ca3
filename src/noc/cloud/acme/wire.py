"""The way to an authority: signed requests over verified TLS, a fresh nonce each, answers of a bounded size."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from noc.cloud.acme.jws import jwk, signed
from noc.cloud.errors import AuthorityUnreachable, CertificateRefused

if TYPE_CHECKING:
    import httpx
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

TIMEOUT_S: Final = 20.0
MOST_BYTES: Final = 256 * 1024
NONCES: Final = 5
BAD_NONCE: Final = "urn:ietf:params:acme:error:badNonce"


class Wire:
    """One account at one authority, for as long as it is used with `async with`."""

    def __init__(self, directory: str, key: "EllipticCurvePrivateKey", ca_root: Path | None) -> None:
        """Prepare; nothing is sent yet.

        Args:
            directory: the address of the authority's directory.
            key: the account's, P-256.
            ca_root: PEM of the root that signs the authority's own certificate, None for the system's.
        """
        import httpx  # noqa: PLC0415

        context = ssl.create_default_context()
        if ca_root is not None:
            context.load_verify_locations(cafile=str(ca_root))
        self._client = httpx.AsyncClient(verify=context, timeout=TIMEOUT_S, trust_env=False)
        self._directory, self._key = directory, key
        self._urls: Mapping[str, Any] = {}
        self._nonce, self._account = "", ""

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def sign_in(self, email: str) -> None:
        """Find the key's account, or make it: whoever uses an authority agrees to its terms."""
        contact = {"contact": [f"mailto:{email}"]} if email else {}
        asked = {"termsOfServiceAgreed": True, **contact}
        _, headers, _ = await self.post(await self.url("newAccount"), asked)
        self._account = headers["Location"]

    async def url(self, name: str) -> str:
        """An address of the directory."""
        if not self._urls:
            response = await self._send("GET", self._directory)
            self._urls = _object(response)
        return str(self._urls[name])

    async def post(
        self, url: str, payload: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], "httpx.Headers", str]:
        """Ask; None for a look.

        Returns:
            The answer's JSON object ({} where it is none), its headers, and its text.

        Raises:
            CertificateRefused: the authority says no.
            AuthorityUnreachable: it does not answer.
        """
        for _ in range(NONCES):
            who = {"kid": self._account} if self._account else {"jwk": jwk(self._key)}
            body = signed(self._key, {**who, "nonce": await self._fresh(), "url": url}, payload)
            response = await self._send("POST", url, body)
            self._nonce = response.headers.get("Replay-Nonce", "")
            said = _object(response)
            if response.is_success:
                return said, response.headers, response.text
            if said.get("type") != BAD_NONCE:
                raise CertificateRefused(f"the authority answered {response.status_code}", why=words(said))
        raise CertificateRefused("the authority takes no nonce of its own", why=f"{NONCES} were refused")

    async def _fresh(self) -> str:
        if not self._nonce:
            self._nonce = (await self._send("HEAD", await self.url("newNonce"))).headers.get("Replay-Nonce", "")
        nonce, self._nonce = self._nonce, ""
        return nonce

    async def _send(self, method: str, url: str, body: bytes | None = None) -> "httpx.Response":
        import httpx  # noqa: PLC0415

        headers = {"Content-Type": "application/jose+json"} if body is not None else {}
        try:
            async with self._client.stream(method, url, content=body, headers=headers) as response:
                content = b""
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > MOST_BYTES:
                        raise AuthorityUnreachable("the authority's answer is too large")
                return httpx.Response(response.status_code, headers=_plain(response.headers), content=content)
        except httpx.HTTPError as error:
            why = f"{type(error).__name__}: {error}"[:300]
            raise AuthorityUnreachable("the authority did not answer", why=why) from None


def _plain(headers: "httpx.Headers") -> list[tuple[str, str]]:
    """The headers without those that speak of how the content was packed, which it is not any more."""
    packed = {"content-encoding", "content-length", "transfer-encoding"}
    return [(name, value) for name, value in headers.multi_items() if name.lower() not in packed]


def _object(response: "httpx.Response") -> dict[str, Any]:
    try:
        said = response.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def words(problem: Mapping[str, Any]) -> str:
    """An authority's own words (RFC 7807), in one line of bounded length."""
    kind = str(problem.get("type", "")).rpartition(":")[2]
    return " ".join(f"{kind}: {problem.get('detail', '')}".split())[:500]
