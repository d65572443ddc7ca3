"""HQ's Caddyfile, as pure text: `noc.` for operators, `soc.` for everybody."""

from ipaddress import IPv4Address, summarize_address_range

from noc.fleet.model import Fleet
from noc.hub.places import PUBLIC_PAGES, WATCH_SOCKET
from noc.hub.publicsite import status_page

BANNER = "# Written by `noc hub install`; edited by hand, it is overwritten."
_FIRST_OPERATOR, _LAST_OPERATOR = 2, 9  # addresses of the tunnel's network that are kept for operators' own peers


def operator_networks(fleet: Fleet) -> tuple[str, ...]:
    """The operators' addresses in the tunnel, as the fewest networks that hold exactly them."""
    base = int(fleet.tunnel.network.network_address)
    first, last = IPv4Address(base + _FIRST_OPERATOR), IPv4Address(base + _LAST_OPERATOR)
    return tuple(str(network) for network in summarize_address_range(first, last))


def caddyfile(fleet: Fleet, *, acme_root: str | None) -> str:
    """The proxy's whole configuration.

    Args:
        fleet: the fleet.
        acme_root: file with the root that the ACME authority's own certificate hangs on, None for a public one.
    """
    email = f"\temail {fleet.acme.email}\n" if fleet.acme.email else ""
    root = f"\tacme_ca_root {acme_root}\n" if acme_root else ""
    names = [f"{name}.{fleet.domain}" for name in fleet.hub.names]
    sites = "".join(_site(name, fleet) for name in names)
    # Without HTTP/3: it would be offered on a UDP port that the firewall does not open.
    servers = "\tservers {\n\t\tprotocols h1 h2\n\t}\n"
    return f"{BANNER}\n{{\n{email}\tacme_ca {fleet.acme.directory}\n{root}{servers}}}\n{sites}"


def _site(name: str, fleet: Fleet) -> str:
    return status_page(name, str(PUBLIC_PAGES)) if name.startswith("soc.") else _operators_page(name, fleet)


def _operators_page(name: str, fleet: Fleet) -> str:
    """The watch's page, to be read only; from elsewhere than this machine and the operators' tunnels a refusal."""
    networks = " ".join(("127.0.0.0/8", "::1", *operator_networks(fleet)))
    return f"""
{name} {{
	@operators {{
		remote_ip {networks}
		method GET HEAD
	}}
	handle @operators {{
		reverse_proxy unix/{WATCH_SOCKET}
	}}
	handle {{
		respond "This page is for the fleet's operators: ssh -L 8443:127.0.0.1:443 to this machine." 403
	}}
}}
"""
