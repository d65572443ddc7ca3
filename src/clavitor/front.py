"""Where the vault of a name lives: by the fleet's directory, and so that nobody learns who has one.

A name that the directory does not have lives somewhere as well: on the node that is drawn for it, always the same one.
The draw falls on nodes on which somebody does live, so that no node's name gives away that an answer was drawn, and it
is made for every name, so that none is answered sooner.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from clavitor.candidates import candidates
from clavitor.directory import HEAD, Directory, Head, Node, open_directory
from clavitor.errors import DirectoryError
from clavitor.settings import DirectoryFiles
from clavitor.tenants import read_key, tenant_id

log = logging.getLogger(__name__)

WORD = (1 << 64) - 1
RETRY = 30.0  # seconds until a directory that was refused is looked at again, unless another one comes before


class State(StrEnum):
    """Of the directory: `refused` is a new one that cannot be used, while the one before it goes on to count."""

    FRESH = "fresh"
    STALE = "stale"
    REFUSED = "refused"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Home:
    """Where the vault of a name is.

    Attributes:
        url: the origin that everybody is told; empty without a directory.
        elsewhere: that origin, where it is not this node's own.
        listed: whether the directory has the name: for this service alone.
        state: of the directory.
    """

    url: str = ""
    elsewhere: str = ""
    listed: bool = False
    state: State = State.NONE

    @property
    def may_be_here(self) -> bool:
        """Whether an account of that name in this node's database counts: one from before the directory does."""
        return not (self.listed and self.elsewhere)

    @property
    def takes_sign_ups(self) -> bool:
        """Whether the directory is proven to be the newest: an older one could have the name on another node."""
        return self.state is State.FRESH


@dataclass(frozen=True, slots=True)
class Known:
    """A directory in use, the key to its ids, and what is worked out of its nodes once."""

    directory: Directory
    key: bytes
    candidates: Mapping[Node, tuple[Node, ...]]
    seeds: tuple[int, ...]


class Front:
    """Answers from the directory as it lies on the disk now; a new one is read through once, in the one thread that
    also looks up, so that nobody is answered from half of it.

    Args:
        files: of the directory and of the key.
        own: this node's origin, such as https://frankfurt.clavitor.com.
        clock: seconds since 1970.
    """

    def __init__(self, files: DirectoryFiles, own: str, clock: Callable[[], float] = time.time) -> None:
        self._files, self._own, self._clock = files, own, clock
        self._thread = ThreadPoolExecutor(1, "directory")
        self._known: Known | None = None  # exchanged as a whole: it is read from the event loop, too
        self._seen: tuple[int, ...] | None = ()
        self._refusal, self._retry_at = "", 0.0
        self._refresh()

    async def home(self, name: str) -> Home:
        """Where the vault of a name is, as `fields.account_name` spells it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._home, name)

    async def head(self) -> tuple[Head | None, State]:
        """The head of the directory, None without one, and its state."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._head)

    @property
    def candidates(self) -> Mapping[Node, tuple[Node, ...]]:
        """The few nodes to which a browser measures its way, each with those around it; none without a directory."""
        return self._known.candidates if self._known else {}

    def is_apex(self, host: str) -> bool:
        """Whether a request's Host names the domain itself, behind which any node may be, and no node."""
        known = self._known
        name = host.partition(":")[0].rstrip(".").lower()
        return known is not None and name == known.directory.head.domain and f"https://{name}" != self._own

    def close(self) -> None:
        """Finish what was begun and let go of the directory."""
        self._thread.shutdown()
        self._use(None)

    def _home(self, name: str) -> Home:
        known = self._refresh()
        if known is None:
            return Home()
        tenant = tenant_id(known.key, name)
        try:
            position = known.directory.find(tenant)
        except DirectoryError as error:
            self._use(None)
            self._refuse(str(error))
            return Home()
        drawn = draw(tenant, known.seeds, known.directory.homes)
        url = known.directory.head.nodes[drawn if position is None else position].url
        return Home(url, "" if url == self._own else url, position is not None, self._state(known))

    def _head(self) -> tuple[Head | None, State]:
        known = self._refresh()
        return (known.directory.head, self._state(known)) if known else (None, State.NONE)

    def _state(self, known: Known) -> State:
        if self._clock() > known.directory.head.until:
            return State.STALE
        return State.REFUSED if self._refusal else State.FRESH

    def _refresh(self) -> Known | None:
        """Take over the directory that lies there, if it is another one than was seen last; return what counts now."""
        seen = self._look()
        if seen != self._seen or (self._refusal and time.monotonic() >= self._retry_at):
            self._seen = seen
            try:
                self._use(_load(self._files))
            except DirectoryError as error:
                self._refuse(str(error))
            else:
                self._refusal = ""
        return self._known

    def _look(self) -> tuple[int, ...] | None:
        """What tells one head from the next, without reading it."""
        try:
            status = (self._files.path / HEAD).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _refuse(self, why: str) -> None:
        if why != self._refusal:
            goes_on = "the one before it counts" if self._known else "there is none"
            log.error("the directory is refused, and %s: %s", goes_on, why)
        self._refusal, self._retry_at = why, time.monotonic() + RETRY

    def _use(self, known: Known | None) -> None:
        before, self._known = self._known, known
        if before is not None:
            before.directory.close()


def _load(files: DirectoryFiles) -> Known:
    key = read_key(files.key)
    directory = open_directory(files.path)
    head = directory.head
    until = datetime.fromtimestamp(head.until, UTC).isoformat(timespec="seconds")
    text = "directory %d: %d tenants on %d of %d nodes, proven until %s"
    log.info(text, head.version, head.count, len(directory.homes), len(head.nodes), until)
    return Known(directory, key, candidates(head.nodes), tuple(seed(node.name) for node in head.nodes))


def seed(name: str) -> int:
    """What stands for a node in the draw: 64 bits of its name's hash."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())


def draw(tenant: str, seeds: Sequence[int], homes: Sequence[int]) -> int:
    """The position of the node that stands for the home of a tenant who has none.

    Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998) over the nodes'
    names, scored by multiplication (Dietzfelbinger et al., "A reliable randomized algorithm for the closest-pair
    problem", 1997), which costs a fleet of 2,000 nodes a fraction of a millisecond: always the same, and a node that
    joins moves only those whom it draws to itself. Whether a node is open does not count: it may change any day, and
    those that moved with it would be known to be nobody.

    Args:
        tenant: the id, which only holders of the tenant key can tell.
        seeds: of the directory's nodes.
        homes: positions of those on which somebody lives; empty in an empty directory, where all count.
    """
    mask, factor = int(tenant[:16], 16), int(tenant[16:], 16) | 1
    places = homes or range(len(seeds))
    scores = [((seeds[place] ^ mask) * factor) & WORD for place in places]
    return places[scores.index(max(scores))]
