"""Bringing a database to the head of its schema, in a process of its own: what that loads is large, and needed once.

`python -m noc.watch.store.migration FILE`, or the address of a database in place of the file, is that process.
"""

import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from noc.errors import NocError
from noc.fleet.storing import read_address
from noc.watch.errors import CannotMigrate, NewerDatabase, StoreTrouble
from noc.watch.store.engine import Where, in_postgres, open_engine, trouble
from noc.watch.store.schema import HEAD

log = logging.getLogger(__name__)

WITHIN_S: Final = 600
INCREMENTAL: Final = 2  # what PRAGMA auto_vacuum answers
_LOCK: Final = 7_235_101  # the advisory lock under which PostgreSQL is migrated; any number that nothing else takes


def migrate(engine: Engine) -> None:
    """Bring the schema to its head.

    Raises:
        NewerDatabase: its schema is one that this release does not know.
        StoreTrouble: the database cannot be read or written.
    """
    try:
        if revision(engine) != HEAD:
            _upgrade(engine)
            if not in_postgres(engine):
                _shrinkable(engine)
    except SQLAlchemyError as error:
        raise _cannot_open(str(engine.url.database), error) from error


def _cannot_open(what: str, error: SQLAlchemyError) -> StoreTrouble:
    return trouble(f"cannot open {what}", error, fix="check the disk and the file's owner")


def migrate_apart(where: Where) -> None:
    """Do the same in a child process, where there is something to do, on a file of which a copy stays beside it.

    In PostgreSQL it is done whole or not at all, and without a copy.

    Raises:
        CannotMigrate: it has not come to its end; what it said is the why.
        NocError: as `migrate`.
    """
    engine = open_engine(where)
    try:
        if (known := revision(engine)) == HEAD:
            return
    except SQLAlchemyError as error:
        raise _cannot_open(str(where), error) from error
    finally:
        engine.dispose()
    if known is not None and isinstance(where, Path):
        keep_copy(where)
    command = [sys.executable, "-P", "-m", "noc.watch.store.migration", str(where)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise CannotMigrate(f"{where} was not migrated within {WITHIN_S} s", fix="check the disk") from error
    if child.returncode:
        why = (child.stderr.strip().splitlines() or ["it was killed"])[-1][:500]
        raise CannotMigrate(f"cannot bring {where} to this release's schema", why=why, fix="put a backup back")


def copy_of(path: Path) -> Path:
    """Where a database lies as it was before its last migration."""
    return path.with_name(f"{path.name}.before")


def keep_copy(path: Path) -> None:
    """Copy a database whole beside it, in the place of the copy before; nobody writes to it meanwhile.

    Raises:
        CannotMigrate: it cannot be copied, so that it is not migrated either.
    """
    copy, fresh = copy_of(path), path.with_name(f"{path.name}.copying")
    fresh.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(fresh)) as target:
            source.backup(target)
        fresh.replace(copy)
    except (OSError, sqlite3.Error) as error:
        fresh.unlink(missing_ok=True)
        raise CannotMigrate(f"{path} could not be copied first", why=str(error), fix="make room on the disk") from error


def revision(engine: Engine) -> str | None:
    """The revision of the schema that a database has; None where it has none yet."""
    with engine.connect() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    made = inspect(connection).has_table("alembic_version")
    return connection.scalar(text("SELECT version_num FROM alembic_version")) if made else None


def _upgrade(engine: Engine) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command  # noqa: PLC0415 - large
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    ours = {None, *(each.revision for each in ScriptDirectory.from_config(alembic).walk_revisions())}
    with engine.begin() as connection:
        if in_postgres(connection):
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        if (known := _revision(connection)) not in ours:
            raise NewerDatabase(
                f"{engine.url.database} was made by a newer release", why=f"schema {known}", fix="install that release"
            )
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")


def _shrinkable(engine: Engine) -> None:
    """Let a file that was made without it give free pages back; that rewrites it once, and can wait for room."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        if cursor.execute("PRAGMA auto_vacuum").fetchone() != (INCREMENTAL,):
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
            cursor.execute("VACUUM")
    except engine.dialect.loaded_dbapi.Error as error:
        log.warning("%s keeps its free pages for now: %s", engine.url.database, error)
    finally:
        connection.close()


def main(where: str) -> int:
    """Migrate one file or database; 1, and a sentence on stderr, where that fails."""
    if where.startswith("postgresql://"):
        from noc.watch.store.postgres import open_postgres  # noqa: PLC0415 - most fleets have the file

        engine = open_postgres(read_address(where), patience_s=None)
    else:
        engine = open_engine(Path(where))
    try:
        migrate(engine)
    except NocError as wrong:
        print(wrong, file=sys.stderr)  # noqa: T201 - this process has nothing else to speak through
        return 1
    finally:
        engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
