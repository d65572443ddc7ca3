"""Signatures by `ssh-keygen -Y`, for releases and whatever else people sign; the namespace keeps them apart.

ssh-keygen(1); the text that is signed goes in on stdin, so that it never lies in a file of its own.
"""

import subprocess
import tempfile
from pathlib import Path

from noc.errors import TimedOut
from noc.release.errors import SigningFailed

_SIGN_TIMEOUT_S = 120
_VERIFY_TIMEOUT_S = 20


def sign_text(content: bytes, key: Path, namespace: str) -> bytes:
    """Sign bytes; ssh-keygen may ask the person at the terminal for a passphrase or a touch.

    Args:
        content: what is signed.
        key: private SSH key of the signer, or the public half of one that an agent or a security key holds.
        namespace: what the signature is for.

    Returns:
        The armoured signature.

    Raises:
        SigningFailed: ssh-keygen refused.
        TimedOut: nothing was signed within two minutes.
    """
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key)]
    try:
        result = subprocess.run(argv, input=content, capture_output=True, check=False, timeout=_SIGN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise TimedOut("nothing was signed within two minutes", fix="unlock the key, then sign again") from None
    if result.returncode != 0:
        why = result.stderr.decode(errors="replace").strip().splitlines()
        raise SigningFailed(
            f"{key} signed nothing", why=why[-1] if why else "", fix="noc init makes a key; --key names another"
        )
    return result.stdout


def is_signed_by(content: bytes, signature: Path, signers: Path, principal: str, namespace: str) -> bool:
    """Whether a signature of some bytes is good, and of a key that a file of signers gives to a principal.

    Args:
        content: what was signed.
        signature: file of the armoured signature.
        signers: OpenSSH `allowed_signers` file.
        principal: who has to have signed.
        namespace: what the signature has to be for.

    Raises:
        TimedOut: ssh-keygen did not answer.
    """
    argv = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", principal, "-n", namespace, "-s", str(signature)]
    try:
        result = subprocess.run(argv, input=content, capture_output=True, check=False, timeout=_VERIFY_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise TimedOut(f"ssh-keygen did not verify a signature within {_VERIFY_TIMEOUT_S} s") from None
    return result.returncode == 0


def is_signed_with(content: bytes, armoured: str, principal: str, public_key: str, namespace: str) -> bool:
    """Whether an armoured signature of some bytes is good, and of one public key (a line as OpenSSH writes it).

    Args:
        content: what was signed.
        armoured: the signature.
        principal: whose key it is.
        public_key: the key; its comment counts for nothing.
        namespace: what the signature has to be for.

    Raises:
        TimedOut: ssh-keygen did not answer.
    """
    kind, key, *_comment = public_key.split()
    with tempfile.TemporaryDirectory(prefix="noc-signature-") as directory:
        signature, signers = Path(directory, "signature"), Path(directory, "signers")
        signature.write_text(armoured)
        signers.write_text(f'{principal} namespaces="{namespace}" {kind} {key}\n')
        return is_signed_by(content, signature, signers, principal, namespace)
