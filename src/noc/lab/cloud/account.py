"""The account that the stand-in plays: what its owner has, and what has happened in it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from noc.fleet.regions import regions

OPT_IN: Final = frozenset(name for name, region in regions()["aws"].items() if region.opt_in)
"""The regions that are off in a new account: all that were opened after 2019-03-20."""
OWNER: Final = "427812963091"
CREDENTIALS: Final = "[default]\naws_access_key_id = AKIAEXAMPLEEXAMPLE00\naws_secret_access_key = nobodys\n"
"""As HQ's credential `aws` has them; they are nobody's."""
IMAGE: Final = "nixos/26.05.1234.abcdef-aarch64-linux"


class Settings(BaseModel):
    """What the account has, and what is to go wrong in it.

    Attributes:
        off: regions that are not switched on.
        off_says: what EC2 answers there; the original says either.
        enabling: questions about a region until it is switched on, once that was asked for.
        enabled_at_once: how many regions may be on their way at the same time.
        not_offered: regions that do not offer the type at present.
        no_image: regions into which no image was published.
        vcpus, addresses: quotas of each region.
        throttled: how many calls are refused as too many, from now on.
        expired: the credentials do not hold any more.
        failing: operation → the code with which it is refused, as long as it stands here.
        policy: an IAM policy that is enforced; None for an account's owner, who may do everything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    off: frozenset[str] = frozenset()
    off_says: Literal["AuthFailure", "OptInRequired"] = "AuthFailure"
    enabling: int = 2
    enabled_at_once: int = 6
    not_offered: frozenset[str] = frozenset({"me-central-1"})
    no_image: frozenset[str] = frozenset()
    vcpus: int = 5
    addresses: int = 5
    throttled: int = 0
    expired: bool = False
    failing: dict[str, str] = {}
    policy: dict[str, Any] | None = None


def new_account() -> Settings:
    """What somebody has who has just signed up: no region that must be switched on is."""
    return Settings(off=OPT_IN)


@dataclass
class Account:
    """The account as it stands.

    Attributes:
        settings: see there.
        enabling: region → questions until it is switched on.
        enabled: regions that were switched on since.
        refused: how many calls were refused as too many.
        tokens: client tokens with the request that they came with, and its answer.
        credit: CPU credit by instance, where it was changed.
        calls: how often each `service:Operation` was made.
    """

    settings: Settings = field(default_factory=Settings)
    enabling: dict[str, int] = field(default_factory=dict)
    enabled: set[str] = field(default_factory=set)
    refused: int = 0
    tokens: dict[tuple[str, str], tuple[dict[str, Any], Any]] = field(default_factory=dict)
    credit: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def is_on(self, region: str) -> bool:
        """Whether a region may be used."""
        return region not in self.settings.off or region in self.enabled

    def standing(self, region: str) -> str:
        """A region's standing in the words of the account API; being asked brings one that is under way nearer."""
        if region not in OPT_IN:
            return "ENABLED_BY_DEFAULT"
        if region in self.enabling:
            self.enabling[region] -= 1
            if self.enabling[region] < 0:
                del self.enabling[region]
                self.enabled.add(region)
                return "ENABLED"
            return "ENABLING"
        return "ENABLED" if self.is_on(region) else "DISABLED"
