"""What can go wrong with a drill: E780 to E784."""

from noc.errors import NocError


class DrillNotPossible(NocError):
    """The fault that was asked for cannot be made here without breaking something else, so it was not made.

    A container shares its kernel's clock, and often its file system, with other machines; a bad release has to be
    named; a lost HQ is rehearsed in the lab alone.
    """

    code, exit_code = "E780", 7


class DrillNeedsRoot(NocError):
    """Stopping HQ's own watch takes root on HQ, which the runner is not: the command itself does it, under sudo."""

    code, exit_code = "E781", 5


class FaultNotMade(NocError):
    """The node, or HQ, did not do what breaks it, so nothing was rehearsed. Whatever was begun ends by itself."""

    code = "E782"


class BadReleaseKept(NocError):
    """A node proved the release that was meant to fail, and was turned back by HQ alone.

    The release is not bad in a way that anybody would notice: build one that dies, or answers 500, once it runs.
    """

    code = "E783"
