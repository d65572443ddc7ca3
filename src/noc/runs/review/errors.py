"""What can go wrong with a review: E585 to E589.

NocError
├── DecisionRefused  E585
├── NoReport         E586
└── NoMilestone      E587
"""

from noc.errors import NocError, NotFound


class DecisionRefused(NocError):
    """A decision on a milestone was not taken in.

    A decision is an approver's SSH signature over the digest of one report. A go needs a report whose lines all passed:
    what cannot pass is either mended, or accepted in the fleet file by a person, with a reason and an end.
    """

    code, exit_code = "E585", 7


class NoReport(NotFound):
    """No report of this milestone is kept on HQ, or none with this digest. `noc review M3` makes one."""

    code = "E586"


class NoMilestone(NotFound):
    """The milestones are M1 to M7."""

    code = "E587"
