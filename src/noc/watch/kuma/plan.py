"""What a sync would change. Pure: from what there should be and what is there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from noc.watch.kuma.page import Group, arranged, as_seen
from noc.watch.kuma.seen import Notice, Row, Seen
from noc.watch.kuma.wanted import PAGE_MARK, MonitorWish, Wishes

Kind = Literal["create", "change", "pause", "unchanged", "foreign"]
Thing = Literal["tag", "notification", "monitor", "status page"]


@dataclass(frozen=True)
class Step:
    """One thing in Uptime Kuma, and what becomes of it.

    Attributes:
        kind: what is done; `foreign` is in the way, and nothing is done to it.
        what, name: which thing.
        differences: in words, without any secret.
        id: its number; None where there is none yet.
    """

    kind: Kind
    what: Thing
    name: str
    differences: tuple[str, ...] = ()
    id: int | None = None


@dataclass(frozen=True)
class SyncPlan:
    """All steps, in the order in which they are done."""

    steps: tuple[Step, ...]

    @property
    def foreign(self) -> tuple[Step, ...]:
        """What is in the way."""
        return tuple(step for step in self.steps if step.kind == "foreign")

    @property
    def work(self) -> tuple[Step, ...]:
        """What is to be done."""
        return tuple(step for step in self.steps if step.kind in ("create", "change", "pause"))

    def one(self, what: Thing) -> Step:
        """The step of the one tag, notification or status page."""
        return next(step for step in self.steps if step.what == what)


def plan(wishes: Wishes, seen: Seen, *, adopt: bool = False) -> SyncPlan:
    """What a sync would do.

    Args:
        wishes: what there should be.
        seen: what is there.
        adopt: whether what has one of our names, and is not marked as ours, is taken over.
    """
    tag = next((row["id"] for row in seen.tags if row.get("name") == wishes.tag), None)
    notice = _notice(wishes, seen.notices)
    marked = own_monitors(wishes, seen)
    monitors = [_monitor(wish, wishes, seen, marked.get(wish.node), notice.id, adopt=adopt) for wish in wishes.monitors]
    wished = {wish.node for wish in wishes.monitors}
    gone = [
        Step("pause", "monitor", node, ("no such node is in the fleet any more",), row["id"])
        for node, row in marked.items()
        if node not in wished and row.get("active")
    ]
    own = {step.id: step.name for step in monitors if step.id is not None and step.kind != "foreign"}
    own |= {row["id"]: node for node, row in marked.items()}
    page = _page(wishes, seen, own, adopt=adopt)
    first = Step("unchanged" if tag else "create", "tag", wishes.tag, id=tag)
    return SyncPlan((first, notice, *monitors, *gone, page))


def own_monitors(wishes: Wishes, seen: Seen) -> dict[str, Row]:
    """The monitors that carry our tag, by the node that its value names; of several the oldest."""
    found: dict[str, Row] = {}
    for row in sorted(seen.monitors, key=lambda row: -row["id"]):
        for tag in row.get("tags") or ():
            if tag.get("name") == wishes.tag and tag.get("value"):
                found[str(tag["value"])] = row
    return found


def groups_wanted(wishes: Wishes) -> dict[str, list[str]]:
    """The nodes that the status page shows, by group, in the fleet's order."""
    found: dict[str, list[str]] = {}
    for wish in wishes.monitors:
        if wish.group:
            found.setdefault(wish.group, []).append(wish.node)
    return found


def groups_planned(wishes: Wishes, seen: Seen, own: Mapping[int, str]) -> tuple[Group, ...]:
    """The groups as they should be, those of others included."""
    return arranged(groups_wanted(wishes), as_seen(seen.groups, own))


def _notice(wishes: Wishes, notices: Iterable[Notice]) -> Step:
    name = str(wishes.notice["name"])
    there = next((each for each in notices if each.name == name), None)
    if there is None:
        return Step("create", "notification", name, (f"ntfy {wishes.notice['ntfyserverurl']}, a topic of the fleet",))
    differences = _differences(wishes.notice, there.settings, secret=("ntfyaccesstoken",))
    return Step("change" if differences else "unchanged", "notification", name, differences, there.id)


def _monitor(
    wish: MonitorWish, wishes: Wishes, seen: Seen, marked: Row | None, notice: int | None, *, adopt: bool
) -> Step:
    there = marked or next(
        (row for row in seen.monitors if row.get("name") == wish.node and row.get("type") == "push"), None
    )
    if there is None:
        return Step("create", "monitor", wish.node, () if wish.active else ("paused: the node is not live yet",))
    if marked is None and not adopt:
        why = f"monitor {there['id']} has its name, and not the tag {wishes.tag}"
        return Step("foreign", "monitor", wish.node, (why,), there["id"])
    differences = [
        *_differences(wish.settings, there),
        *([f"active: {there.get('active')} → {wish.active}"] if bool(there.get("active")) != wish.active else []),
        *(["its push token"] if wish.token and there.get("pushToken") != wish.token else []),
        *(["the notification"] if notice is None or str(notice) not in _attached(there) else []),
        *(["the tag"] if marked is None else []),
    ]
    return Step("change" if differences else "unchanged", "monitor", wish.node, tuple(differences), there["id"])


def _page(wishes: Wishes, seen: Seen, own: Mapping[int, str], *, adopt: bool) -> Step:
    if seen.page is None:
        return Step("create", "status page", wishes.slug)
    ours = seen.page.get("footerText") == PAGE_MARK
    if not ours and not adopt:
        why = f"there is one at /status/{wishes.slug}, and its footer does not say: {PAGE_MARK}"
        return Step("foreign", "status page", wishes.slug, (why,))
    there = as_seen(seen.groups, own)
    shown = {group.name: group.nodes for group in there}
    wanted = {group.name: group.nodes for group in groups_planned(wishes, seen, own)}
    differences = [
        *_differences({"title": wishes.title, "footerText": PAGE_MARK}, seen.page),
        *(
            f"{name}: {', '.join(shown.get(name, ())) or 'nothing'} → {', '.join(wanted.get(name, ())) or 'nothing'}"
            for name in dict.fromkeys((*shown, *wanted))
            if shown.get(name, ()) != wanted.get(name, ())
        ),
    ]
    return Step("change" if differences else "unchanged", "status page", wishes.slug, tuple(differences))


def _differences(wanted: Mapping[str, Any], there: Row, *, secret: tuple[str, ...] = ()) -> tuple[str, ...]:
    return tuple(
        name if name in secret else f"{name}: {str(there.get(name))[:80]} → {value}"
        for name, value in wanted.items()
        if there.get(name) != value
    )


def _attached(monitor: Row) -> set[str]:
    listed = monitor.get("notificationIDList")
    return {str(number) for number, on in listed.items() if on} if isinstance(listed, dict) else set()
