"""The fleet that a lab rehearses, and its fleet directory: the same fleet, with the lab's world around it."""

import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import tomli_w

from noc.fleet.model import Fleet
from noc.lab.dns import TTL_S
from noc.lab.internet import ACME_DIRECTORY, NAME_SERVER
from noc.lab.machines import EYE, HQ
from noc.lab.standins import NTFY, chat_tables

SOURCE = Path(__file__).parents[3] / "fleet"
"""The repository's own fleet directory."""
TRUST = "lab-trust.pem"
CLOUD = f"https://{EYE}"
"""Where the lab's stand-in for AWS answers."""


@dataclass(frozen=True)
class Approver:
    """The lab's own person, who decides in a rehearsal, and takes responsibility for a ceiling of money nobody pays.

    Attributes:
        name: of the fleet file's people.
        ssh_key: the public half of the key that signs, as a line.
    """

    name: str
    ssh_key: str


def lab_fleet(
    document: Mapping[str, Any],
    nodes: Sequence[str],
    policy: Mapping[str, float],
    *,
    cloud: bool = False,
    approver: Approver | None = None,
    tables: Mapping[str, Mapping[str, float]] | None = None,
    chats: bool = False,
) -> dict[str, Any]:
    """The fleet file of a lab: names, numbers, places and domain stay; the world around them is the lab's.

    No job of the schedule comes along: nothing begins by the time of day while somebody rehearses.

    Args:
        document: a fleet file as `tomllib` reads it.
        nodes: names of the nodes that are in the lab; "all" for every one.
        policy: values that replace the policy's.
        cloud: nodes stay at their provider, which is the lab's stand-in.
        approver: who decides; None where nobody has to.
        tables: values that replace those of further tables, by the table's name.
        chats: people and the agent talk to the lab's stand-ins for Telegram, Discord and a model.

    Raises:
        NotFound: a name is not in the fleet.
    """
    chosen = {node.name for node in Fleet.model_validate(document).select(nodes)}
    accepted = [row for row in document.get("accepted", []) if row["what"] in chosen]
    return {
        **{key: value for key, value in document.items() if key != "schedule"},
        "hub": {**document["hub"], "provider": "lab", "platform": "debian", "address": str(HQ), "rescue": [str(HQ)]},
        "policy": {**document.get("policy", {}), **policy},
        **{name: {**document.get(name, {}), **values} for name, values in (tables or {}).items()},
        "acme": {**document.get("acme", {}), "directory": ACME_DIRECTORY, "ca_root": TRUST},
        "dns": {**document.get("dns", {}), "provider": "rfc2136", "server": NAME_SERVER, "ttl": TTL_S},
        "ntfy": {**document["ntfy"], "url": NTFY.url, "ca_root": TRUST},
        "accepted": accepted if approver is None else [*accepted, _ceiling(approver)],
        "people": [_with_key(person, approver) for person in document.get("people", [])],
        "nodes": [_in_lab(node, cloud=cloud) for node in document["nodes"] if node["name"] in chosen],
        **({"launch": {**document.get("launch", {}), "endpoint": CLOUD, "ca_root": TRUST}} if cloud else {}),
        **(chat_tables(TRUST) if chats else {}),
    }


def write_fleet(
    directory: Path,
    source: Path,
    nodes: Sequence[str],
    policy: Mapping[str, float],
    trust_bundle: Path,
    *,
    cloud: bool = False,
    approver: Approver | None = None,
    tables: Mapping[str, Mapping[str, float]] | None = None,
    chats: bool = False,
) -> Path:
    """Write a lab's fleet directory: `fleet.toml` and the certificates that it trusts.

    Args:
        directory: where; made when missing.
        source: the fleet directory that is rehearsed.
        nodes, policy, cloud, approver, tables, chats: as `lab_fleet`.
        trust_bundle: the lab's certificates, PEM.

    Returns:
        The directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = tomllib.loads((source / "fleet.toml").read_text())
    document = lab_fleet(written, nodes, policy, cloud=cloud, approver=approver, tables=tables, chats=chats)
    (directory / "fleet.toml").write_text(tomli_w.dumps(document))
    shutil.copy(trust_bundle, directory / TRUST)
    return directory


def _with_key(person: Mapping[str, Any], approver: Approver | None) -> dict[str, Any]:
    if approver is None or person["name"] != approver.name:
        return dict(person)
    return {**person, "ssh_key": approver.ssh_key}


def _ceiling(approver: Approver) -> dict[str, Any]:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    reason = "a rehearsal: the stand-in sends no bill"
    return {"what": "ceiling", "reason": reason, "who": approver.name, "until": str(tomorrow)}


def _in_lab(node: Mapping[str, Any], *, cloud: bool) -> dict[str, Any]:
    if cloud:
        return {**node, "platform": "debian"}
    kept = {key: value for key, value in node.items() if key not in {"region", "instance_type"}}
    return {**kept, "provider": "lab", "platform": "debian"}
