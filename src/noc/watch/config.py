"""What the watch knows of the fleet: read from the fleet directory, and only from there."""

from dataclasses import dataclass
from pathlib import Path

from noc.fleet.inventory import Inventory, Life, load_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet, Node
from noc.fleet.storing import read_address
from noc.watch.judge.rules import Rules
from noc.watch.judge.scene import Scene
from noc.watch.store.engine import Where


@dataclass(frozen=True)
class Watched:
    """One node as the watch sees it.

    Attributes:
        tokens: hex SHA-256 of its push token, and of the one from before while a rotation is not settled.
        public: its public address, "" while it has none.
    """

    node: Node
    life: Life
    tokens: tuple[str, ...]
    public: str = ""

    @property
    def live(self) -> bool:
        """Whether the node is judged."""
        return self.life is Life.LIVE


@dataclass(frozen=True)
class Config:
    """The fleet, with the look-ups that a push needs.

    Attributes:
        nodes: by name, in the fleet's order.
        by_token: SHA-256 of a push token (hex) → name of its node; retired nodes are left out.
        by_address: tunnel address → name of the node that lives there.
        directory: where certificates that the fleet file names are looked up.
    """

    fleet: Fleet
    rules: Rules
    nodes: dict[str, Watched]
    by_token: dict[str, str]
    by_address: dict[str, str]
    directory: Path

    @classmethod
    def of(cls, fleet: Fleet, inventory: Inventory, directory: Path) -> "Config":
        """Join what the fleet file says with what the inventory has learnt."""
        nodes = {}
        for node in fleet.nodes:
            record = inventory.record(node.name)
            held = (record.push_token_sha256, record.push_token_sha256_before)
            tokens = tuple(token for token in held if token)
            nodes[node.name] = Watched(node, record.life, tokens, str(record.address or ""))
        by_token = {
            token.lower(): name
            for name, each in nodes.items()
            if each.life is not Life.RETIRED
            for token in each.tokens
        }
        by_address = {str(each.node.tunnel): name for name, each in nodes.items()}
        return cls(fleet, Rules.of(fleet.policy, fleet.judging), nodes, by_token, by_address, directory)

    @classmethod
    def read(cls, directory: Path) -> "Config":
        """Read a fleet directory.

        Raises:
            NocError: the fleet file or the inventory has problems; all of them are named.
        """
        return cls.of(load(directory), load_inventory(directory), directory)

    def scene(self) -> Scene:
        """The fleet as the judge sees it."""
        return Scene.of(self.fleet, self.live())

    def live(self) -> dict[str, bool]:
        """Every node's name, and whether it is judged."""
        return {name: each.live for name, each in self.nodes.items()}


def stored_in(fleet: Fleet, file: Path) -> Where:
    """Where the watch's database is: in PostgreSQL where the fleet file says so, else in this file."""
    named = fleet.store.database
    return read_address(named) if named else file
