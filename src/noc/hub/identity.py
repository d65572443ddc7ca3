"""The identities of the operator's machine: what signs releases and what opens backups. None of them goes to HQ."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from noc.hub.errors import AlreadyMade, KeyNotMade

SIGNING_KEY = "release_key"
OPERATOR, RECOVERY = "operator.agekey", "recovery.agekey"
TRUST, SIGNERS, RECIPIENTS = "trust", "signers", "recipients"
_OWN_FILES = (SIGNING_KEY, f"{SIGNING_KEY}.pub", OPERATOR, RECOVERY, TRUST)

_RECOVERY_NOTE = """\
# The fleet's recovery identity. It opens every backup when the operator's machine is lost.
#
# 1. Print this file, or write it to a medium that is kept apart from this machine: a safe, a second place.
# 2. Read the copy back and compare the line that begins with AGE-SECRET-KEY.
# 3. Delete this file. Its public half stays in trust/recipients.
#
"""


@dataclass(frozen=True)
class Identities:
    """What `make_identities` wrote.

    Attributes:
        directory: where everything lies, mode 0700.
        operator_recipient: public half of the operator's age identity.
        recovery_recipient: public half of the recovery identity.
        signer: the line of `signers` that trusts the signing key.
    """

    directory: Path
    operator_recipient: str
    recovery_recipient: str
    signer: str

    @property
    def signing_key(self) -> Path:
        """Private key that signs releases; stays on the operator's machine."""
        return self.directory / SIGNING_KEY

    @property
    def recovery(self) -> Path:
        """File of the recovery identity; belongs in the safe, then nowhere else."""
        return self.directory / RECOVERY

    @property
    def trust(self) -> Path:
        """Directory of public halves; HQ gets it."""
        return self.directory / TRUST


def identity_directory() -> Path:
    """Where identities lie by default: `noc` in the user's configuration directory (XDG base directories)."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "noc"


def make_identities(directory: Path) -> Identities:
    """Make the operator's identity, the recovery identity and the signing key, all or none.

    Args:
        directory: made with mode 0700 where absent.

    Raises:
        AlreadyMade: one of the files exists.
        KeyNotMade: ssh-keygen failed.
    """
    _refuse_existing(directory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    staged = Path(tempfile.mkdtemp(prefix=".making-", dir=directory))
    try:
        signer = _make_signing_key(staged / SIGNING_KEY)
        operator = _make_age_identity(staged / OPERATOR, "# The operator's identity. It opens backups.\n#\n")
        recovery = _make_age_identity(staged / RECOVERY, _RECOVERY_NOTE)
        _write_trust(staged / TRUST, signer, operator, recovery)
        for name in _OWN_FILES:
            (staged / name).rename(directory / name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Identities(directory, operator, recovery, signer)


def _refuse_existing(directory: Path) -> None:
    if present := [name for name in _OWN_FILES if (directory / name).exists()]:
        raise AlreadyMade(
            f"{directory} holds identities already",
            why=f"{', '.join(present)} would be overwritten",
            fix="use them, or name another directory with --dir",
        )


def _make_signing_key(path: Path) -> str:
    """Make an ed25519 pair and return the line of `allowed_signers` that trusts it for releases alone."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "noc release signing key", "-f", str(path)]
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30)
    if result.returncode != 0:
        raise KeyNotMade("the signing key was not made", why=result.stderr.strip(), fix="install openssh-client")
    kind, public = path.with_suffix(".pub").read_text().split()[:2]
    return f'operator namespaces="noc-release" {kind} {public}'


def _make_age_identity(path: Path, note: str) -> str:
    """Write an age identity in the form of age-keygen and return its public half."""
    from pyrage import x25519  # noqa: PLC0415 - compiled; only init needs it

    identity = x25519.Identity.generate()
    public = str(identity.to_public())
    text = f"{note}# created: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n# public key: {public}\n{identity}\n"
    with open(path, "x", opener=_private) as file:
        file.write(text)
    return public


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_trust(directory: Path, signer: str, operator: str, recovery: str) -> None:
    directory.mkdir(mode=0o755)
    (directory / SIGNERS).write_text(f"{signer}\n")
    (directory / RECIPIENTS).write_text(f"# operator\n{operator}\n# recovery\n{recovery}\n")
