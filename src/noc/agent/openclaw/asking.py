"""Asking the model's endpoint whether it offers the model (https://platform.openai.com/docs/api-reference/models)."""

import json
import ssl
from pathlib import Path
from typing import Final

from noc.agent.openclaw.finding import Finding
from noc.agent.openclaw.modelrules import Endpoint
from noc.agent.openclaw.places import CREDENTIALS, MODEL_KEY

WITHIN_S: Final = 10.0
MAX_BYTES: Final = 4_000_000
MAX_KEY: Final = 4_096
_NAME: Final = "endpoint"
_SET_KEY = "noc hub secret set model_key"
_NO_KEY = ("it refuses the key", _SET_KEY)
_REFUSED = {401: _NO_KEY, 403: _NO_KEY, 429: ("it is asked too often", "try again in a minute")}


def offered_finding(endpoint: Endpoint | None) -> Finding:
    """Whether the endpoint answers with this key and offers this model. Neither key nor answer is shown.

    Args:
        endpoint: what is configured; None where nothing is.
    """
    if endpoint is None:
        return Finding(_NAME, False, "none is configured", "noc openclaw init")
    key = _key(endpoint.key, CREDENTIALS / MODEL_KEY)
    if not key:
        return Finding(_NAME, False, "there is no key that could be read", f"as root; {_SET_KEY}")
    try:
        status, body = _get(f"{endpoint.base}/models", key)
    except OSError as error:
        return Finding(_NAME, False, f"it does not answer: {error}"[:300], f"curl {endpoint.base}/models")
    if status != 200:
        why, fix = _REFUSED.get(status, (f"it answers {status}", "see its status page"))
        return Finding(_NAME, False, why, fix)
    ids = _ids(body)
    if endpoint.model not in ids:
        fix = "name one of them as agent.model in fleet.toml, then noc openclaw init"
        return Finding(_NAME, False, f"{endpoint.model} is not among its {len(ids)} models", fix)
    return Finding(_NAME, True, f"offers {endpoint.model}")


def _key(*files: Path | None) -> str:
    """The first key that can be read; "" where none can."""
    for file in (each for each in files if each is not None):
        try:
            with file.open(encoding="utf-8") as text:
                return text.read(MAX_KEY).strip()
        except (OSError, ValueError):
            continue
    return ""


def _get(url: str, key: str) -> tuple[int, bytes]:
    """Status and body, of which no more is read than it takes. Raises OSError: whatever kept it from answering."""
    import httpx  # noqa: PLC0415 - only a look at the endpoint pays for it

    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    options = {"verify": ssl.create_default_context(), "timeout": WITHIN_S, "trust_env": False}
    try:
        with httpx.Client(**options) as client, client.stream("GET", url, headers=headers) as answer:  # type: ignore[arg-type]
            body = bytearray()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise OSError(f"it says more than {MAX_BYTES} bytes")
            return answer.status_code, bytes(body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(str(error) or type(error).__name__) from None


def _ids(body: bytes) -> list[str]:
    """The models' ids; none where the answer is no such list."""
    try:
        document = json.loads(body)
    except ValueError:
        return []
    rows = document.get("data") if isinstance(document, dict) else None
    return [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row] if isinstance(rows, list) else []
