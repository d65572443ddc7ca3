"""`[rotate]`: after how many days each kind of secret is due to be made anew."""

from typing import Annotated, Literal

from pydantic import Field

from noc.fleet.part import Part

Secret = Literal["push-token", "wg", "hub", "ssh", "ca", "signer", "recipients"]
"""What can be rotated: a node's push token and tunnel key; HQ's tunnel key, SSH key and host CA; whose releases are
taken; to whom backups are encrypted."""
Days = Annotated[int, Field(ge=1, le=36_500)]


class Rotate(Part):
    """Days since a secret was made, after which `noc doctor` says that it is due."""

    push_token: Days = 365
    wg: Days = 365
    hub: Days = 730
    ssh: Days = 365
    ca: Days = 1_825
    signer: Days = 1_095
    recipients: Days = 1_095

    def due(self, secret: Secret) -> int:
        """Days for one kind."""
        days: int = getattr(self, secret.replace("-", "_"))
        return days
