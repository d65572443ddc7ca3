"""What only a person can do about somebody who leaves: pure, from what HQ knows."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet


@dataclass(frozen=True)
class Left:
    """One matter.

    Attributes:
        what: what the person may still hold, in words.
        command: what ends that; a sentence where no command of ours does.
    """

    what: str
    command: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def leftovers(
    person: str, fleet: Fleet, inventory: Inventory, *, signers: str, recipients: str, root_keys: str
) -> list[Left]:
    """What a person may still hold that no command can know of, or take back by itself.

    Args:
        person: the login.
        fleet: the fleet file.
        inventory: what is known, operators' peers among it.
        signers, recipients: HQ's files of trust.
        root_keys: root's authorized_keys on HQ.
    """
    return [
        *_peers(person, inventory),
        *_trust(person, signers, recipients),
        *_logins(person, root_keys),
        *_outside(fleet),
    ]


def _peers(person: str, inventory: Inventory) -> Iterable[Left]:
    own = [name for name in inventory.peers if person in name]
    others = [name for name in inventory.peers if name not in own]
    for name in own:
        yield Left(f"the tunnel of {name}", f"noc peer remove {name}")
    if others:
        yield Left(f"a tunnel, if one of these machines is theirs: {', '.join(others)}", "noc peer remove NAME")


def _trust(person: str, signers: str, recipients: str) -> Iterable[Left]:
    for line in _lines(signers):
        if person in line.split()[0] or line.rstrip().endswith(person):
            key = " ".join(line.split()[:4])[:60]
            yield Left(f"a key that signs releases: {key}…", "noc rotate signer --withdraw SHA256:…")
    if _lines(signers):
        yield Left(
            "the release key, if they had the operator's identity",
            "noc init, elsewhere; noc rotate signer --add FILE.pub; noc rotate signer --withdraw SHA256:…",
        )
    if _lines(recipients):
        yield Left(
            "what opens backups, if they had the operator's or the recovery identity",
            "noc rotate recipients --add age1…; noc rotate recipients --withdraw age1…",
        )


def _logins(person: str, root_keys: str) -> Iterable[Left]:
    for line in _lines(root_keys):
        if person in line.split()[-1]:
            yield Left(f"root's SSH key {line.split()[-1]} on HQ", "take its line out of /root/.ssh/authorized_keys")


def _outside(fleet: Fleet) -> Iterable[Left]:
    chats = (name for name, chat in (("telegram", fleet.telegram), ("discord", fleet.discord)) if chat)
    channels = ", ".join(["ntfy", *(channel.name for channel in fleet.channel), *chats])
    yield Left(f"a seat in the channels: {channels}", "take them out there; noc alert test shows who still hears")
    if any(node.provider == "aws" for node in fleet.nodes):
        yield Left("a user at the cloud, and whatever key they know", "end it there; noc hub secret set aws <FILE")
    yield Left(f"an account where the names of {fleet.domain} are kept", "end it there")
    yield Left("secrets that they have read on HQ as root", "noc hub secret set NAME <FILE, for each of them")


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
