"""What can be wrong with a tenant's place: E880 to E889.

PlacementError             E880
├── DirectoryMalformed     E881
├── DirectoryDamaged       E882
├── DirectoryFull          E885
├── NoPlace                E886
├── BadHandle              E887
├── BadTenantKey           E888
└── BadWishes              E889
"""

from collections.abc import Sequence
from typing import Any

from noc.errors import NocError
from noc.placement.decision import Considered


class PlacementError(NocError):
    """A tenant could not be placed or found, or the directory that says where tenants live is not as it should be."""

    code = "E880"


class DirectoryMalformed(PlacementError):
    """The head of a directory is not what HQ writes: a field is missing, unknown, out of bounds or written otherwise.

    HQ writes one spelling of it, byte for byte, so that its signature has one meaning.
    """

    code = "E881"


class DirectoryDamaged(PlacementError):
    """The lines of a directory are not those that its signed head vouches for.

    The node keeps what it had. HQ sends it whole again with the next change, or when it renews its proof of freshness.
    """

    code = "E882"


class DirectoryFull(PlacementError):
    """A directory holds 1,000,000 tenants and 2,048 nodes at most, and its head 1 MiB."""

    code, exit_code = "E885", 7


class NoPlace(PlacementError):
    """No node may take the tenant: each is named with its reason.

    Where all are full: raise a limit in `[placement]`, or add a node. Where none lies where the tenant wants to live:
    add one there, or ask for another residency. Where nodes are in maintenance or in an incident: wait.
    """

    code, exit_code = "E886", 7

    def __init__(self, what: str, considered: Sequence[Considered], *, why: str = "", fix: str = "") -> None:
        """Keep what was found of every node."""
        super().__init__(what, why=why, fix=fix)
        self.considered = tuple(considered)

    def as_dict(self) -> dict[str, Any]:
        """As every error, and each node with its reason."""
        return super().as_dict() | {"considered": [each.as_dict() for each in self.considered]}


class BadHandle(PlacementError):
    """That cannot be an account's name: 3 to 64 letters, digits or `. _ @ + -`, the first one a letter or a digit."""

    code, exit_code = "E887", 2


class BadTenantKey(PlacementError):
    """The tenant key is not 32 bytes in hexadecimal.

    Handles are hashed with it. `noc hub install` makes it, once: with another one nobody is found any more.
    """

    code, exit_code = "E888", 6


class BadWishes(PlacementError):
    """What was asked for a tenant cannot be read.

    A residency is a country, such as CH, or a group of `[placement]`, such as eu. Round trips are milliseconds, at most
    32 of each of at most 16 nodes.
    """

    code, exit_code = "E889", 2
