"""`[launch]`: how machines of a cloud are made."""

from typing import Annotated

from pydantic import Field

from noc.fleet.part import Part


class Launch(Part):
    """How a node's machine is made where the provider is a cloud.

    `image_owner` and `image_name` choose the newest image; one that is older than `image_max_age_days` is refused,
    since its publisher removes them. `endpoint` names another address than the provider's own, for a rehearsal, and
    `ca_root` a file of the fleet directory with the certificates that are trusted there.
    """

    image_owner: Annotated[str, Field(pattern=r"^\d{12}$")] = "427812963091"
    image_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9*./_-]{1,128}$")] = "nixos/26.05*"
    image_max_age_days: Annotated[int, Field(ge=1, le=3650)] = 90
    endpoint: Annotated[str, Field(pattern=r"^https?://[!-z]+$")] | None = None
    ca_root: str | None = None
