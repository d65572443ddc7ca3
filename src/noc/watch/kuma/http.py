"""HTTP for a sync: TLS verified, no redirect followed, and no answer larger than a sync can need."""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote

from noc.watch.errors import KumaFile, KumaUnreachable

MAX_BYTES = 32 * 1024 * 1024
PAGE_S = 30.0


class Http:
    """What the Socket.IO client takes as its HTTP session: `request` and `cookies` of one of requests'.

    Attributes:
        cookies: as requests' session.
        trouble: why the last request failed, "" where it did not.
    """

    def __init__(self, ca_root: Path | None) -> None:
        """Make a session.

        Args:
            ca_root: certificates to trust in place of the system's.

        Raises:
            KumaFile: it cannot be read.
        """
        import requests  # noqa: PLC0415 - comes with the extra

        if ca_root is not None and not ca_root.is_file():
            raise KumaFile(f"{ca_root} is no file of certificates")
        self._requests, self._session = requests, requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ca_root or ssl.get_default_verify_paths().cafile or True)
        self.cookies = self._session.cookies
        self.trouble = ""

    def request(self, method: str, url: str, **more: Any) -> Any:  # noqa: ANN401 - requests has no types here
        """As requests' session's; a larger answer is a ConnectionError of requests."""
        self.trouble = ""
        try:
            answer = self._session.request(method, url, allow_redirects=False, stream=True, **more)
            answer._content = self._content(answer)  # noqa: SLF001 - so that .content, .text and .json() have it
        except self._requests.RequestException as error:
            self.trouble = str(error)[:300]
            raise
        return answer

    def page(self, base: str, slug: str) -> dict[str, Any]:
        """What a status page shows to everybody, by its slug. Raises KumaUnreachable."""
        url = f"{base}/api/status-page/{quote(slug, safe='')}"
        try:
            answer = self.request("GET", url, timeout=PAGE_S)
            found = answer.json() if answer.status_code == 200 else None
        except (self._requests.RequestException, ValueError) as error:
            raise KumaUnreachable(f"{url} cannot be read", why=self.trouble or type(error).__name__) from None
        if not isinstance(found, dict):
            raise KumaUnreachable(f"{url} is no status page", why=f"the answer's status is {answer.status_code}")
        return found

    def _content(self, answer: Any) -> bytes:  # noqa: ANN401
        content = bytearray()
        for part in answer.iter_content(65_536):
            content += part
            if len(content) > MAX_BYTES:
                answer.close()
                raise self._requests.ConnectionError(f"an answer has more than {MAX_BYTES} bytes")
        return bytes(content)

    def close(self) -> None:
        """Close the session."""
        self._session.close()
