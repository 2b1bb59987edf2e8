"""The commands that administer users and invitations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import click

from tasktracker.domain.accounts.invites import MAX_USES, InviteFields, InviteKey
from tasktracker.domain.accounts.links import HANDED_OVER, LIFETIMES, LinkKind
from tasktracker.domain.accounts.user import UserFields
from tasktracker.domain.administration.account import AccountKey, AccountQuery, AccountState, AccountSummary
from tasktracker.domain.administration.user_service import AccountChanges
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.paging import MAX_PAGE
from tasktracker.domain.work import UnitOfWork
from tasktracker.entrypoints.command_support import opened_container, report_errors, show_table
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.link_urls import link_to

ACTOR = SystemActor("administration")

user_argument = click.argument("user")
new_password = click.password_option(
    envvar="TASKTRACKER_PASSWORD", help="Password.  [default: a prompt]  [env: TASKTRACKER_PASSWORD]"
)


@contextmanager
def _administering(user: str) -> Iterator[tuple[Container, UnitOfWork[SystemActor], UUID]]:
    """Open a unit of work on the user with this username or e-mail address."""
    with opened_container() as container, container.store().writing(ACTOR) as work:
        yield container, work, container.administration().named(work, user)


def _change(user: str, changes: AccountChanges) -> AccountSummary:
    with _administering(user) as (container, work, user_id):
        changed: AccountSummary = container.administration().edit(work, user_id, changes)
    return changed


@click.command("create-admin")
@click.argument("username")
@click.option("--email", help="E-mail address.")
@new_password
@report_errors
def create_admin(username: str, email: str | None, password: str) -> None:
    """Create an administrator."""
    with opened_container() as container:
        user = container.registration().create_admin(UserFields(username=username, email=email), password)
    click.echo(f"created administrator {user.username}")


def _command(name: str, changes: AccountChanges, done: str, text: str) -> click.Command:
    """Return a command that makes one change to a user."""

    @click.command(name, help=text)
    @user_argument
    @report_errors
    def change(user: str) -> None:
        changed = _change(user, changes)
        click.echo(f"{done} {changed.user.username}")

    return change


DISABLE = "Disable a user, by username or e-mail address: end all sessions and refuse logins."
ENABLE = "Enable a disabled user, by username or e-mail address."
PROMOTE = "Make a user an administrator of the service."
DEMOTE = "Make an administrator an ordinary user. The last active one stays."


@click.group()
def users() -> None:
    """Manage users. USER is a username or an e-mail address."""


@users.command("list")
@click.option("--search", default="", help="A part of the username or the e-mail address.")
@click.option("--state", type=click.Choice([each.value for each in AccountState]), help="Only these users.")
@report_errors
def list_users(search: str, state: str | None) -> None:
    """List users, one on a line. If the output is no terminal, there are tabs between the columns, and no titles.

    The columns are the id, the username, the e-mail address, the state (active or disabled, admin, two-factor), the
    last use, and the numbers of sessions and tasks.
    """
    with opened_container() as container, container.store().reading(ACTOR) as work:

        def rows() -> Iterator[Sequence[str]]:
            after: AccountKey[Any] | None = None
            while True:
                query = AccountQuery(
                    now=work.now, text=search, state=AccountState(state) if state else None, after=after, limit=MAX_PAGE
                )
                page = container.administration().list(work, query)
                yield from map(_columns, page.items)
                if page.next is None:
                    return
                after = page.next

        show_table(("ID", "USERNAME", "ADDRESS", "STATE", "LAST USE", "SESSIONS", "TASKS"), rows())


def _columns(account: AccountSummary) -> Sequence[str]:
    user = account.user
    states = ["active" if user.is_active else "disabled"]
    states += ["admin"] if user.is_admin else []
    states += ["two-factor"] if account.has_two_factor else []
    seen = account.last_seen_at.isoformat(" ", "seconds") if account.last_seen_at else "never"
    counts = (str(account.sessions), str(account.usage.tasks))
    return (str(user.id), user.username, user.email or "-", ",".join(states), seen, *counts)


@users.command("create")
@click.argument("username")
@click.option("--email", help="E-mail address.")
@click.option("--admin", is_flag=True, help="Make the user an administrator.")
@click.option("--password", envvar="TASKTRACKER_PASSWORD", help="Password.  [env: TASKTRACKER_PASSWORD]")
@report_errors
def create_user(username: str, email: str | None, admin: bool, password: str | None) -> None:
    """Create a user. Without a password, print a one-time link with which the user sets the password."""
    with opened_container() as container:
        fields = UserFields(username=username, email=email)
        user, token = container.account_processes().create(ACTOR, fields, password, is_admin=admin)
        click.echo(f"created {user.username}")
        if token is not None:
            click.echo(link_to(container.settings(), LinkKind.SET_PASSWORD, token))
            click.echo(f"the link works once, for {LIFETIMES[LinkKind.SET_PASSWORD].days} days", err=True)


@users.command("set-password")
@user_argument
@new_password
@report_errors
def set_password(user: str, password: str) -> None:
    """Set a password, end all sessions, and revoke all API tokens."""
    with opened_container() as container:
        with container.store().reading(ACTOR) as work:
            user_id = container.administration().named(work, user)
        container.account_processes().set_password(ACTOR, user_id, password)
    click.echo(f"changed the password of {user}")


@users.command("password-reset")
@user_argument
@report_errors
def reset_password(user: str) -> None:
    """Print a one-time link with which the user replaces a forgotten password, within 24 hours.

    The user's verified address gets a notice.
    """
    with _administering(user) as (container, work, user_id):
        token = container.administration().make_link(work, user_id)
        link = link_to(container.settings(), LinkKind.RESET_PASSWORD, token)
    click.echo(link)
    click.echo(f"the link works once, for {HANDED_OVER // timedelta(hours=1)} hours", err=True)


@users.command("disable-two-factor")
@user_argument
@report_errors
def disable_two_factor(user: str) -> None:
    """Turn off two-factor authentication of a user who has lost the app and the recovery codes."""
    with _administering(user) as (container, work, user_id):
        container.administration().disable_two_factor(work, user_id)
    click.echo(f"turned off two-factor authentication of {user}")


@users.command("end-sessions")
@user_argument
@report_errors
def end_sessions(user: str) -> None:
    """End all sessions of a user. API tokens remain valid."""
    with _administering(user) as (container, work, user_id):
        container.administration().end_sessions(work, user_id)
    click.echo(f"ended all sessions of {user}")


@users.command("delete")
@user_argument
@click.option("--transfer-to", help="The user who becomes the owner of the shared categories.  [default: an editor]")
@click.confirmation_option(prompt="Delete the account and all its data permanently?", help="Do not ask.")
@report_errors
def delete_user(user: str, transfer_to: str | None) -> None:
    """Delete a user and all data of the user permanently."""
    with opened_container() as container:
        with container.store().reading(ACTOR) as work:
            user_id = container.administration().named(work, user)
        container.account_processes().delete(ACTOR, user_id, transfer_to)
        container.jobs().run_all()
    click.echo(f"deleted {user}")


@click.group()
def invites() -> None:
    """Manage invitations, with which people register while registration is not open."""


@invites.command("create")
@click.option("--note", default="", help="A note for administrators.")
@click.option(
    "--address", help=("Address of the invited person. If mail is configured, the link is mailed and not printed.")
)
@click.option("--uses", type=click.IntRange(1, MAX_USES), default=1, show_default=True, help="Number of registrations.")
@report_errors
def create_invite(note: str, address: str | None, uses: int) -> None:
    """Make an invitation that expires after 14 days. Print its token and its link, or mail the link."""
    with opened_container() as container:
        fields = InviteFields(note=note, address=address, uses_left=uses)
        with container.store().writing(ACTOR) as work:
            _, token = container.service_administration().invite(work, fields)
        if token is None:
            click.echo(f"the invitation will be mailed to {address}")
        else:
            click.echo(token)
            click.echo(link_to(container.settings(), DeliveryKind.INVITATION, token))


@invites.command("list")
@report_errors
def list_invites() -> None:
    """List invitations, one on a line: the id, the remaining uses, the time of expiry, the address, and the note."""
    with opened_container() as container, container.store().reading(ACTOR) as work:

        def rows() -> Iterator[Sequence[str]]:
            after: InviteKey | None = None
            while True:
                page = container.invites().list(work, after, MAX_PAGE)
                for each in page.items:
                    expiry = each.expires_at.isoformat(" ", "seconds")
                    yield str(each.id), str(each.uses_left), expiry, each.address or "-", each.note
                if page.next is None:
                    return
                after = page.next

        show_table(("ID", "USES", "EXPIRES", "ADDRESS", "NOTE"), rows())


@invites.command("revoke")
@click.argument("invite", type=click.UUID)
@report_errors
def revoke_invite(invite: UUID) -> None:
    """Revoke an invitation by its id. Accounts created with it remain."""
    with opened_container() as container, container.store().writing(ACTOR) as work:
        container.service_administration().revoke_invite(work, invite)
    click.echo(f"revoked {invite}")


for _name, _changes, _done, _text in (
    ("disable", AccountChanges(is_active=False), "disabled", DISABLE),
    ("enable", AccountChanges(is_active=True), "enabled", ENABLE),
    ("promote", AccountChanges(is_admin=True), "promoted", PROMOTE),
    ("demote", AccountChanges(is_admin=False), "demoted", DEMOTE),
):
    users.add_command(_command(_name, _changes, _done, _text))

COMMANDS: Sequence[click.Command] = (
    create_admin,
    _command("disable-user", AccountChanges(is_active=False), "disabled", DISABLE),
    _command("enable-user", AccountChanges(is_active=True), "enabled", ENABLE),
    users,
    invites,
)
"""The commands and groups of this module."""
