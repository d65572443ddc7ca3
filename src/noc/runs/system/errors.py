"""What can go wrong with the weekly update. Codes E590 to E594."""

from noc.errors import NocError


class OutsideWindow(NocError):
    """The weekly update begins inside its window alone: `[os_update]` in the fleet file.

    What is planned may be looked at any time: `noc os-update plan`. A person who cannot wait changes the window, or
    gives `noc deploy all --system`, which takes the lock of nixpkgs as it is.
    """

    code, exit_code = "E590", 7


class FleetUnwell(NocError):
    """An incident is open, so the weekly update does not begin: it would blur what is wrong, and blame what is not."""

    code, exit_code = "E591", 7


class LockGone(NocError):
    """The lock of nixpkgs that the plan was made with is not on HQ any more, or is another one.

    Make the plan again: `noc os-update run` asks for the newest lock anew.
    """

    code, exit_code = "E592", 7


class NotBack(NocError):
    """A node that was rebooted did not answer through the tunnel in time. No other node was touched.

    It may hang at its boot loader, or its tunnel does not come up. Its console says which.
    """

    code = "E593"


class StillDue(NocError):
    """A node came back from its reboot, healthy, and with the same parts of its system as before.

    Its boot loader starts another generation than the one that was kept: look at /boot on the node.
    """

    code = "E594"
