"""What the watch measures of itself: pushes, how long one waits for the disk, how late an incident is recorded."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from noc.watch.api.exposition import Histogram
from noc.watch.store.records import Beat, IncidentSaved, Record

INGEST_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
DETECTION_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class Meters:
    """Counts since the process started; `note` is called with every batch that is on the disk.

    Attributes:
        pushes: how many of each node were stored.
        ingest: seconds from a push's arrival to its being on the disk.
        detection: seconds from the instant at which an incident began to its being on the disk.
    """

    def __init__(self, is_node: Callable[[str], bool]) -> None:
        """Start at zero. What HQ writes of itself as a beat is no push: `is_node` tells."""
        self._is_node = is_node
        self.pushes: Counter[str] = Counter()
        self.ingest, self.detection = Histogram(INGEST_S), Histogram(DETECTION_S)

    def note(self, records: Sequence[Record]) -> None:
        """Count a batch."""
        wall = time.time_ns() / 1_000_000
        for record in records:
            if isinstance(record, Beat) and self._is_node(record.node):
                self.pushes[record.node] += 1
                self.ingest.observe(max(0.0, wall - record.at) / 1000)
            elif isinstance(record, IncidentSaved) and record.alert == "opened":
                self.detection.observe(max(0.0, wall - record.incident.started) / 1000)
