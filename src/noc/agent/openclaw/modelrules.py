"""Which model the live configuration uses, and what secrets stand in it. Pure."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from noc.agent.openclaw.configuration import PROVIDER
from noc.agent.openclaw.finding import Document, Finding, at, dotted, judged, part, strings, walk
from noc.agent.openclaw.places import HQ

_WRITE_ANEW = f"noc openclaw init {HQ.kit} --linked"
_SECRET = re.compile(r"(?:^|[a-z])(?:api)?(?:key|token|secret|password)$", re.IGNORECASE)
_NO_SECRET = frozenset({"sessionKey", "mainKey", "defaultSessionKey", "primaryKey"})
_REFERENCE = re.compile(r"\$\{[A-Z_][A-Z0-9_]*\}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Endpoint:
    """The model's endpoint, as configured: base address, the model's id there, and the file that holds the key."""

    base: str
    model: str
    key: Path | None


def endpoint(live: Document) -> Endpoint | None:
    """The endpoint that the agent would ask; None where the configuration names none."""
    provider = part(live, "models", "providers", PROVIDER)
    primary = str(at(live, "agents", "defaults", "model", "primary") or "")
    base = provider.get("baseUrl")
    if not isinstance(base, str) or not primary.startswith(f"{PROVIDER}/"):
        return None
    name = at(provider, "apiKey", "provider")
    path = at(live, "secrets", "providers", str(name), "path")
    return Endpoint(base.rstrip("/"), primary.partition("/")[2], Path(path) if isinstance(path, str) else None)


def model_findings(live: Document) -> list[Finding]:
    """All findings about the model and secrets, of a live configuration."""
    return [_provider(live), _model(live), _secrets(live), _includes(live)]


def _provider(live: Document) -> Finding:
    providers = part(live, "models", "providers")
    wrong = [f"models.providers has {name}" for name in providers if name != PROVIDER]
    if PROVIDER not in providers:
        wrong.append(f"models.providers has no {PROVIDER}")
    if at(live, "models", "mode") != "replace":
        wrong.append("models.mode is not replace: OpenClaw's own providers come with it")
    scheme, host = _address(str(at(providers, PROVIDER, "baseUrl") or ""))
    if scheme != "https" and host not in _LOOPBACK:
        wrong.append(f"{host or 'its address'} is not reached by HTTPS")
    return judged("provider", wrong, f"{PROVIDER} at {host}", _WRITE_ANEW)


def _address(url: str) -> tuple[str, str]:
    """A URL's scheme and host; nothing for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""


def _model(live: Document) -> Finding:
    wrong = []
    entries = part(live, "agents", "entries")
    scopes = [part(live, "agents", "defaults"), *(part(entries, name) for name in entries)]
    for scope in (each for each in scopes if "model" in each or each is scopes[0]):
        model = scope.get("model")
        primary = model if isinstance(model, str) else at(model, "primary")
        if not str(primary or "").startswith(f"{PROVIDER}/"):
            wrong.append(f"an agent's model is {primary or 'not set'}")
        wrong += [f"a fallback is {name}" for name in strings(at(model, "fallbacks"))]
    return judged("model", wrong, str(at(scopes[0], "model", "primary")), _WRITE_ANEW)


def _secrets(live: Document) -> Finding:
    """A key's value never stands in the file: it is a reference to a file of its own."""
    wrong = [
        f"{dotted(path)} is written out"
        for path, value in walk(live)
        if isinstance(value, str) and value and _is_secret(path[-1]) and not _REFERENCE.fullmatch(value)
    ]
    wrong += [f"env has {name}" for name in part(live, "env", "vars")]
    return judged("secrets", wrong, "none in the file", "noc hub secret set model_key, and " + _WRITE_ANEW)


def _is_secret(key: str) -> bool:
    return bool(_SECRET.search(key)) and key not in _NO_SECRET


def _includes(live: Document) -> Finding:
    wrong = [f"{dotted(path)} leads to another file" for path, _ in walk(live) if path[-1] == "$include"]
    return judged("one file", wrong, "nothing is included from elsewhere", "put all of it into the one file")
