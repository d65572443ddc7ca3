"""What systemd hands to the runner as a credential, looked at before it is used."""

from pathlib import Path

from noc.runs.errors import CredentialExposed


def credential(directory: Path, name: str) -> bytes:
    """Read a credential after looking at its mode.

    Args:
        directory: `$CREDENTIALS_DIRECTORY`.
        name: the file in it.

    Raises:
        CredentialExposed: it is not there, or others than its owner may read or change it. A group bit is allowed
            where the group is root's: systemd grants the service's user by an access list, which shows as that bit.
    """
    path = directory / name
    fix = "noc hub install on HQ puts credentials and their modes right"
    try:
        status = path.stat()
        others = status.st_mode & (0o027 if status.st_gid == 0 else 0o077)
        if others:
            mode, fix = f"{status.st_mode & 0o777:04o}", f"chmod 600 {path}; {fix}"
            raise CredentialExposed(f"{path} has mode {mode}", why="others may read it", fix=fix)
        return path.read_bytes()
    except OSError as error:
        raise CredentialExposed(f"the credential {name} cannot be read", why=error.strerror or "", fix=fix) from error
