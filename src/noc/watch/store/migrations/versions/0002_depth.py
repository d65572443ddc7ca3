"""Incidents with topics, acknowledgements, parents; notes, windows, rollups, probes, keys, jobs; other messages."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


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
        table.alter_column("node", existing_type=sa.String(32), type_=sa.String(64), existing_nullable=False)
        table.add_column(sa.Column("topic", sa.String(64), nullable=False, server_default="liveness"))
        table.add_column(sa.Column("verdict", sa.String(32), nullable=False, server_default=""))
        table.add_column(sa.Column("acked", sa.BigInteger))
        table.add_column(sa.Column("acked_by", sa.String(64), nullable=False, server_default=""))
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
    )
    op.create_index("incidents_by_start", "incidents", ["started"])


def _outbox() -> None:
    op.drop_index("outbox_waiting", "outbox")
    with op.batch_alter_table("outbox") as table:
        table.alter_column("incident", existing_type=sa.BigInteger, nullable=True)
        table.add_column(sa.Column("message", sa.JSON))
        table.add_column(sa.Column("due", sa.BigInteger))
        table.add_column(sa.Column("expires", sa.BigInteger))
        table.add_column(sa.Column("outcome", sa.String(16), nullable=False, server_default=""))
    op.execute("UPDATE outbox SET outcome = 'sent' WHERE sent IS NOT NULL")
    waiting = sa.text("outcome = ''")
    op.create_index("outbox_waiting", "outbox", ["channel", "created"], sqlite_where=waiting)
    op.create_index("outbox_by_incident", "outbox", ["incident"])


def _notes() -> None:
    op.create_table(
        "notes",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("incident", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("notes_by_incident", "notes", ["incident"])


def _windows() -> None:
    op.create_table(
        "windows",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("scope", sa.JSON, nullable=False),
        sa.Column("spec", sa.String(200), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("starts", sa.BigInteger),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
    )


def _rollups() -> None:
    op.create_table(
        "rollups",
        sa.Column("node", sa.String(32), primary_key=True),
        sa.Column("grain", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("beats", sa.Integer, nullable=False),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sqlite_with_rowid=False,
    )


def _events() -> None:
    op.create_index("events_by_node", "events", ["node", "at"])


def _probes() -> None:
    op.create_table(
        "probes",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("node", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("ok", sa.Boolean, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("took_ms", sa.Double),
        sa.Column("version", sa.String(64)),
        sa.Column("certificate_from", sa.BigInteger),
        sa.Column("certificate_until", sa.BigInteger),
    )
    op.create_index("probes_by_node", "probes", ["node", "at"])


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("incident", sa.BigInteger),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("used", sa.BigInteger),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job", sa.String(32), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("words", sa.String(2000), nullable=False),
        sa.Column("run", sa.String(128), nullable=False),
        sa.Column("good", sa.BigInteger),
        sa.Column("misses", sa.Integer, nullable=False),
    )
