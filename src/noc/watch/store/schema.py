"""The watch's tables. Times are milliseconds since the epoch, UTC; changes of shape are migrations."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

HEAD = "0001"

metadata = MetaData()
_Key = BigInteger().with_variant(Integer, "sqlite")

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("node", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("up", Boolean, nullable=False),
    Column("msg", String(2000), nullable=False),
    Column("ping", Double),
    Column("seq", BigInteger),
    Column("boot", String(64)),
    Column("version", String(64)),
    Column("sent", BigInteger),
    Column("telemetry", JSON(none_as_null=True)),
    Column("warn", String(500), nullable=False),
    Index("heartbeats_by_node", "node", "at"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=False),
    Column("node", String(32), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("severity", String(8), nullable=False),
    Column("escalated", BigInteger),
    Column("ended", BigInteger),
    Column("end_reason", Text, nullable=False),
)
Index(
    "one_open_incident",
    incidents.c.node,
    unique=True,
    sqlite_where=incidents.c.ended.is_(None),
    postgresql_where=incidents.c.ended.is_(None),
)

events = Table(
    "events",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("node", String(32)),
    Column("at", BigInteger, nullable=False),
    Column("incident", BigInteger),
    Column("detail", JSON, nullable=False),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("channel", String(32), primary_key=True),
    Column("incident", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", String(500), nullable=False),
    Column("sent", BigInteger),
)
Index(
    "outbox_waiting",
    outbox.c.created,
    sqlite_where=outbox.c.sent.is_(None),
    postgresql_where=outbox.c.sent.is_(None),
)

deployments = Table(
    "deployments",
    metadata,
    Column("node", String(32), primary_key=True),
    Column("run", String(128), nullable=False),
    Column("until", BigInteger, nullable=False),
)

server = Table(
    "server",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("alive", BigInteger, nullable=False),
)
