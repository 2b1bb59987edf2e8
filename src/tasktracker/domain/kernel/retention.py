"""How long data about the past is stored."""

from __future__ import annotations

from datetime import timedelta

RETENTION = timedelta(days=30)
"""The retention time: how long the trash, histories, deletions in feeds and results are stored."""

MARGIN = timedelta(days=1)
"""How far apart the clocks of two hosts may be.

Data promised until a time is stored longer by this margin, because another host may delete it.
"""
