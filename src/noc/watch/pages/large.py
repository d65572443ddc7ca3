"""The dashboard of a large fleet: what needs a look first, regions with their counts, and the nodes that one asks for.

No page of it, and nothing that is sent to an open one, grows with the fleet: rows come so many at a time.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from noc.fleet.model import Fleet
from noc.watch.clock import Moment, now
from noc.watch.errors import BadRequest
from noc.watch.pages.dashboard import Dashboard
from noc.watch.pages.look import Look
from noc.watch.pages.regions import Region, region_spots, regions
from noc.watch.pages.statuses import Status
from noc.watch.pages.views import Rendered
from noc.watch.pages.worldmap import world_map
from noc.watch.service.watch import Watch

LARGE: Final = 60
"""A fleet of more nodes is shown by regions."""
FAILING_SHOWN: Final = 12
ROWS_SHOWN: Final = 40
REGIONS_SHOWN: Final = 100
INCIDENTS_SHOWN: Final = 10
EVENTS_SHOWN: Final = 20
MOST_WORDS: Final = 64
"""Characters that are searched for."""
_NUMBER: Final = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True)
class Asked:
    """Which nodes an address asks for: those of a region, or those with all these words; from which one on."""

    region: str = ""
    words: str = ""
    start: int = 0

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Asked":
        """Read an address. Raises BadRequest."""
        words, start = query.get("q", "").strip(), query.get("start", "0")
        if len(words) > MOST_WORDS or not _NUMBER.fullmatch(start):
            raise BadRequest("the address asks for nodes that there cannot be")
        return cls(query.get("region", "") if not words else "", words, int(start))

    @property
    def is_all(self) -> bool:
        """Whether nothing was asked for, so that the nodes that need a look are shown."""
        return not self.region and not self.words

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields of its address."""
        said = {"q": self.words, "region": self.region, "start": str(self.start) if self.start else ""}
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True)
class Found:
    """The nodes that were asked for: how many there are, those that are shown, and where the next ones are."""

    asked: Asked
    count: int
    shown: Sequence[Status]

    @property
    def following(self) -> Asked | None:
        """What asks for the next ones; None where there are none."""
        start = self.asked.start + len(self.shown)
        return replace(self.asked, start=start) if not self.asked.is_all and self.shown and start < self.count else None


def find(fleet: Fleet, nodes: Sequence[Status], asked: Asked, texts: Mapping[str, str]) -> Found:
    """The nodes that are asked for, in the order in which all are given.

    Args:
        fleet: the fleet file.
        nodes: every node, the worst first.
        asked: which ones.
        texts: what is searched of each node, by its name, in lower case.
    """
    if asked.is_all:
        wrong = [node for node in nodes if node.needs_a_look]
        return Found(asked, len(wrong), wrong[:FAILING_SHOWN])
    if asked.words:
        words = asked.words.lower().split()
        fitting = [node for node in nodes if all(word in texts[node.name] for word in words)]
    else:
        inside = {node.name for node in fleet.nodes if fleet.region(node) == asked.region}
        fitting = [node for node in nodes if node.name in inside]
    return Found(asked, len(fitting), fitting[asked.start : asked.start + ROWS_SHOWN])


@dataclass
class LargeView:
    """The page of a large fleet at one address.

    Attributes:
        document: the template of the whole page.
        table: the part with the rows.
    """

    watch: Watch
    look: Look
    dashboard: Dashboard
    asked: Asked
    document: str = "large.html"
    table: str = "nodes"

    async def render(self) -> Rendered:
        """All parts as they are now."""
        await self.dashboard.refresh()
        moment, fleet = now(), self.watch.config.fleet
        nodes, seen = self.dashboard.statuses(moment)
        found = find(fleet, nodes, self.asked, self._texts(nodes))
        grouped = regions(fleet, nodes, self.dashboard.told())
        lines = self.dashboard.lines(found.shown, moment)
        spots = region_spots(fleet, grouped[:REGIONS_SHOWN])
        parts = {
            **self.dashboard.around(moment, seen),
            "found": self.look.render("found.html", moment, found=found, total=len(nodes)),
            "nodes": self.dashboard.table_of(lines, moment) if lines else "",
            "older": self.look.render("older.html", moment, following=found.following, most=ROWS_SHOWN),
            "regions": self._regions(grouped, moment),
            "signs": self.look.render("region_signs.html", moment, map=world_map(fleet, spots)),
            "incidents": self.dashboard.incidents(moment, INCIDENTS_SHOWN),
            "events": self.dashboard.events(moment, EVENTS_SHOWN),
        }
        return Rendered(moment, self.dashboard.title(seen), parts, lines)

    def _regions(self, grouped: Sequence[Region], moment: Moment) -> str:
        shown, more = grouped[:REGIONS_SHOWN], max(len(grouped) - REGIONS_SHOWN, 0)
        return self.look.render("regions.html", moment, regions=shown, more=more, here=self.asked.region)

    def _texts(self, nodes: Sequence[Status]) -> Mapping[str, str]:
        """What a search looks at; nothing where none is made."""
        if not self.asked.words:
            return {}
        config, standings = self.watch.config, self.watch.judge.nodes
        found = {}
        for status in nodes:
            node, last = config.nodes[status.name].node, standings[status.name].last
            version = last.version if last else None
            said = (node.name, node.city, node.country, node.region, node.provider, *node.tags, version)
            state = (status.state, status.severity, "maintenance" if status.maintenance else "")
            found[status.name] = " ".join(filter(None, (*said, *state))).lower()
        return found
