"""The manifest: what a signature vouches for."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_serializer

from noc.release.errors import MalformedManifest

PRODUCT = "clavitor"
NAMESPACE = "noc-release"
PAYLOAD, MANIFEST, SIGNATURE = "clavitor.pyz", "manifest.json", "manifest.json.sig"
MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
MAX_MANIFEST_BYTES = 64 * 1024

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$")]


class Manifest(BaseModel):
    """One release in words.

    Attributes:
        product: the service's name; a signer may sign more than one product.
        version: for people.
        build: for machines: rises with every build, so that a node knows new from old.
        sha256: hex digest of the payload, and the release's name in every store.
        size: of the payload, in bytes.
        created: when it was signed, UTC.
        expires: the moment from which no node takes it as new, UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    product: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")] = PRODUCT
    version: Version
    build: Annotated[int, Field(ge=1)]
    sha256: Sha256
    size: Annotated[int, Field(ge=1, le=MAX_PAYLOAD_BYTES)]
    created: AwareDatetime
    expires: AwareDatetime

    @field_serializer("created", "expires")
    def _utc(self, moment: datetime) -> str:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def to_bytes(self) -> bytes:
        """The exact bytes that are signed: JSON, indented, one newline at the end."""
        return (self.model_dump_json(indent=2) + "\n").encode()


def parse_manifest(content: bytes) -> Manifest:
    """Read a manifest.

    Args:
        content: the bytes of `manifest.json`, whose signature was checked before.

    Raises:
        MalformedManifest: a field is missing, unknown or out of its bounds.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise MalformedManifest(
            "manifest.json cannot be used", why=f"{place}: {first['msg']}", fix="build and sign the release again"
        ) from None
