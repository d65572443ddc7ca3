"""What was decided while nothing could be stored: kept in memory until it can be, so that nothing has to be undone."""

from collections.abc import Sequence
from typing import Final

from noc.watch.store.records import Alive, Beat, Event, IncidentSaved, Prune, Record, Sighting

MOST_RECORDS: Final = 5_000


class Unstored:
    """Records that wait for a database in trouble, in order.

    Not kept is what nobody was promised: pushes, which are pushed again, looks from outside, and the server's own signs
    of life. Of an incident only its newest state is, without its alerts: those were told from memory. Where too much
    waits, the oldest events go.
    """

    def __init__(self) -> None:
        """Nothing waits."""
        self._records: dict[object, Record] = {}
        self._number = 0

    def add(self, records: Sequence[Record]) -> None:
        """Keep what must not be lost."""
        for record in records:
            if isinstance(record, Beat | Sighting | Alive | Prune):
                continue
            self._number += 1
            if isinstance(record, IncidentSaved):
                self._records["incident", record.incident.id] = IncidentSaved(record.incident)
            else:
                self._records[self._number] = record
        while len(self._records) > MOST_RECORDS and (oldest := self._oldest_event()) is not None:
            del self._records[oldest]

    def take(self) -> list[Record]:
        """Everything, of which nothing waits any more; to be added again where it could not be stored."""
        records, self._records = list(self._records.values()), {}
        return records

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._records)

    def _oldest_event(self) -> object:
        return next((key for key, record in self._records.items() if isinstance(record, Event)), None)
