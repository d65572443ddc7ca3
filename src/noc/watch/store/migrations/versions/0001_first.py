"""The first schema: heartbeats, incidents, events, outbox, deployments, server."""

import sqlalchemy as sa
from alembic import op

from noc.watch.store.migrations.shapes import KEY, create_by_time, words

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of version 0001, as they were then."""
    _heartbeats()
    _incidents()
    _events()
    _outbox()
    _deployments()
    _server()


def _heartbeats() -> None:
    create_by_time(
        "heartbeats",
        sa.Column("node", words(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("up", sa.Boolean, nullable=False),
        sa.Column("msg", words(2000), nullable=False),
        sa.Column("ping", sa.Double),
        sa.Column("seq", sa.BigInteger),
        sa.Column("boot", words(64)),
        sa.Column("version", words(64)),
        sa.Column("sent", sa.BigInteger),
        sa.Column("telemetry", sa.JSON),
        sa.Column("warn", words(500), nullable=False),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("node", words(32), nullable=False),
        sa.Column("cause", words(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("severity", words(8), nullable=False),
        sa.Column("escalated", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.Column("end_reason", sa.Text, nullable=False),
    )
    still_open = sa.text("ended IS NULL")
    op.create_index(
        "one_open_incident", "incidents", ["node"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("kind", words(32), nullable=False),
        sa.Column("node", words(32)),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("incident", sa.BigInteger),
        sa.Column("detail", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", words(64), primary_key=True),
        sa.Column("channel", words(32), primary_key=True),
        sa.Column("incident", sa.BigInteger, nullable=False),
        sa.Column("kind", words(16), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", words(500), nullable=False),
        sa.Column("sent", sa.BigInteger),
    )
    waiting = sa.text("sent IS NULL")
    op.create_index("outbox_waiting", "outbox", ["created"], sqlite_where=waiting, postgresql_where=waiting)


def _deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("node", words(32), primary_key=True),
        sa.Column("run", words(128), nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )


def _server() -> None:
    op.create_table(
        "server",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("alive", sa.BigInteger, nullable=False),
    )
