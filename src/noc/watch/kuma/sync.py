"""A sync's thin edge: looks at an Uptime Kuma, and does what a plan says, in an order that can be cut anywhere.

The tag comes first and each new monitor gets it at once, so that what a cut sync has made is found by the next one.
"""

import secrets
import string
from collections.abc import Callable
from typing import Any

from noc.watch.kuma.page import documents
from noc.watch.kuma.plan import Step, SyncPlan, groups_planned, own_monitors
from noc.watch.kuma.seen import Row, Seen, read_notices, read_rows, read_version
from noc.watch.kuma.wanted import PAGE_MARK, MonitorWish, Wishes
from noc.watch.kuma.wire import Wire

TOKEN_CHARS = 32
"""As its own pages draw them; in MariaDB its column has no room for more."""
_ALPHABET = string.ascii_letters + string.digits
_COLOUR = "#4B5563"
_ROWS = {
    "accepted_statuscodes": ["200-299"],
    "conditions": [],
    "kafkaProducerBrokers": [],
    "kafkaProducerSaslOptions": {"mechanism": "None"},
    "rabbitmqNodes": [],
}
"""What `add` turns into JSON without looking whether it is there; `conditions` may not be null."""

Told = Callable[[Step], object]


def look(wire: Wire, wishes: Wishes, url: str) -> Seen:
    """See what is there, over a connection that has just signed in.

    Raises:
        KumaVersion, KumaRefused, KumaUnreachable.
    """
    lists = wire.lists()
    version = read_version(lists["info"])
    pages = read_rows(lists["statusPageList"], "status pages")
    there = any(page.get("slug") == wishes.slug for page in pages)
    page = wire.call("getStatusPage", wishes.slug)["config"] if there else None
    groups = wire.http.page(url, wishes.slug).get("publicGroupList", []) if there else []
    return Seen(
        version,
        read_rows(lists["monitorList"], "monitors"),
        read_rows(wire.call("getTags").get("tags"), "tags"),
        read_notices(lists["notificationList"]),
        page,
        read_rows(groups, "groups"),
    )


class Sync:
    """What a plan does to one Uptime Kuma."""

    def __init__(self, wire: Wire, wishes: Wishes, seen: Seen, plan: SyncPlan, told: Told = lambda _: None) -> None:
        """Prepare.

        Args:
            wire: signed in.
            wishes, seen, plan: what there should be, what is there, and what is to be done.
            told: hears each step before it is done.
        """
        self._wire, self._wishes, self._seen, self._plan, self._told = wire, wishes, seen, plan, told
        self._rows = {row["id"]: row for row in seen.monitors}
        self._ids = {node: int(row["id"]) for node, row in own_monitors(wishes, seen).items()}

    def apply(self) -> None:
        """Do it. What was done until an error stays. Raises KumaRefused, KumaUnreachable."""
        tag, notice = self._tag(self._plan.one("tag")), self._notice(self._plan.one("notification"))
        wished = {wish.node: wish for wish in self._wishes.monitors}
        for step in self._plan.steps:
            if step.what == "monitor" and step.kind == "pause":
                self._told(step)
                self._wire.call("pauseMonitor", step.id)
            elif step.what == "monitor":
                self._ids[step.name] = self._monitor(step, wished[step.name], tag, notice)
        self._page(self._plan.one("status page"))

    def _tag(self, step: Step) -> int:
        if step.id is not None:
            return step.id
        self._told(step)
        return int(self._wire.call("addTag", {"name": self._wishes.tag, "color": _COLOUR})["tag"]["id"])

    def _notice(self, step: Step) -> int:
        if step.kind == "unchanged" and step.id is not None:
            return step.id
        self._told(step)
        return int(self._wire.call("addNotification", dict(self._wishes.notice), step.id)["id"])

    def _monitor(self, step: Step, wish: MonitorWish, tag: int, notice: int) -> int:
        if step.kind != "unchanged":
            self._told(step)
        if step.id is None:
            number = int(self._wire.call("add", _new(wish, notice))["monitorID"])
            self._wire.call("addMonitorTag", tag, number, wish.node)
            return number
        if step.kind == "change":
            self._change(self._rows[step.id], wish, tag, notice)
        return step.id

    def _change(self, row: Row, wish: MonitorWish, tag: int, notice: int) -> None:
        self._wire.call("editMonitor", _edited(wish, row, notice))
        if wish.node not in self._ids:
            self._wire.call("addMonitorTag", tag, row["id"], wish.node)
        if not wish.active:
            self._wire.call("pauseMonitor", row["id"])  # always: some versions start a paused one that is edited
        elif not row.get("active"):
            self._wire.call("resumeMonitor", row["id"])

    def _page(self, step: Step) -> None:
        if step.kind == "unchanged":
            return
        self._told(step)
        slug, config = self._wishes.slug, self._seen.page
        if config is None:
            self._wire.call("addStatusPage", self._wishes.title, slug)
            config = self._wire.call("getStatusPage", slug)["config"]
        saved = {**config, "title": self._wishes.title, "footerText": PAGE_MARK}
        own = {number: node for node, number in self._ids.items()}
        groups = documents(groups_planned(self._wishes, self._seen, own), self._ids)
        self._wire.call("saveStatusPage", slug, saved, str(config.get("icon") or ""), groups)


def new_token() -> str:
    """A push token that every Uptime Kuma has room for: 190 random bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_CHARS))


def _new(wish: MonitorWish, notice: int) -> dict[str, Any]:
    more = {"pushToken": wish.token or new_token(), "active": wish.active, "notificationIDList": {str(notice): True}}
    return {**_ROWS, **wish.settings, **more}


def _edited(wish: MonitorWish, row: Row, notice: int) -> dict[str, Any]:
    """All that the monitor has, with our settings in it: `editMonitor` replaces every field by what it is given."""
    attached = {**(row.get("notificationIDList") or {}), str(notice): True}
    token = wish.token or row.get("pushToken") or new_token()
    return {**row, **wish.settings, "pushToken": token, "notificationIDList": attached}
