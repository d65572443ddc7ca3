"""Incidents with topics, acknowledgements, parents; notes, windows, rollups, probes, keys, jobs; other messages."""

import sqlalchemy as sa
from alembic import op

from noc.watch.store.migrations.shapes import KEY, create_by_time, is_postgres, words

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of version 0002 out of those of 0001."""
    _incidents()
    _outbox()
    _notes()
    _windows()
    _rollups()
    _probes()
    _events()
    _keys()
    _jobs()


def _incidents() -> None:
    op.drop_index("one_open_incident", "incidents")
    with op.batch_alter_table("incidents") as table:
        table.alter_column("node", existing_type=words(32), type_=words(64), existing_nullable=False)
        table.add_column(sa.Column("topic", words(64), nullable=False, server_default="liveness"))
        table.add_column(sa.Column("verdict", words(32), nullable=False, server_default=""))
        table.add_column(sa.Column("acked", sa.BigInteger))
        table.add_column(sa.Column("acked_by", words(64), nullable=False, server_default=""))
        table.add_column(sa.Column("ack_note", sa.Text, nullable=False, server_default=""))
        table.add_column(sa.Column("reminded", sa.BigInteger))
        table.add_column(sa.Column("flaps", sa.Integer, nullable=False, server_default="0"))
        table.add_column(sa.Column("reopened", sa.BigInteger))
        table.add_column(sa.Column("parent", sa.BigInteger))
    still_open = sa.text("ended IS NULL")
    op.create_index(
        "one_open_incident",
        "incidents",
        ["node", "topic"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_index("incidents_by_start", "incidents", ["started"])


def _outbox() -> None:
    op.drop_index("outbox_waiting", "outbox")
    with op.batch_alter_table("outbox") as table:
        table.alter_column("incident", existing_type=sa.BigInteger, nullable=True)
        table.add_column(sa.Column("message", sa.JSON))
        table.add_column(sa.Column("due", sa.BigInteger))
        table.add_column(sa.Column("expires", sa.BigInteger))
        table.add_column(sa.Column("outcome", words(16), nullable=False, server_default=""))
    op.execute("UPDATE outbox SET outcome = 'sent' WHERE sent IS NOT NULL")
    waiting = sa.text("outcome = ''")
    op.create_index("outbox_waiting", "outbox", ["channel", "created"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("outbox_by_incident", "outbox", ["incident"])


def _notes() -> None:
    op.create_table(
        "notes",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("incident", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", words(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("notes_by_incident", "notes", ["incident"])


def _windows() -> None:
    op.create_table(
        "windows",
        sa.Column("id", words(64), primary_key=True),
        sa.Column("kind", words(16), nullable=False),
        sa.Column("scope", sa.JSON, nullable=False),
        sa.Column("spec", words(200), nullable=False),
        sa.Column("zone", words(64), nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("starts", sa.BigInteger),
        sa.Column("reason", words(500), nullable=False),
        sa.Column("who", words(64), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
    )


def _rollups() -> None:
    op.create_table(
        "rollups",
        sa.Column("node", words(32), primary_key=True),
        sa.Column("grain", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("beats", sa.Integer, nullable=False),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sqlite_with_rowid=False,
        postgresql_partition_by="LIST (grain)",
    )
    if is_postgres():
        for grain in (60, 3_600, 86_400):
            of_grain = f"CREATE TABLE rollups_{grain} PARTITION OF rollups FOR VALUES IN ({grain})"
            op.execute(f"{of_grain} PARTITION BY RANGE (at)")


def _events() -> None:
    op.create_index("events_by_node", "events", ["node", "at"])


def _probes() -> None:
    create_by_time(
        "probes",
        sa.Column("node", words(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("ok", sa.Boolean, nullable=False),
        sa.Column("stage", words(16), nullable=False),
        sa.Column("detail", words(500), nullable=False),
        sa.Column("took_ms", sa.Double),
        sa.Column("version", words(64)),
        sa.Column("certificate_from", sa.BigInteger),
        sa.Column("certificate_until", sa.BigInteger),
    )


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("hash", words(64), primary_key=True),
        sa.Column("kind", words(16), nullable=False),
        sa.Column("name", words(64), nullable=False),
        sa.Column("person", words(64), nullable=False),
        sa.Column("role", words(16), nullable=False),
        sa.Column("incident", sa.BigInteger),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("used", sa.BigInteger),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job", words(32), primary_key=True),
        sa.Column("state", words(16), nullable=False),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("words", words(2000), nullable=False),
        sa.Column("run", words(128), nullable=False),
        sa.Column("good", sa.BigInteger),
        sa.Column("misses", sa.Integer, nullable=False),
    )
