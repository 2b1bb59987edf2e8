"""Alembic runs this module for every command. `migrate` passes the connection, with an open transaction."""

from __future__ import annotations

from alembic import context

from tasktracker.adapters.sql.schema import metadata

connection = context.config.attributes["connection"]
# SQLite supports few alterations of a table. For others, Alembic rebuilds it (`op.batch_alter_table`).
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
