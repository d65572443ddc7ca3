"""What can be asked of the cloud through the runner, which alone has the credentials; the fleet is not changed."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from noc.fleet.prices import FILE
from noc.runs.launch.gather import preflight
from noc.runs.launch.pricing import refresh
from noc.runs.site.cloud import account
from noc.runs.site.site import Site


async def preflight_look(site: Site, _names: Sequence[str]) -> dict[str, Any]:
    """Everything that can stop a launch: `{"findings": […], "stops": bool}`."""
    found = await preflight(site)
    return {"findings": [each.as_dict() for each in found], "stops": any(each.stops for each in found)}


async def prices_look(site: Site, _names: Sequence[str]) -> dict[str, Any]:
    """Read the provider's prices anew and keep them: `{"path": …, "prices": […]}`."""
    today = datetime.now(UTC).date()
    rows = await asyncio.to_thread(refresh, account(site), site.fleet, site.paths.fleet, today)
    return {"path": str(site.paths.fleet / FILE), "prices": [vars(row) for row in rows]}
