"""The part of a stand-in for Cloudflare's API that balances: monitors and pools of an account, balancers of a zone.

Each refusal, its source and the test that provokes it stand in docs/stand-ins.md. Nobody is looked at, and nobody is
led anywhere.
"""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

Row = dict[str, Any]
Refuse = Callable[[int, int, str], Exception]
"""Makes what is raised, of the HTTP status, the error's code and its message."""

KINDS = ("monitors", "pools", "balancers")
PLAIN: Row = {"enabled": True, "weight": 1, "port": 0, "header": {}, "flatten_cname": True}
"""What an origin is where nothing else is said."""
MOST_POOLS, LEAST_INTERVAL, MOST_INTERVAL = 20, 15, 3600


def as_kept(degrees: float | None) -> float | None:
    """A coordinate as the original keeps it: a 32-bit number."""
    return None if degrees is None else float(struct.unpack("f", struct.pack("f", degrees))[0])


@dataclass
class Subscription:
    """What the account pays for: whether it may balance at all, and how many endpoints."""

    on: bool = True
    endpoints: int = MOST_POOLS


@dataclass
class BalancingAccount:
    """The objects of one account; balancers are of its one zone.

    Attributes:
        refuse: makes the errors.
        zone: the zone's name.
        rows: objects by their identifiers, of each kind.
    """

    refuse: Refuse
    zone: str = "example.com"
    subscription: Subscription = field(default_factory=Subscription)
    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {kind: {} for kind in KINDS})

    def serve(self, kind: str, id_: str | None, method: str, body: Row) -> Row:
        """One request: a list, or a change of one object."""
        if method == "GET" and id_ is None:
            rows = list(self.rows[kind].values())
            return {"result": rows, "result_info": {"page": 1, "per_page": 1000, "total_count": len(rows)}}
        if method == "POST" and id_ is None:
            return {"result": self._keep(kind, uuid4().hex, body)}
        if id_ not in self.rows[kind]:
            raise self.refuse(404, 1001, "object not found")
        if method == "DELETE":
            self._check_unreferenced(kind, id_)
            return {"result": {"id": self.rows[kind].pop(id_)["id"]}}
        assert method == "PATCH"
        return {"result": self._keep(kind, id_, self.rows[kind][id_] | body)}

    def _keep(self, kind: str, id_: str, row: Row) -> Row:
        checks = {"monitors": self._check_monitor, "pools": self._check_pool, "balancers": self._check_balancer}
        checks[kind](id_, row)
        places: Row = {name: as_kept(row[name]) for name in ("latitude", "longitude") if name in row}
        told: Row = {"origins": [{**PLAIN, **each} for each in row["origins"]]} if "origins" in row else {}
        self.rows[kind][id_] = {"enabled": True, **row, **places, **told, "id": id_}
        return self.rows[kind][id_]

    def _check_monitor(self, _id: str, row: Row) -> None:
        least, most = (LEAST_INTERVAL, MOST_INTERVAL) if self.subscription.on else (1, 1)
        if not least <= row.get("interval", 60) <= most:
            raise self._invalid(f"interval is not in range [{least}, {most}]")

    def _check_pool(self, id_: str, row: Row) -> None:
        if not self.subscription.on:
            raise self.refuse(400, 1002, "Access Failed")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", row["name"]):
            raise self._invalid("pool name is not valid")
        if not 1 <= len(row["origins"]) <= MOST_POOLS:
            raise self._invalid(f"the origin list length must be in range [1, {MOST_POOLS}]")
        if (row.get("latitude") is None) != (row.get("longitude") is None):
            raise self._invalid("latitude and longitude must both be set")
        others = [each for other, each in self.rows["pools"].items() if other != id_]
        if row["name"] in {each["name"] for each in others}:
            raise self.refuse(400, 1003, "value not unique")
        if row.get("monitor") not in {None, *self.rows["monitors"]}:
            raise self._invalid("monitor not found")
        if sum(len(each["origins"]) for each in [*others, row]) > self.subscription.endpoints:
            raise self.refuse(400, 1004, f"exceeded quota: {self.subscription.endpoints} endpoints")

    def _check_balancer(self, id_: str, row: Row) -> None:
        if not self.subscription.on:
            raise self._invalid("load balancing not enabled for zone")
        if row["name"] != self.zone and not row["name"].endswith(f".{self.zone}"):
            raise self._invalid(f"invalid hostname: {row['name']}")
        if row["name"] in {each["name"] for other, each in self.rows["balancers"].items() if other != id_}:
            raise self.refuse(400, 1003, "value not unique")
        if missing := {*row["default_pools"], row["fallback_pool"]} - self.rows["pools"].keys():
            raise self._invalid(f"pool {min(missing)} not found")

    def _check_unreferenced(self, kind: str, id_: str) -> None:
        leaning: Mapping[str, list[Any]] = {
            "monitors": [pool.get("monitor") for pool in self.rows["pools"].values()],
            "pools": [
                pool
                for balancer in self.rows["balancers"].values()
                for pool in (*balancer["default_pools"], balancer["fallback_pool"])
            ],
            "balancers": [],
        }
        if id_ in leaning[kind]:
            raise self.refuse(412, 1005, "This object is referenced by other objects, delete them first.")

    def _invalid(self, what: str) -> Exception:
        return self.refuse(400, 1002, f"{what}: validation failed")
