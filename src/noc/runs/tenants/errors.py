"""What can go wrong with tenants: E790 to E796."""

from noc.errors import NocError


class PlacementOff(NocError):
    """The fleet file has no `[placement]`, or HQ was not brought to it yet: then HQ has no key for tenants.

    With the table in `fleet.toml`, `noc hub apply` makes both keys, and `noc deploy all --config` brings nodes theirs.
    """

    code, exit_code = "E790", 6


class TenantUnknown(NocError):
    """Nobody of that handle, or of that id, was placed."""

    code, exit_code = "E791", 4


class RegistryUnusable(NocError):
    """HQ's registry of tenants cannot be read or written: its disk is full, or the file is damaged.

    Nodes go on answering from the directory that they have. A backup of HQ holds the registry, and what a node holds
    beyond it is taken over from there.
    """

    code = "E792"


class TenantElsewhere(NocError):
    """The tenant lives on another node already, with their data: a placement does not move anybody."""

    code, exit_code = "E793", 7


class NodeBehind(NocError):
    """The node on which the tenant is to sign up does not have the directory that names them yet.

    The tenant is placed, and HQ goes on sending: the same command gives the invitation once the node has it.
    """

    code, exit_code = "E794", 3


class NoInvitation(NocError):
    """The node gave no invitation; the tenant is placed, and the same command asks again."""

    code, exit_code = "E795", 3


class DirectoryUntaken(NocError):
    """A node has a newer directory than HQ, and it could not be taken over from there.

    HQ was put back from a backup that is older than the newest placement. Before HQ places or forgets anybody, it has
    to know what nodes were told since: let the node answer, or look at what it holds.
    """

    code, exit_code = "E796", 7
