"""What can go wrong with the fleet's names: E575 to E579."""

from noc.errors import NocError


class NameMissing(NocError):
    """A name does not lead where it should, by the word of the zone's own name servers.

    An authority that certifies a node asks for its name first, and failures count against an allowance. So the name
    comes first: `noc dns apply` makes it, once the node has an address.
    """

    code, exit_code = "E575", 7


class ZoneMoved(NocError):
    """The zone is not what it was when the plan was made. Nothing was changed; give the command again."""

    code, exit_code = "E576", 7


class ApexNotProven(NocError):
    """A node does not answer for the domain itself as it must before the domain's record may lead to it.

    Nothing of the record was changed: whoever answered for the domain goes on. Give the command again.
    """

    code, exit_code = "E577", 1


class AllowanceSpent(NocError):
    """A certificate authority lets a domain have so many certificates a week, and what is left does not suffice.

    HQ counts those that it has seen. Beyond the allowance orders fail for everybody in the domain, renewals of live
    nodes excepted, so nothing is begun.
    """

    code, exit_code = "E578", 7
