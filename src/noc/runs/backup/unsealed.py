"""Keys of epochs that a person has opened: in the runner's memory alone, for an hour, or until somebody seals them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from noc.backup.epoch import Epoch, Opener
from noc.backup.manifest import Manifest
from noc.runs.backup.errors import NotUnsealed

HELD_S = 3600.0


@dataclass(frozen=True)
class _Key:
    """One epoch's identity, and until when it may be used, on the monotonic clock. It is never shown."""

    identity: str = field(repr=False)
    until: float


class Unsealed:
    """The keys that are open now, by node and epoch."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold none; `clock` gives seconds that only rise."""
        self._clock = clock
        self._keys: dict[tuple[str, str], _Key] = {}

    def hold(self, epoch: Epoch, identity: str) -> None:
        """Hold an epoch's key for an hour from now.

        Raises:
            WrongIdentity: its public half is not the epoch's.
        """
        Opener(epoch, identity)
        self._keys[epoch.node, epoch.id] = _Key(identity.strip(), self._clock() + HELD_S)

    def identity(self, manifest: Manifest) -> str:
        """The key that opens a backup.

        Raises:
            NotUnsealed: it is not held, or not any more.
        """
        self._drop(lambda key: key.until <= self._clock())
        node = manifest.node
        if (key := self._keys.get((node, manifest.epoch))) is None:
            raise NotUnsealed(
                f"HQ cannot open backup {manifest.name} of {node}",
                why="its key is with the recipients alone, or was unsealed more than an hour ago",
                fix=f"on the operator's machine: {pipeline(manifest)}",
            )
        return key.identity

    def left_s(self, node: str, epoch: str) -> float:
        """Seconds for which a key is still held; 0 for none."""
        key = self._keys.get((node, epoch))
        return max(key.until - self._clock(), 0.0) if key else 0.0

    def forget(self, node: str) -> int:
        """Forget all keys of a node; how many there were."""
        self._drop(lambda key: key.until <= self._clock())
        held = [place for place in self._keys if place[0] == node]
        for place in held:
            del self._keys[place]
        return len(held)

    def _drop(self, over: Callable[[_Key], bool]) -> None:
        self._keys = {place: key for place, key in self._keys.items() if not over(key)}


def pipeline(manifest: Manifest) -> str:
    """What lets HQ open a backup, as it is typed on the operator's machine."""
    node = manifest.node
    asked = f"noc backup request {node} --at {manifest.at:%Y-%m-%dT%H:%M:%SZ}"
    return f"ssh HQ {asked} | noc unlock | ssh HQ noc backup unseal {node}"
