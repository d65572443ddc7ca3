"""Windows of maintenance as they begin, end and pass, each with its event."""

from dataclasses import replace
from math import inf

from noc.watch.clock import Moment
from noc.watch.judge.scene import Scene
from noc.watch.judge.windows import Calendar, Planned, resolve
from noc.watch.store.records import Event, EventKind, Record, Window


class MaintenanceLog:
    """The calendar, and the records of what it does. Windows that the fleet file names are never stored."""

    def __init__(self) -> None:
        """No window yet."""
        self.calendar = Calendar()
        self._written: set[str] = set()

    def arrange(self, scene: Scene, now: Moment) -> list[Record]:
        """Take the windows that the fleet file names now, and whom every window means now."""
        records: list[Record] = []
        written = {window.id: window for window in scene.windows}
        for name in self._written - set(written):
            gone = self.calendar.remove(name)
            records += [_event("maintenance-ended", gone, now)] if gone is not None and gone.until is not None else []
        self._written = set(written)
        known = {name: each.window for name, each in self.calendar.planned.items()}
        for window in (known | written).values():
            self.calendar.add(window, resolve(window.scope, scene.scopes))
        return records + self.look(now)

    def open(self, window: Window, scene: Scene, now: Moment) -> list[Record]:
        """Take one more window, or another in the place of one; what says the same as before changes nothing.

        Raises ValueError or KeyError where it says no time, or no zone.
        """
        known = self.calendar.planned.get(window.id)
        if known is not None and replace(known.window, who=window.who, created=window.created) == window:
            return []
        self.calendar.add(window, resolve(window.scope, scene.scopes))
        ended = [_event("maintenance-ended", known, now)] if known is not None and known.until is not None else []
        return [*ended, window, *self.look(now)]

    def close(self, name: str, now: Moment) -> list[Record] | None:
        """End a window for good; None where there is none of that id that could be ended."""
        gone = self.calendar.remove(name) if name not in self._written else None
        if gone is None:
            return None
        ended = [_event("maintenance-ended", gone, now)] if gone.until is not None else []
        return [replace(gone.window, ended=now.wall), *ended]

    def look(self, now: Moment) -> list[Record]:
        """Let windows begin and end; one that will never hold again is closed."""
        began, ended, past = self.calendar.look(now.wall)
        records: list[Record] = [_event("maintenance-began", each, now) for each in began]
        records += [_event("maintenance-ended", each, now) for each in ended]
        for each in past:
            if each.window.id not in self._written:
                self.calendar.remove(each.window.id)
                records.append(replace(each.window, ended=now.wall))
        return records

    def due(self, now: Moment) -> float:
        """The monotonic instant at which `look` has something to do; long ago, where the wall clock was set back."""
        change = self.calendar.next_change(now.wall)
        return change if abs(change) == inf else now.mono_at(round(change))

    def holding(self, name: str) -> frozenset[str]:
        """The ids of the windows that hold for a node, or for HQ."""
        return self.calendar.holding(name)


def _event(kind: EventKind, planned: Planned, now: Moment) -> Event:
    window = planned.window
    said = {"window": window.id, "scope": list(window.scope), "reason": window.reason, "who": window.who}
    detail = said | {"until": planned.until}  # a server that is down at its end writes no end
    return Event(kind, None, now.wall, detail=detail)
