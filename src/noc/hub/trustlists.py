"""The lists of trust on HQ, as root changes them: whose releases are taken, and to whom backups are encrypted.

Both hold public halves alone. What is taken out is looked at first: nothing may be left without a signer, or with one
recipient only.
"""

import tempfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from noc.errors import NocError
from noc.hub.places import TRUST
from noc.hub.system import ensure_file
from noc.release.store import Release, ReleaseStore
from noc.release.verify import verify
from noc.runs.rotation.errors import NoSuchMember, NotAKey, NothingSigned, TooFew

SIGNERS, RECIPIENTS = TRUST / "signers", TRUST / "recipients"
PRINCIPAL, NAMESPACE = "operator", "noc-release"
LEAST_RECIPIENTS = 2
MAX_BYTES = 16 * 1024


def add_signer(text: str, line: str) -> str:
    """A list of signers (OpenSSH's `allowed_signers`, ssh-keygen(1)) with another one. Pure.

    Args:
        text: the list.
        line: the public half, one OpenSSH line.

    Raises:
        NotAKey: it is none.
        NoSuchMember: it stands there already.
    """
    kind, blob = _public(line)
    if any(blob in each.split() for each in text.splitlines()):
        raise NoSuchMember("that signer stands in the list already", fix="noc rotate signer")
    return f'{_ended(text)}{PRINCIPAL} namespaces="{NAMESPACE}" {kind} {blob}\n'


def withdraw_signer(text: str, fingerprint: str) -> str:
    """A list of signers without one. Pure.

    Raises:
        NoSuchMember: nobody there has that fingerprint.
        TooFew: nobody would be left.
    """
    found = [line for line in text.splitlines() if _fingerprint(line) == fingerprint]
    if not found:
        known = ", ".join(filter(None, map(_fingerprint, text.splitlines())))
        raise NoSuchMember(f"no signer has the fingerprint {fingerprint[:100]}", why=f"there are {known}")
    left = [line for line in text.splitlines() if line not in found]
    if not any(map(_fingerprint, left)):
        raise TooFew("no signer would be left", fix="noc rotate signer --add FILE.pub first")
    return "".join(f"{line}\n" for line in left)


def add_recipient(text: str, recipient: str) -> str:
    """A list of age recipients with another one. Pure. Raises NotAKey, NoSuchMember."""
    from pyrage import RecipientError  # noqa: PLC0415 - compiled; few commands need it
    from pyrage.x25519 import Recipient  # noqa: PLC0415

    try:
        Recipient.from_str(recipient)
    except (RecipientError, ValueError):
        fix = "the public half that noc init or age-keygen printed: age1…"
        raise NotAKey("what is to be added is no recipient of age", fix=fix) from None
    if recipient in _recipients(text):
        raise NoSuchMember("that recipient stands in the list already", fix="noc rotate recipients")
    return f"{_ended(text)}{recipient}\n"


def withdraw_recipient(text: str, recipient: str) -> str:
    """A list of recipients without one, and without the comment right above it. Pure.

    Raises:
        NoSuchMember: it is not there.
        TooFew: fewer than two would be left.
    """
    if recipient not in _recipients(text):
        why = f"there are {', '.join(_recipients(text))}"
        raise NoSuchMember(f"{recipient[:100]} is no recipient of HQ's backups", why=why)
    if len(_recipients(text)) <= LEAST_RECIPIENTS:
        raise TooFew(
            "fewer than two recipients would be left",
            why="then one lost identity would lose every backup",
            fix="noc rotate recipients --add age1… first",
        )
    left: list[str] = []
    for line in text.splitlines():
        if line.strip() != recipient:
            left.append(line)
        elif left and left[-1].startswith("#"):
            left.pop()
    return "".join(f"{line}\n" for line in left)


def check_signed(text: str, store: ReleaseStore) -> tuple[Release, ...]:
    """See that a release could be deployed with these signers, and name those that could not any more.

    Args:
        text: the signers that would be left.
        store: HQ's releases.

    Raises:
        NothingSigned: no release of the store is signed by one of them and valid now.
    """
    held = store.list()
    lost = tuple(release for release in held if not _verifies(release, text))
    if len(lost) == len(held):
        fix = "on the operator's machine: noc release sign with the new key; here noc release add"
        raise NothingSigned("no release in the store is signed by a signer that would remain", fix=fix)
    return lost


def _verifies(release: Release, text: str) -> bool:
    with tempfile.NamedTemporaryFile("w", suffix=".signers") as signers:
        signers.write(text)
        signers.flush()
        try:
            verify(release.directory, Path(signers.name))
        except NocError:
            return False
        return True


def read_public(path: Path) -> str:
    """The content of a file that is to hold one public line. Raises NotAKey where it is longer, or no text."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    if not text or len(content) > MAX_BYTES:
        raise NotAKey(f"{path} holds no public key", fix="give the .pub file of the signing key")
    return text


def write_list(path: Path, text: str) -> bool:
    """Let a list be what it is to be; everybody may read it. Returns whether it was another."""
    return bool(ensure_file(path, text))


def _public(line: str) -> tuple[str, str]:
    """Kind and base64 of one public OpenSSH line. Raises NotAKey."""
    from asyncssh import KeyImportError, import_public_key  # noqa: PLC0415 - takes longer to load than most commands run

    fields = line.split()
    fix = "give the .pub file of the signing key; a private half never comes to HQ"
    if len(line.strip().splitlines()) != 1:
        raise NotAKey("what is to be added is no public SSH key", why="it is not one line", fix=fix)
    try:
        import_public_key(line)
    except KeyImportError as error:
        raise NotAKey("what is to be added is no public SSH key", why=str(error), fix=fix) from None
    return fields[0], fields[1]


def _fingerprint(line: str) -> str | None:
    """The fingerprint of the key in one line of `allowed_signers`; None where there is none."""
    from noc.hosts.trust import fingerprint  # noqa: PLC0415 - takes longer to load than most commands run

    for kind, blob in pairwise(line.split()):
        if kind.startswith(("ssh-", "ecdsa-", "sk-")):
            return fingerprint(f"{kind} {blob}")
    return None


def _recipients(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("age1")]


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def labels(releases: Iterable[Release]) -> str:
    """Releases for people: `1.4.2 (7), 1.4.1 (6)`."""
    return ", ".join(f"{each.manifest.version} ({each.manifest.build})" for each in releases)
