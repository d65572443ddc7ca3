"""One record of a run in words: beside its step, for the run as a whole, and as a line of its own."""

from noc.runs.record.events import RESUMED, RUN, Event

_SHOWN = 4


def notice(event: Event) -> str:
    """What a record of the run as a whole says, in one line."""
    detail = event.detail
    if event.step == "wave":
        alone = detail.get("canary", not detail.get("number"))
        wave = "canary" if alone else f"wave {detail.get('number', '?')}"
        place = f" of {detail['region']}" if "region" in detail else ""
        return f"{wave}{place}: {_few(detail.get('nodes', []))}"
    told = {RESUMED: f"gone on with by {detail.get('by', '?')}", "rollback-fleet": "turning the whole fleet back"}
    said = words(event)
    return ": ".join(filter(None, [told.get(event.step, event.step), said]))


def words(event: Event) -> str:
    """What a record adds to its step, in words; "" where the state says all."""
    detail = event.detail
    if error := detail.get("error"):
        return f"{error['what']}: {error['why']}" if error.get("why") else str(error["what"])
    if "say" in detail:
        return str(detail["say"])
    if "changed" in detail:
        return _few(detail["changed"]) or "unchanged"
    if "bytes" in detail:
        return f"{detail['bytes'] / 2**20:.1f} MiB sent" if detail["bytes"] else "there already"
    return str(detail.get("why") or detail.get("reason") or "")


def _few(changed: list[str]) -> str:
    shown = ", ".join(changed[:_SHOWN])
    return f"{shown} and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else shown


def line(event: Event) -> str | None:
    """One record as a line without its glyph: time (UTC), node, step, state, words. None for a run's first and last."""
    if event.step == RUN:
        return None
    if event.node is None:
        return f"{event.at:%H:%M:%S}Z  fleet  {notice(event)}"
    told = f"  {text}" if (text := words(event)) else ""
    seconds = f" ({event.detail['seconds']:g} s)" if "seconds" in event.detail else ""
    return f"{event.at:%H:%M:%S}Z  {event.node}  {event.step}  {event.state}{seconds}{told}"
