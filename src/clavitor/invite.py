"""`invite`: a sign-up code for one new account."""

import json
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime

from clavitor import invitations
from clavitor.database import connect
from clavitor.errors import ServiceError
from clavitor.settings import database_path, domain_name

MAX_DAYS = 90


def invite(environment: Mapping[str, str], days: float, *, as_json: bool) -> str:
    """Make an invitation and say how it is used.

    Args:
        environment: `os.environ` or its like.
        days: until it expires.
        as_json: one JSON document in place of lines for people.

    Raises:
        ServiceError: the database is not there yet, or the days are out of bounds.
    """
    if not 0 < days <= MAX_DAYS:
        raise ServiceError(f"--days must lie between 0 and {MAX_DAYS}")
    now = time.time()
    with closing(connect(database_path(environment))) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'invitations'").fetchone():
            raise ServiceError("the database has no tables yet: start the service once")
        code = invitations.create(connection, now, days)
    expires = (
        datetime.fromtimestamp(now + days * invitations.DAY, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    )
    # The code stands behind the #, which browsers keep to themselves.
    link = f"https://{domain_name(environment)}/#invitation={code}"
    if as_json:
        return json.dumps({"code": code, "link": link, "expires": expires})
    return f"{code}\n{link}\nexpires {expires}, opens one account"
