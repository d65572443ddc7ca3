"""`tenants`: whose accounts are on this node, by tenant id, and where the fleet's directory has them."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing

from clavitor.database import connect
from clavitor.directory import open_directory
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
        ServiceError: there is no database or no whole directory.
    """
    files = directory_files(environment)
    if files is None:
        raise ServiceError("CLAVITOR_DIRECTORY is not set: this node's fleet places no tenants")
    own = f"https://{domain_name(environment)}"
    try:
        key = read_key(files.key)
        with closing(connect(database_path(environment))) as db, closing(open_directory(files.path)) as directory:
            ids = sorted(tenant_id(key, str(name)) for (name,) in db.execute("SELECT name FROM accounts"))
            found = [(tenant, directory.find(tenant)) for tenant in ids]
    except DirectoryError as error:
        raise ServiceError(f"the directory cannot be used: {error}") from error
    except sqlite3.Error as error:
        raise ServiceError(f"the accounts cannot be read: {error}; start the service once") from error
    urls = [HERE if node.url == own else node.url for node in directory.head.nodes]
    lives = {tenant: UNPLACED if at is None else urls[at] for tenant, at in found}
    if as_json:
        return json.dumps({"tenants": [{"tenant": tenant, "lives": where} for tenant, where in lives.items()]})
    return "\n".join(f"{tenant}  {where}" for tenant, where in lives.items())
