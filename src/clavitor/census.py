"""`tenants`: whose accounts are on this node, by tenant id, and where the fleet's directory has them."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from clavitor.database import connect
from clavitor.directory import HEAD, open_directory
from clavitor.errors import DirectoryError, ServiceError
from clavitor.settings import database_path, directory_files, domain_name
from clavitor.tenants import read_key, tenant_id

HERE, UNPLACED = "here", "unplaced"


def census(environment: Mapping[str, str], *, as_json: bool) -> str:
    """One line an account, in the order of the ids; no name is shown.

    Args:
        environment: `os.environ` or its like.
        as_json: one JSON document in place of lines for people.

    Returns:
        each tenant id with `here`, the origin of another node, or `unplaced` where the directory does not have it.

    Raises:
        ServiceError: there is no database, or the directory is not whole.
    """
    files = directory_files(environment)
    if files is None:
        raise ServiceError("CLAVITOR_DIRECTORY is not set: this node's fleet places no tenants")
    try:
        key = read_key(files.key)
        with closing(connect(database_path(environment))) as db:
            ids = sorted(tenant_id(key, str(name)) for (name,) in db.execute("SELECT name FROM accounts"))
        lives = _lives(ids, files.path, f"https://{domain_name(environment)}")
    except (DirectoryError, OSError) as error:
        raise ServiceError(f"the directory cannot be used: {error}") from error
    except sqlite3.Error as error:
        raise ServiceError(f"the accounts cannot be read: {error}; start the service once") from error
    if as_json:
        return json.dumps({"tenants": [{"tenant": tenant, "lives": where} for tenant, where in lives.items()]})
    return "\n".join(f"{tenant}  {where}" for tenant, where in lives.items())


def _lives(ids: Sequence[str], path: Path, own: str) -> dict[str, str]:
    """Where the directory has each tenant; a fleet that has placed nobody yet has no directory."""
    if not (path / HEAD).exists():
        return dict.fromkeys(ids, UNPLACED)
    with closing(open_directory(path)) as directory:
        urls = [HERE if node.url == own else node.url for node in directory.head.nodes]
        found = {tenant: directory.find(tenant) for tenant in ids}
    return {tenant: UNPLACED if position is None else urls[position] for tenant, position in found.items()}
