"""The inventory in the hands of a run: what is learnt goes to the disk at once, and into one commit at the end."""

from pathlib import Path
from typing import Any

from noc.fleet.errors import RepositoryFailed
from noc.fleet.inventory import HubRecord, Inventory, NodeRecord, load_inventory, save_inventory
from noc.fleet.model import Fleet
from noc.fleet.render import render, write
from noc.fleet.repository import commit
from noc.runs.record.events import State
from noc.runs.record.run import Run


class Book:
    """The inventory of a fleet directory. Runs are its only writers, and there is one run at a time."""

    def __init__(self, directory: Path) -> None:
        """Open the inventory of a fleet directory."""
        self._directory = directory
        self._inventory = load_inventory(directory)

    @property
    def inventory(self) -> Inventory:
        """What is known now."""
        return self._inventory

    def record(self, name: str) -> NodeRecord:
        """What is known of a node."""
        return self._inventory.record(name)

    def learn(self, name: str, **changes: Any) -> bool:  # noqa: ANN401 - the record's own fields
        """Write down what was learnt of a node.

        Args:
            name: the node.
            changes: fields of its record with their new values.

        Returns:
            Whether anything was new.
        """
        known = self.record(name)
        record = NodeRecord.model_validate({**known.model_dump(), **changes})
        if record == known:
            return False
        nodes = {**self._inventory.nodes, name: record}
        self._inventory = self._inventory.model_copy(update={"nodes": nodes})
        save_inventory(self._directory, self._inventory)
        return True

    def learn_hub(self, **changes: Any) -> bool:  # noqa: ANN401 - the record's own fields
        """Write down what was learnt of HQ. Arguments and result as `learn`."""
        known = self._inventory.hub
        record = HubRecord.model_validate({**known.model_dump(), **changes})
        if record == known:
            return False
        self._inventory = self._inventory.model_copy(update={"hub": record})
        save_inventory(self._directory, self._inventory)
        return True

    def learn_apex(self, **changes: Any) -> bool:  # noqa: ANN401 - the inventory's own fields
        """Write down who answers for the domain: `apex`, `answers_apex`, `routed`. Returns whether anything was new."""
        inventory = Inventory.model_validate({**self._inventory.model_dump(), **changes})
        if inventory == self._inventory:
            return False
        self._inventory = inventory
        save_inventory(self._directory, inventory)
        return True

    def render(self, fleet: Fleet) -> list[str]:
        """Write what is derived from fleet and inventory, the hub's peers among it; returns the paths that changed."""
        return write(self._directory, render(fleet, self._inventory))

    def commit(self, run: Run, what: str) -> None:
        """Record a run's changes in the fleet directory's history.

        What was learnt lies in the inventory already, so a refusal of git costs no verdict: it is told in the run, and
        the next commit takes the changes along.
        """
        try:
            commit(self._directory, f"{what}\n\nRun {run.id} by {run.by}")
        except RepositoryFailed as error:
            run.record("commit", State.FAILED, error=error.as_dict())
