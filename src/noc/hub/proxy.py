"""HQ's Caddyfile, as pure text: `noc.` for operators, `soc.` for everybody."""

from noc.fleet.model import Fleet
from noc.hub.places import PUBLIC_PAGES, WEB_SOCKET
from noc.hub.publicsite import status_page

BANNER = "# Written by `noc hub install`; edited by hand, it is overwritten."
MOST_BODY = "64KB"


def caddyfile(fleet: Fleet, *, acme_root: str | None) -> str:
    """The proxy's whole configuration.

    Args:
        fleet: the fleet.
        acme_root: file with the root that the ACME authority's own certificate hangs on, None for a public one.
    """
    email = f"\temail {fleet.acme.email}\n" if fleet.acme.email else ""
    root = f"\tacme_ca_root {acme_root}\n" if acme_root else ""
    names = [f"{name}.{fleet.domain}" for name in fleet.hub.names]
    sites = "".join(_site(name) for name in names)
    # Without HTTP/3: it would be offered on a UDP port that the firewall does not open.
    servers = "\tservers {\n\t\tprotocols h1 h2\n\t}\n"
    return f"{BANNER}\n{{\n{email}\tacme_ca {fleet.acme.authority}\n{root}{servers}}}\n{sites}"


def _site(name: str) -> str:
    return status_page(name, str(PUBLIC_PAGES)) if name.startswith("soc.") else _operators_page(name)


def _operators_page(name: str) -> str:
    """The watch's pages and API, from anywhere: the watch asks for a session or a token, and turns nodes away.

    Caddy itself writes for whom it speaks into X-Forwarded-For, and drops what a stranger wrote there.
    """
    return f"""
{name} {{
	header Strict-Transport-Security "max-age=31536000"
	request_body {{
		max_size {MOST_BODY}
	}}
	reverse_proxy unix/{WEB_SOCKET}
}}
"""
