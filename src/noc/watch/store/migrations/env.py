"""Alembic's way in: the store hands over the connection on which the migrations run."""

from alembic import context

from noc.watch.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
