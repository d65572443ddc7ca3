"""How old every secret is, when it is due to be made anew, and which rotations are not through."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from noc.fleet.inventory import Life, NodeRecord
from noc.fleet.origins import origins
from noc.fleet.rotating import Secret
from noc.runs.doctor.care import Care
from noc.runs.doctor.line import Line
from noc.runs.errors import CredentialExposed
from noc.runs.rotation.nodes import OLD, standing
from noc.runs.rotation.plans import UNSETTLED, lacks_list, unsettled
from noc.runs.site.hqkeys import HOST_CA, SSH_KEY, held, same_key

OF_NODES: Final[Mapping[Secret, str]] = {"push-token": "push_token_sha256", "wg": "wireguard_key"}
OF_HQ: Final[Mapping[Secret, str]] = {"hub": "wireguard_key", "ssh": "ssh_key", "ca": "host_ca"}
LISTS: Final[Mapping[Secret, str]] = {"signer": "signers", "recipients": "recipients"}
_BY_ROOT: Final = "sudo noc hub install"
LEAST: Final[Mapping[Secret, int]] = {"signer": 1, "recipients": 2}
"""So many have to stand in a list: of recipients one more, so that one lost identity loses nothing."""


def age_lines(care: Care) -> Iterator[Line]:
    """A line for each secret of HQ and of each live node; one that was never rotated counts from when it was made."""
    hub = care.inventory.hub
    known = ((node.name, care.inventory.record(node.name)) for node in care.fleet.nodes)
    live = [(name, record) for name, record in known if record.life is Life.LIVE]
    made = origins(care.paths.fleet, _values(care, [record for _, record in live]))
    for secret, field in OF_HQ.items():
        if (value := getattr(hub, field)) is not None:
            since = hub.rotated.get(secret) or made.get(value)
            yield _aged(care, care.fleet.hub.name, secret, since, f"sudo noc rotate {secret}")
    yield from _list_lines(care)
    for name, record in live:
        for secret, field in OF_NODES.items():
            if (value := getattr(record, field)) is not None:
                since = record.rotated.get(secret) or made.get(value)
                yield _aged(care, name, secret, since, f"noc rotate {secret} {name}")


def rotation_lines(care: Care) -> Iterator[Line]:
    """A line for each rotation that is not through with a node: nothing is lost by it, and the old one still counts."""
    for node in care.fleet.nodes:
        record = care.inventory.record(node.name)
        if record.life is Life.RETIRED:
            continue
        for secret in UNSETTLED:
            if unsettled(secret, record):
                says = _unsettled_words(care, secret, node.name)
                yield Line(node.name, f"{secret} rotation", "due", says, _goes_on(secret))
        if lacks_list(care.inventory, node.name):
            says = "it has the list of signers from before"
            yield Line(node.name, "signer rotation", "due", says, _goes_on("signer"))


def file_lines(care: Care) -> Iterator[Line]:
    """A line for each of HQ's key files that root has to bring to what the inventory says."""
    directory, inventory = care.paths.credentials, care.inventory
    for secret, kind in (("ssh", SSH_KEY), ("ca", HOST_CA)):
        try:
            lines = {path.suffix: line for path, line in held(directory, kind).items()}
        except CredentialExposed as error:
            yield Line(care.fleet.hub.name, f"{secret} files", "wrong", str(error.what), error.fix)
            continue
        if same_key(lines.get(".next"), getattr(inventory.hub, kind)):
            says = "HQ uses its new key, which has not taken its place yet"
            yield Line(care.fleet.hub.name, f"{secret} files", "due", says, _BY_ROOT)
        before = lines.get(".before")
        if before and not any(same_key(getattr(record, kind), before) for record in inventory.nodes.values()):
            says = "the key from before is there, and no node needs it"
            yield Line(care.fleet.hub.name, f"{secret} files", "due", says, _BY_ROOT)


def _values(care: Care, records: Sequence[NodeRecord]) -> set[str]:
    found = [getattr(care.inventory.hub, field) for field in OF_HQ.values()]
    found += [getattr(record, field) for record in records for field in OF_NODES.values()]
    return {value for value in found if value}


def _aged(care: Care, subject: str, secret: Secret, since: datetime | None, fix: str) -> Line:
    """One secret by its age."""
    if since is None:
        return Line(subject, secret, "due", "nobody knows when it was made", fix)
    due = since.astimezone(UTC) + timedelta(days=care.fleet.rotate.due(secret))
    age = f"{(care.now - since).days} days old"
    if care.now >= due:
        return Line(subject, secret, "due", f"{age}, due since {due:%Y-%m-%d}", fix, since, due)
    return Line(subject, secret, "ok", f"{age}, due on {due:%Y-%m-%d}", "", since, due)


def _list_lines(care: Care) -> Iterator[Line]:
    """Whose releases are taken, and to whom backups are encrypted: as old as the list is."""
    for secret, name in LISTS.items():
        path, subject = care.paths.signers.with_name(name), care.fleet.hub.name
        wrong = _wrong(secret, path)
        if wrong:
            yield Line(subject, secret, "wrong", wrong, f"sudo noc rotate {secret} --add …")
            continue
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        since = max(care.inventory.hub.rotated.get(secret, changed), changed)
        yield _aged(care, subject, secret, since, f"sudo noc rotate {secret} --add …, then --withdraw …")


def _wrong(secret: Secret, path: Path) -> str:
    try:
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip() and line[0] != "#"]
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror}"
    if len(lines) < LEAST[secret]:
        return f"{path.name} holds {len(lines)}, and {LEAST[secret]} are needed"
    return ""


def _unsettled_words(care: Care, secret: Secret, name: str) -> str:
    coming = {"ssh": care.inventory.hub.ssh_key_next, "ca": care.inventory.hub.host_ca_next}.get(secret)
    if coming is not None:
        return "HQ has not switched yet: the new one is on its way to every node"
    if standing(secret, care.inventory, name) == OLD:
        return "it has the old one alone, which still counts"
    return "the old and the new one count"


def _goes_on(secret: Secret) -> str:
    sudo = "sudo " if secret in OF_HQ or secret in LISTS else ""
    return f"{sudo}noc rotate {secret} goes on; a node that was down is caught up by itself"
