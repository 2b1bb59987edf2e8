"""Commands on the mails to users."""

from __future__ import annotations

from uuid import UUID

import click

from tasktracker.domain.deliveries.delivery import DeliveryState
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, MAX_PAGE
from tasktracker.entrypoints.command_support import opened_container, report_errors, show_table

ADMINISTRATION = SystemActor("administration")


@click.group()
def deliveries() -> None:
    """Show and manage the mails to users."""


@deliveries.command("list")
@click.option("--state", type=click.Choice([each.value for each in DeliveryState]), help="Only those in this state.")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_PAGE),
    default=DEFAULT_PAGE,
    show_default=True,
    help="Maximum number of deliveries.",
)
@report_errors
def list_deliveries(state: str | None, limit: int) -> None:
    """List the newest mails: id, time, state, kind, number of attempts, and the problem of the last attempt."""
    with opened_container() as container, container.store().reading(ADMINISTRATION) as work:
        page = container.deliveries().list_all(work, DeliveryState(state) if state else None, limit=limit)
    rows = [
        (
            str(each.id),
            f"{each.created_at:%Y-%m-%d %H:%M}",
            each.state,
            each.kind,
            str(each.attempts),
            each.problem or "-",
        )
        for each in page.items
    ]
    show_table(("ID", "TIME", "STATE", "KIND", "ATTEMPTS", "PROBLEM"), rows)


@deliveries.command("retry")
@click.argument("delivery_id", type=click.UUID)
@report_errors
def retry_delivery(delivery_id: UUID) -> None:
    """Send a mail again that has failed, or now if it is due. Attempts are made for another 24 hours."""
    with opened_container() as container, container.store().writing(ADMINISTRATION) as work:
        container.delivery_administration().retry(work, delivery_id)
    click.echo("the mail is due")


@deliveries.command("cancel")
@click.argument("delivery_id", type=click.UUID)
@report_errors
def cancel_delivery(delivery_id: UUID) -> None:
    """Do not send a mail that is due."""
    with opened_container() as container, container.store().writing(ADMINISTRATION) as work:
        container.delivery_administration().cancel(work, delivery_id)
    click.echo("the mail is cancelled")
