"""How long data about the past is stored."""

from __future__ import annotations

from datetime import timedelta

RETENTION = timedelta(days=30)
"""The retention time: how long the trash, histories, deletions in feeds and results are stored."""

MARGIN = timedelta(days=1)
"""How much longer data is stored than promised, because the clock of the host that deletes it may be wrong."""
