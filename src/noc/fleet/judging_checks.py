"""What a schema cannot say of `[judging]`, `[[rule]]` and `[[maintenance]]`: limits that agree, times that come."""

from collections.abc import Iterator
from typing import Any

from noc.fleet.cron import Cron
from noc.fleet.document import Document
from noc.fleet.errors import Problem
from noc.fleet.judging import LIMITS
from noc.fleet.places import KeyPath
from noc.fleet.windows import known_zone, mistakes

Table = dict[str, Any]


def rule_limits(document: Document) -> Iterator[Problem]:
    """A rule has one limit, and is right again on the other side of it."""
    for path, table in document.tables("rule"):
        given = [key for key in LIMITS if key in table]
        if len(given) != 1:
            fix = f"give one of {', '.join(LIMITS)}"
            yield document.problem(path, f"rule {table.get('name')} has {len(given) or 'no'} limits", fix)
            continue
        limit, clear = table[given[0]], table.get("clear")
        if given[0] == "other_than":
            if clear is not None:
                yield document.problem((*path, "clear"), "a text is right or wrong: nothing lies between", "remove it")
        elif _crossed(given[0], limit, clear):
            what = f"clear = {clear} lies on the wrong side of {given[0]} = {limit}"
            yield document.problem((*path, "clear"), what, "the rule must let go later than it takes hold")


def _crossed(kind: str, limit: object, clear: object) -> bool:
    if not isinstance(limit, int | float) or not isinstance(clear, int | float):
        return False
    return clear < limit if kind == "below" else clear > limit


def unique_rules(document: Document) -> Iterator[Problem]:
    """No two rules share a name, and none is called as the judgement of pushes is."""
    taken = {"liveness": "it is what pushes are judged by"}
    for path, name in document.texts("rule", "name"):
        if name in taken:
            yield document.problem(path, f"no rule can be called {name}: {taken[name]}", "give it another name")
        taken[name] = "another rule has it"


def known_scopes(document: Document) -> Iterator[Problem]:
    """Rules and windows name nodes, tags and batches that exist, and regions are tags."""
    tags = {tag for _, tag in document.texts("nodes", "tags")}
    nodes = {name for _, name in document.texts("nodes", "name")} | tags
    batches = {f"batch-{number}" for _, number in document.values("nodes", "batch")} | {"batch-0"}
    hub = {name for _, name in document.texts("hub", "name")}
    for path, name in document.texts("rule", "nodes"):
        if name not in nodes:
            yield document.problem(path, f"no node and no tag is called {name}", "name nodes or tags of this file")
    for path, name in document.texts("maintenance", "nodes"):
        if name not in nodes | batches | hub | {"all"}:
            fix = 'name nodes, tags, batches as "batch-1", the hub, or "all"'
            yield document.problem(path, f"no node, tag or batch is called {name}", fix)
    for path, name in document.texts("judging", "regions"):
        if name not in tags:
            yield document.problem(path, f"no node has the tag {name}", "name tags of [[nodes]]")


def shares(document: Document) -> Iterator[Problem]:
    """What is lost together ends below the share at which it begins."""
    judging = document.data.get("judging")
    table = judging if isinstance(judging, dict) else {}
    share, clear = table.get("lost_share", 0.6), table.get("lost_clear", 0.5)
    if isinstance(share, int | float) and isinstance(clear, int | float) and clear > share:
        what = f"lost_clear = {clear} is larger than lost_share = {share}"
        yield document.problem(("judging", "lost_clear"), what, "end it below the share at which it begins")


def maintenance_times(document: Document) -> Iterator[Problem]:
    """A window is written in one form, comes, and ends after it begins."""
    for path, table in document.tables("maintenance"):
        forms = {key for key in ("from", "until", "cron", "minutes") if key in table}
        if forms not in ({"from", "until"}, {"from", "minutes"}, {"cron", "minutes"}):
            fix = "give from and until, from and minutes, or cron and minutes"
            yield document.problem(path, f"a window cannot have {', '.join(sorted(forms)) or 'no time'} alone", fix)
        elif isinstance(zone := table.get("zone"), str) and known_zone(zone):
            yield from _window(document, path, table, zone)


def _window(document: Document, path: KeyPath, table: Table, zone: str) -> Iterator[Problem]:
    if isinstance(cron := table.get("cron"), str):
        try:
            Cron.read(cron, zone)
        except ValueError as error:
            fix = 'five fields, such as "0 2 * * sun": minute, hour, day, month, day of the week'
            yield document.problem((*path, "cron"), str(error), fix)
        return
    start, end = table.get("from"), table.get("until", table.get("from"))
    if isinstance(start, str) and isinstance(end, str):
        for key, what, fix in mistakes(start, end, zone):
            if "until" in table or key == "from":
                yield document.problem((*path, key), what, fix)


JUDGING_CHECKS = (rule_limits, unique_rules, known_scopes, shares, maintenance_times)
