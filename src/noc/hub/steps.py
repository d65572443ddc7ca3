"""Named steps that can be run again: each tells what it changed, and nothing the second time."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A name, and what makes things so; it returns the things it changed."""

    name: str
    make: Callable[[], list[str]]


@dataclass(frozen=True)
class Done:
    """A step that has run: what it changed, and its time in seconds."""

    name: str
    changed: tuple[str, ...]
    seconds: float

    @property
    def state(self) -> str:
        """The word for people and machines."""
        return "changed" if self.changed else "unchanged"

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {"step": self.name, "state": self.state, "changed": list(self.changed), "seconds": self.seconds}


def run_steps(steps: Iterable[Step], tell: Callable[[Done], None]) -> list[Done]:
    """Run steps in their order; the first that raises ends it, and what was done before stays done.

    Args:
        steps: to run.
        tell: called after each.
    """
    done = []
    for step in steps:
        begun = time.monotonic()
        changed = tuple(step.make())
        done.append(Done(step.name, changed, round(time.monotonic() - begun, 3)))
        tell(done[-1])
    return done
