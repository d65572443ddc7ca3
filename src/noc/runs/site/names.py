"""The fleet's zone as a run works with it: HQ's credential for it, and its name servers."""

from noc.cloud.dns.authority import Authority
from noc.cloud.dns.balancing import Balancing
from noc.cloud.dns.cloudflare import CloudflareZone
from noc.cloud.dns.cloudflare_balancing import CloudflareBalancing
from noc.cloud.dns.nameserver import NameServerZone
from noc.cloud.dns.zone import Zone
from noc.cloud.errors import DnsRefused, NoDnsToken
from noc.runs.site.credential import credential
from noc.runs.site.site import Site

CREDENTIALS = {"cloudflare": "dns_token", "rfc2136": "dns_tsig"}
"""The credential of each provider."""


def has_zone(site: Site) -> bool:
    """Whether HQ keeps the fleet's names; where it does not, a person does."""
    return (site.paths.credentials / CREDENTIALS[site.fleet.dns.provider]).exists()


def zone(site: Site) -> Zone:
    """The fleet's zone.

    Raises:
        NoDnsToken: HQ has no credential for it, or one that cannot be read.
        CredentialExposed: others could read it.
    """
    fleet, secret = site.fleet, _secret(site)
    if fleet.dns.provider == "cloudflare":
        return CloudflareZone(fleet.domain, fleet.name, secret, fleet.dns.api)
    assert fleet.dns.server is not None
    return NameServerZone(fleet.domain, fleet.name, fleet.dns.server, secret)


def balancing(site: Site) -> Balancing:
    """The load balancing of the fleet's domain.

    Raises:
        NoDnsToken, CredentialExposed: as `zone`.
        DnsRefused: the zone's provider has none.
    """
    fleet = site.fleet
    if fleet.dns.provider != "cloudflare":
        what = f"{fleet.domain} has a load balancer at Cloudflare, and [dns] names another provider"
        raise DnsRefused(what, fix='first let it go: provider = "cloudflare", method = "single", then noc dns apply')
    return CloudflareBalancing(fleet.domain, fleet.name, _secret(site), fleet.dns.api)


def _secret(site: Site) -> str:
    name = CREDENTIALS[site.fleet.dns.provider]
    if not has_zone(site):
        what = f"HQ has no credential for the zone {site.fleet.domain}"
        raise NoDnsToken(what, fix=f"noc hub secret set {name} <FILE, as root on HQ")
    return credential(site.paths.credentials, name).decode().strip()


def authority(site: Site) -> Authority:
    """Who answers for the zone."""
    return Authority(site.fleet.domain, [site.fleet.dns.server] if site.fleet.dns.server else [])
