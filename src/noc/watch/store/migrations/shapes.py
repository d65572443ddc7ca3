"""What the migrations make otherwise in PostgreSQL than in a file."""

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def words(length: int) -> sa.types.TypeEngine[str]:
    """Text of a length, which SQLite does not enforce; nor does PostgreSQL: no push is lost for a word too long."""
    return sa.String(length).with_variant(sa.Text(), "postgresql")


def is_postgres() -> bool:
    """Whether the migration runs in PostgreSQL."""
    return bool(op.get_context().dialect.name == "postgresql")


def create_by_time(table: str, *columns: sa.Column[object]) -> None:
    """Make a table of numbered rows with a time `at`: in PostgreSQL one in parts by time, which the store makes.

    There its numbers come from a sequence and have no index: every row is found by its node and time.
    """
    if is_postgres():
        op.execute(f"CREATE SEQUENCE {table}_id_seq")
        number = sa.Column("id", sa.BigInteger, server_default=sa.text(f"nextval('{table}_id_seq')"), nullable=False)
        op.create_table(table, number, *columns, postgresql_partition_by="RANGE (at)")
        op.execute(f"ALTER SEQUENCE {table}_id_seq OWNED BY {table}.id")
    else:
        op.create_table(table, sa.Column("id", KEY, primary_key=True), *columns)
    op.create_index(f"{table}_by_node", table, ["node", "at"])
