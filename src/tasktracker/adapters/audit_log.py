"""Writes authentication events to the log."""

from __future__ import annotations

from contextlib import suppress

import structlog

from tasktracker.domain.activity.event import AuthEvent, Outcome

log = structlog.get_logger("tasktracker.audit")


class StructlogAuditLog:
    """Implements AuditLog: one structured log line per event."""

    def write(self, event: AuthEvent) -> None:
        """Log an event: a success as info, a failure as a warning."""
        write = log.info if event.outcome is Outcome.SUCCESS else log.warning
        # The event is already stored, so a failing log output must not raise.
        with suppress(OSError, ValueError):
            write(
                "audit",
                id=str(event.id),
                at=event.at.isoformat(),
                kind=event.kind.value,
                outcome=event.outcome.value,
                user=str(event.user_id) if event.user_id else None,
                session=str(event.session_id) if event.session_id else None,
                address=event.address,
                admin=str(event.admin_id) if event.admin_id else None,
                subject=str(event.subject) if event.subject else None,
            )
