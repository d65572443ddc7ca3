"""Where a lab keeps its things on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The directories of one lab, and of the images that all labs share.

    Attributes:
        state: what lives as long as the lab; `down` removes it.
        cache: images and their package repository, made once.
    """

    state: Path
    cache: Path

    @classmethod
    def default(cls) -> "Places":
        """`/var/lib/noc-lab` and `/var/cache/noc-lab`; NOC_LAB_DIR and NOC_LAB_CACHE name others."""
        return cls(
            state=Path(os.environ.get("NOC_LAB_DIR", "/var/lib/noc-lab")).absolute(),
            cache=Path(os.environ.get("NOC_LAB_CACHE", "/var/cache/noc-lab")).absolute(),
        )

    @property
    def plan(self) -> Path:
        """What the lab was asked to be."""
        return self.state / "lab.json"

    @property
    def socket(self) -> Path:
        """The supervisor's door."""
        return self.state / "control.sock"

    @property
    def lock(self) -> Path:
        """Locked as long as the supervisor lives; holds its process id."""
        return self.state / "lock"

    @property
    def log(self) -> Path:
        """What the supervisor says."""
        return self.state / "supervisor.log"

    @property
    def disks(self) -> Path:
        """The machines' disks; mounted in the supervisor's own mount namespace."""
        return self.state / "disks"

    @property
    def trust_bundle(self) -> Path:
        """Certificates that a machine of the lab trusts, PEM."""
        return self.state / "trust.pem"

    def token(self, service: str) -> Path:
        """The token that a service of the lab's internet accepts: one of `noc.lab.standins`."""
        return self.state / f"{service}.token"

    @property
    def dns_key(self) -> Path:
        """The key by which the fleet's zone is changed, as HQ's credential `dns_tsig` has it."""
        return self.state / "dns.key"

    @property
    def cloud_account(self) -> Path:
        """What the account at the stand-in for AWS has, and what is to go wrong in it."""
        return self.state / "cloud.json"

    @property
    def cloud_certificate(self) -> Path:
        """The certificate of the stand-in for AWS."""
        return self.state / "cloud.crt"

    @property
    def cloud_key(self) -> Path:
        """Its key."""
        return self.state / "cloud.key"

    @property
    def offers(self) -> Path:
        """The packages that this lab's archive offers beside the images'."""
        return self.state / "offers"

    @property
    def offers_key(self) -> Path:
        """The home of the key that signs them; only root may enter."""
        return self.state / "offers-key"

    def console(self, name: str) -> Path:
        """What a machine wrote on its console."""
        return self.state / f"console-{name}.log"
