"""Which release this is, and which process."""

import json
import pkgutil
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

RECORD = "_release.json"


@dataclass(frozen=True, slots=True)
class Identity:
    """The release that runs and the process that runs it; `boot_id` is drawn anew by every process."""

    version: str
    build: int
    boot_id: str = field(default_factory=lambda: secrets.token_hex(16))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def identify() -> Identity:
    """Read the record that the build wrote beside this module; a checkout has none and is `0.0.0-dev`, build 0."""
    try:
        record = json.loads(pkgutil.get_data("clavitor", RECORD) or b"{}")
    except OSError:  # zipimport raises nothing more precise
        record = {}
    return Identity(version=record.get("version", "0.0.0-dev"), build=record.get("build", 0))
