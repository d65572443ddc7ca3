"""What can go wrong with others' services: E250 to E289.

NocError
├── DnsRefused       E250  the name server or its provider said no
├── DnsUnreachable   E251  it did not answer
├── ForeignRecord    E252  a name that is ours by the fleet file is somebody else's by its mark
└── NoDnsToken       E253
"""

from noc.errors import NocError


class DnsRefused(NocError):
    """The DNS provider, or the name server, refused a question or a change; nothing of the batch was applied.

    Its own words stand in the error. A token needs the right to edit the DNS of this one zone and nothing else.
    """

    code = "E250"


class DnsUnreachable(NocError):
    """The DNS provider, or the name server, did not answer. Whether a change was applied is seen by `noc dns plan`."""

    code = "E251"


class ForeignRecord(NocError):
    """A name that the fleet needs has a record without the fleet's mark: it was made by hand.

    Records without the mark are never changed or removed. Remove it at the provider if it is not needed, or give the
    node another subdomain.
    """

    code, exit_code = "E252", 7


class NoDnsToken(NocError):
    """HQ has no credential for the DNS provider: `dns_token` for Cloudflare, `dns_tsig` for a name server."""

    code, exit_code = "E253", 5
