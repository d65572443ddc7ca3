"""An invitation to a tenant's node, as the service there makes it: a code with which one account may be opened."""

import json
import re
from typing import Any

from noc.errors import NocError
from noc.fleet.model import Node
from noc.runs.site.site import Site
from noc.runs.tenants.errors import NoInvitation

DAYS, MOST_DAYS = 7, 90
WITHIN_S = 60
_CODE = re.compile(r"[A-Za-z0-9_-]{8,128}")
# As the service's user, with what of its environment the program reads; the code is printed and stands in no argument.
_INVITE = """
. /etc/clavitor/environment
exec runuser -u clavitor -- env CLAVITOR_DB="$CLAVITOR_DB" CLAVITOR_DOMAIN="$CLAVITOR_DOMAIN" \\
  python3 /opt/clavitor/current/clavitor.pyz invite --json --days "$1"
"""


async def invite(site: Site, node: Node, days: int) -> dict[str, Any]:
    """Have a node make an invitation.

    Args:
        site: the fleet.
        node: where the tenant was placed.
        days: until it expires, up to MOST_DAYS.

    Returns:
        `code`, `link` (to the fleet's own name, where the front door leads on to the node) and `expires` (ISO 8601).

    Raises:
        NoInvitation: the node did not make one.
    """
    fix = "give the same command again"
    link = site.link(node)
    try:
        shell = await link.shell()
        done = await shell.run("sh", "-euc", _INVITE, "invite", str(days), timeout_s=WITHIN_S)
    except NocError as error:
        await link.close()
        why = ": ".join(filter(None, (error.what, error.why)))
        raise NoInvitation(f"{node.name} made no invitation", why=why, fix=fix) from None
    await site.keep(node, link)
    code, expires = _read(done.stdout)
    if not _CODE.fullmatch(code):
        raise NoInvitation(f"{node.name} made no invitation", why="what it printed is none", fix=fix)
    return {"code": code, "link": f"https://{site.fleet.domain}/#invitation={code}", "expires": expires}


def _read(text: str) -> tuple[str, str]:
    """Code and expiry; "" for what is not there."""
    try:
        said = json.loads(text)
        return str(said["code"]), str(said["expires"])[:40]
    except (ValueError, KeyError, TypeError):
        return "", ""
