"""What can go wrong with others' services: E250 to E289.

NocError
├── DnsRefused       E250  the name server or its provider said no
├── DnsUnreachable   E251  it did not answer
├── ForeignRecord    E252  a name that is ours by the fleet file is somebody else's by its mark
├── NoDnsToken       E253
├── CertificateRefused     E254  the certificate authority said no
├── AuthorityUnreachable   E255  it did not answer
├── CertificateUnreadable  E256
├── ForeignBalancer  E257  what routing by latency needs is somebody else's by its mark
├── BalancingOff     E258  the account's subscription holds no load balancing, or not so much of it
└── CloudRefused     E260  the cloud said no, and nothing above says it better
    ├── CloudUnreachable    E261
    ├── NoCloudCredentials  E262
    ├── CredentialsExpired  E263
    ├── NotPermittedThere   E264
    ├── RegionOff           E265
    ├── TypeNotOffered      E266
    ├── QuotaExhausted      E267
    ├── NoImage             E268
    ├── RateLimited         E269
    └── NoCapacity          E270
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


class CertificateRefused(NocError):
    """The certificate authority refused an order; its own words stand in the error.

    Failures count: five an hour for a name at Let's Encrypt, and fifty certificates a week for a domain. See to the
    cause before the command is given again; `acme.staging` takes an authority for rehearsals.
    """

    code = "E254"


class AuthorityUnreachable(NocError):
    """The certificate authority did not answer, or not as ACME (RFC 8555) says."""

    code, exit_code = "E255", 8


class CertificateUnreadable(NocError):
    """What should be a certificate with its private key is none, or the two do not belong together."""

    code = "E256"


class ForeignBalancer(NocError):
    """A pool's name, or the domain's load balancer, is there without the fleet's mark: it was made by hand.

    What has no mark is never changed or removed. Remove it at the provider if it is not needed, or go back to one node:
    `method = "single"` under `[routing]`.
    """

    code, exit_code = "E257", 7


class BalancingOff(NocError):
    """The account has no load balancing, or not for so many endpoints or looks so often: it is a paid subscription.

    A person subscribes at the provider; `noc dns plan` says what it costs a month at list prices. What was made before
    the refusal stays, and is found by the next `noc dns plan`.
    """

    code, exit_code = "E258", 7


class CloudRefused(NocError):
    """The cloud refused a call, for a reason that has no code of its own here; its own code stands in the error.

    A launch that is refused takes back what it made. What could not be taken back carries the node's tags: the next
    `noc launch` goes on with it, `noc terminate` removes it.
    """

    code = "E260"


class CloudUnreachable(CloudRefused):
    """The cloud's API did not answer in time. Whether the call was carried out is found out by the next one."""

    code, exit_code = "E261", 8


class NoCloudCredentials(CloudRefused):
    """HQ has no credentials for the cloud: `aws` among HQ's credentials, as AWS's own shared credentials file."""

    code, exit_code = "E262", 5


class CredentialsExpired(CloudRefused):
    """The cloud does not accept the credentials any more: they have expired, or were revoked."""

    code, exit_code = "E263", 5


class NotPermittedThere(CloudRefused):
    """The credentials are good, and not for this call. `noc preflight --policy` prints the least that they need."""

    code, exit_code = "E264", 5


class RegionOff(CloudRefused):
    """The region is not switched on for this account.

    Regions opened after March 2019 are off until an account asks for them, which takes minutes to hours:
    `noc preflight --enable-regions` asks and waits.
    """

    code, exit_code = "E265", 7


class TypeNotOffered(CloudRefused):
    """The region does not offer the node's type of machine at present.

    Give the node another `instance_type` or `region` in the fleet file, or accept it as left out for a while.
    """

    code, exit_code = "E266", 7


class QuotaExhausted(CloudRefused):
    """The account may run no more machines or hold no more addresses in this region; the quota is raised on request."""

    code, exit_code = "E267", 7


class NoImage(CloudRefused):
    """The region has no image of the wanted name and age. Their publisher removes images after 90 days."""

    code, exit_code = "E268", 4


class RateLimited(CloudRefused):
    """The cloud was asked too often, and went on saying so after several tries with growing pauses."""

    code, exit_code = "E269", 8


class NoCapacity(CloudRefused):
    """The region has no machine of this type left at this moment; it may have one in another zone, or later."""

    code, exit_code = "E270", 8
