"""What can go wrong with the OpenClaw kit. Codes E875 to E879."""

from noc.errors import NocError


class KitEdited(NocError):
    """Files of the kit are not as `noc openclaw init` wrote them: somebody edited them, or they were there first.

    What would be changed is shown as a diff. `--force` writes the kit all the same; what was there is lost.
    """

    code, exit_code = "E875", 7


class UnsafePlace(NocError):
    """A kit is read by a program that holds the model's key, so that nobody but its owner may write where it lies.

    A link, a directory that others may write to, or something that is no directory, is refused.
    """

    code, exit_code = "E876", 6


class BadLiveConfig(NocError):
    """The configuration that OpenClaw runs by cannot be read: it is not there, is too large, or is no JSON5.

    What cannot be read cannot be vouched for, so that `noc openclaw doctor` says nothing else about it.
    """

    code, exit_code = "E877", 6
