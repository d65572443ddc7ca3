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
from sqlalchemy.types import TypeEngine

HEAD = "0002"

metadata = MetaData()
_Key = BigInteger().with_variant(Integer, "sqlite")


def _words(length: int) -> TypeEngine[str]:
    """Text of a length that nobody enforces: SQLite does not, so PostgreSQL is not told."""
    return String(length).with_variant(Text(), "postgresql")


heartbeats = Table(
    "heartbeats",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("node", _words(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("up", Boolean, nullable=False),
    Column("msg", _words(2000), nullable=False),
    Column("ping", Double),
    Column("seq", BigInteger),
    Column("boot", _words(64)),
    Column("version", _words(64)),
    Column("sent", BigInteger),
    Column("telemetry", JSON(none_as_null=True)),
    Column("warn", _words(500), nullable=False),
    Index("heartbeats_by_node", "node", "at"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=False),
    Column("node", _words(64), nullable=False),
    Column("cause", _words(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("severity", _words(8), nullable=False),
    Column("escalated", BigInteger),
    Column("ended", BigInteger),
    Column("end_reason", Text, nullable=False),
    Column("topic", _words(64), nullable=False, server_default="liveness"),
    Column("verdict", _words(32), nullable=False, server_default=""),
    Column("acked", BigInteger),
    Column("acked_by", _words(64), nullable=False, server_default=""),
    Column("ack_note", Text, nullable=False, server_default=""),
    Column("reminded", BigInteger),
    Column("flaps", Integer, nullable=False, server_default="0"),
    Column("reopened", BigInteger),
    Column("parent", BigInteger),
)
Index(
    "one_open_incident",
    incidents.c.node,
    incidents.c.topic,
    unique=True,
    sqlite_where=incidents.c.ended.is_(None),
)
Index("incidents_by_start", incidents.c.started)

notes = Table(
    "notes",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("incident", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("who", _words(64), nullable=False),
    Column("text", Text, nullable=False),
    Index("notes_by_incident", "incident"),
)

events = Table(
    "events",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("kind", _words(32), nullable=False),
    Column("node", _words(32)),
    Column("at", BigInteger, nullable=False),
    Column("incident", BigInteger),
    Column("detail", JSON, nullable=False),
    Index("events_by_node", "node", "at"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _words(64), primary_key=True),
    Column("channel", _words(32), primary_key=True),
    Column("incident", BigInteger),  # none: a briefing or a test, which `message` holds
    Column("kind", _words(16), nullable=False),
    Column("message", JSON(none_as_null=True)),
    Column("due", BigInteger),  # not to be sent before
    Column("expires", BigInteger),  # of no use to anybody after
    Column("created", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", _words(500), nullable=False),
    Column("sent", BigInteger),
    Column("outcome", _words(16), nullable=False, server_default=""),  # "": it waits
)
Index(
    "outbox_waiting",
    outbox.c.channel,
    outbox.c.created,
    sqlite_where=outbox.c.outcome == "",
)
Index("outbox_by_incident", outbox.c.incident)

deployments = Table(
    "deployments",
    metadata,
    Column("node", _words(32), primary_key=True),
    Column("run", _words(128), nullable=False),
    Column("until", BigInteger, nullable=False),
)

server = Table(
    "server",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("alive", BigInteger, nullable=False),
)

windows = Table(
    "windows",
    metadata,
    Column("id", _words(64), primary_key=True),
    Column("kind", _words(16), nullable=False),  # single, weekly, cron, silence
    Column("scope", JSON, nullable=False),  # names of nodes and groups, or ["all"]
    Column("spec", _words(200), nullable=False),  # when it begins, where it repeats
    Column("zone", _words(64), nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("starts", BigInteger),
    Column("reason", _words(500), nullable=False),
    Column("who", _words(64), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("ended", BigInteger),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job", _words(32), primary_key=True),
    Column("state", _words(16), nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("words", _words(2000), nullable=False),
    Column("run", _words(128), nullable=False),
    Column("good", BigInteger),  # when it last ended well
    Column("misses", Integer, nullable=False),  # in a row
)

rollups = Table(
    "rollups",
    metadata,
    Column("node", _words(32), primary_key=True),
    Column("grain", Integer, primary_key=True),  # seconds: 60, 3,600 or 86,400
    Column("at", BigInteger, primary_key=True),  # the bucket's start
    Column("beats", Integer, nullable=False),
    Column("deaths", Integer, nullable=False),
    Column("fields", JSON, nullable=False),  # field → [least, most, sum, count]
    sqlite_with_rowid=False,
)

probes = Table(
    "probes",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("node", _words(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("stage", _words(16), nullable=False),  # where it failed: name, connect, certificate, answer
    Column("detail", _words(500), nullable=False),
    Column("took_ms", Double),
    Column("version", _words(64)),
    Column("certificate_from", BigInteger),
    Column("certificate_until", BigInteger),
    Index("probes_by_node", "node", "at"),
)

keys = Table(
    "keys",
    metadata,
    Column("hash", _words(64), primary_key=True),  # SHA-256 of the secret, hex
    Column("kind", _words(16), nullable=False),  # session, link, token, acknowledge
    Column("name", _words(64), nullable=False),  # what a person calls it
    Column("person", _words(64), nullable=False),
    Column("role", _words(16), nullable=False),
    Column("incident", BigInteger),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("used", BigInteger),
)
