"""What can go wrong when HQ lets old things go: E595 to E599.

NocError
├── PruneBusy    E595
└── NotRemoved   E596
"""

from noc.errors import NocError


class PruneBusy(NocError):
    """Nothing is removed while a run is under way, or a plan is being made: either may need what would go."""

    code, exit_code = "E595", 7


class NotRemoved(NocError):
    """Something that was to go could not be removed whole. It is hidden already, and the next prune tries again."""

    code = "E596"
