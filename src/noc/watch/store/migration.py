"""Bringing a database to the head of its schema, in a process of its own: what that loads is large, and needed once.

`python -m noc.watch.store.migration FILE` is that process.
"""

import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from noc.errors import NocError
from noc.watch.errors import CannotMigrate, NewerDatabase, StoreTrouble
from noc.watch.store.engine import cause, open_engine
from noc.watch.store.schema import HEAD

log = logging.getLogger(__name__)

WITHIN_S: Final = 600
INCREMENTAL: Final = 2  # what PRAGMA auto_vacuum answers


def migrate(engine: Engine) -> None:
    """Bring the schema to its head.

    Raises:
        NewerDatabase: its schema is one that this release does not know.
        StoreTrouble: the database cannot be read or written.
    """
    try:
        if (known := revision(engine)) != HEAD:
            _upgrade(engine, known)
            _shrinkable(engine)
    except SQLAlchemyError as error:
        fix = "check the disk and the file's owner"
        raise StoreTrouble(f"cannot open {engine.url.database}", why=cause(error), fix=fix) from error


def migrate_apart(path: Path) -> None:
    """Do the same in a child process, where there is something to do, on a file of which a copy stays beside it.

    Raises:
        CannotMigrate: it has not come to its end; what it said is the why.
        NocError: as `migrate`.
    """
    engine = open_engine(path)
    try:
        if (known := revision(engine)) == HEAD:
            return
    except SQLAlchemyError as error:
        fix = "check the disk and the file's owner"
        raise StoreTrouble(f"cannot open {path}", why=cause(error), fix=fix) from error
    finally:
        engine.dispose()
    if known is not None:
        keep_copy(path)
    command = [sys.executable, "-P", "-m", "noc.watch.store.migration", str(path)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise CannotMigrate(f"{path} was not migrated within {WITHIN_S} s", fix="check the disk") from error
    if child.returncode:
        why = (child.stderr.strip().splitlines() or ["it was killed"])[-1][:500]
        raise CannotMigrate(f"cannot bring {path} to this release's schema", why=why, fix="put a backup back")


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
        made = connection.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"))
        return connection.scalar(text("SELECT version_num FROM alembic_version")) if made else None


def _upgrade(engine: Engine, known: str | None) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command  # noqa: PLC0415 - large
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    if known not in {None, *(each.revision for each in ScriptDirectory.from_config(alembic).walk_revisions())}:
        raise NewerDatabase(
            f"{engine.url.database} was made by a newer release", why=f"schema {known}", fix="install that release"
        )
    with engine.begin() as connection:
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


def main(path: Path) -> int:
    """Migrate one file; 1, and a sentence on stderr, where that fails."""
    engine = open_engine(path)
    try:
        migrate(engine)
    except NocError as trouble:
        print(trouble, file=sys.stderr)  # noqa: T201 - this process has nothing else to speak through
        return 1
    finally:
        engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
