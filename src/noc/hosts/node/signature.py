"""SSH signatures of files, as ssh-keygen(1) checks them."""

import subprocess
from pathlib import Path


def keygen(verb: str, signers: str, signature: Path, content: bytes, *more: str) -> str | None:
    """What `ssh-keygen -Y VERB` prints about a signature of `content`; None where it says no."""
    argv = ["ssh-keygen", "-Y", verb, "-f", signers, "-s", str(signature), *more]
    done = subprocess.run(argv, input=content, capture_output=True, timeout=30, check=False)
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
