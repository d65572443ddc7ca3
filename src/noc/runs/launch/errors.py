"""What can go wrong between a node and its machine: E570 to E574.

NocError
├── HostKeyUnknown  E570
├── NotAnswering    E571
└── NothingToAdopt  E572
"""

from noc.errors import NocError, NotFound


class HostKeyUnknown(NocError):
    """The node's machine runs, and nothing says which host key it must show: it was made by something else than HQ.

    Read the fingerprint from the machine's console and give it to `noc provision`, or let it be made anew.
    """

    code, exit_code = "E570", 7


class NotAnswering(NocError):
    """The machine runs, as the cloud says, and did not show the host key that it was given within the time for it.

    It stays, and counts: `noc launch` of the same node goes on waiting, `noc terminate` gives it back.
    """

    code, exit_code = "E571", 8


class NothingToAdopt(NotFound):
    """Neither Terraform's output nor the cloud's tags name an address for the node."""

    code = "E572"
