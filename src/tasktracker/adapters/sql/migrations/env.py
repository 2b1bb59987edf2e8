"""Alembic runs this for every command; the connection, in a transaction already, comes from `migrate`."""

from __future__ import annotations

from alembic import context

from tasktracker.adapters.sql.schema import metadata

connection = context.config.attributes["connection"]
# SQLite can alter little about a table, which Alembic then rebuilds (`op.batch_alter_table`).
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
