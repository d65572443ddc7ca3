"""Regions that an account has to switch on: asked of the account itself, since a region that is off knows nobody.

EC2 answers there as it does to bad credentials, so it is never asked before.
https://docs.aws.amazon.com/accounts/latest/reference/API_GetRegionOptStatus.html
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from noc.cloud.ec2.port import Account, Region
from noc.cloud.errors import CloudUnreachable, RateLimited, RegionOff
from noc.fleet.regions import regions

HOME: Final = "us-east-1"
"""Where the account, its quotas' service and the price list are asked."""
ON: Final = frozenset({"ENABLED", "ENABLED_BY_DEFAULT"})
POLL_S: Final = 5.0


def standings(account: Account) -> dict[str, str]:
    """Every region's standing, in the account API's words: ENABLED, ENABLED_BY_DEFAULT, ENABLING, DISABLED …"""
    rows = account.region(HOME).pages("account", "ListRegions", "Regions")
    return {row["RegionName"]: row["RegionOptStatus"] for row in rows}


def check_on(region: Region) -> None:
    """Raise RegionOff where a region has to be switched on first, and is not."""
    known = regions()["aws"].get(region.name)
    if known is not None and not known.opt_in:
        return
    standing = _standing(region.account, region.name)
    if standing not in ON:
        raise RegionOff(
            f"{region.name} is not switched on for this account",
            why=f"it is {standing.lower()}",
            fix="noc preflight --enable-regions asks for it and waits",
        )


def switch_on(account: Account, names: Iterable[str], tell: Callable[[str], None], within_s: float) -> None:
    """Ask for regions, as many at a time as the account may have on their way, and wait until all are on.

    Args:
        account: whose.
        names: regions that are off.
        tell: hears of each that is asked for, and of each that is on.
        within_s: seconds for all of them together; the original takes minutes to hours.

    Raises:
        CloudUnreachable: some are still on their way then; they go on by themselves.
        CloudRefused and those below it.
    """
    waiting, under_way, end = list(names), list[str](), time.monotonic() + within_s
    while waiting or under_way:
        waiting = _asked(account, waiting, under_way, tell)
        for name in [name for name in under_way if _standing(account, name) in ON]:
            under_way.remove(name)
            tell(f"{name} is switched on")
        if not waiting and not under_way:
            return
        if time.monotonic() > end:
            left = ", ".join((*under_way, *waiting))
            fix = "they go on by themselves: look again with noc preflight"
            raise CloudUnreachable(f"not switched on within {within_s:.0f} s: {left}", fix=fix)
        time.sleep(min(POLL_S, max(end - time.monotonic(), 0)))


def _asked(account: Account, waiting: list[str], under_way: list[str], tell: Callable[[str], None]) -> list[str]:
    """Ask for regions until the account says that these are enough at a time; returns those that have to wait."""
    for number, name in enumerate(waiting):
        try:
            account.region(HOME).call("account", "EnableRegion", RegionName=name)
        except RateLimited:
            if not under_way:
                raise
            return waiting[number:]
        under_way.append(name)
        tell(f"{name} is asked for")
    return []


def _standing(account: Account, name: str) -> str:
    answer = account.region(HOME).call("account", "GetRegionOptStatus", RegionName=name)
    return str(answer["RegionOptStatus"])
