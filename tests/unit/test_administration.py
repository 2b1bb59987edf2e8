"""Rules of the administration that need no storage."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from tasktracker.domain.accounts.invites import MAX_USES, InviteKey
from tasktracker.domain.accounts.link_service import create_link, find_link
from tasktracker.domain.accounts.links import HANDED_OVER, LinkKind
from tasktracker.domain.accounts.quota import Quotas, Usage
from tasktracker.domain.accounts.registration import Registration
from tasktracker.domain.accounts.session import PROOF_LIFETIME
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import AuthEvent, Kind, Origin
from tasktracker.domain.administration.access import require_still_admin
from tasktracker.domain.administration.account import (
    NEVER,
    AccountKey,
    AccountQuery,
    AccountSort,
    AccountState,
    AccountSummary,
)
from tasktracker.domain.administration.overview import days_to_count
from tasktracker.domain.administration.processes import require_still_admin_unless_self
from tasktracker.domain.administration.statistics import bounds_of
from tasktracker.domain.kernel.actors import AdminActor
from tasktracker.domain.kernel.errors import (
    AdminRequired,
    ConfirmationRequired,
    InvalidInput,
    RegistrationClosed,
    TwoFactorOff,
)
from tests.contracts.base import Seed
from tests.contracts.test_deliveries import new_delivery
from tests.fakes import START, SYSTEM, App
from tests.unit.base import before_next_call


@pytest.fixture
def user() -> User:
    app = App.in_memory()
    return Seed(app.store, app.clock, app.ids).user("Ada", email="Countess@Example.org")


@pytest.mark.parametrize(
    ("changes", "is_still"),
    [
        ({"is_admin": True, "is_active": True}, True),
        ({"is_admin": True, "is_active": False}, False),
        ({"is_admin": False, "is_active": True}, False),
        (None, False),
    ],
)
def test_an_administrator_who_has_lost_the_role_meanwhile_changes_nothing(
    user: User, changes: dict[str, Any] | None, is_still: bool
) -> None:
    asked: list[UUID] = []

    def find_unlocked(user_id: UUID) -> User | None:
        asked.append(user_id)
        return None if changes is None else replace(user, **changes)

    work: Any = SimpleNamespace(
        actor=AdminActor(user.id, UUID(int=1), 1), users=SimpleNamespace(find_unlocked=find_unlocked)
    )
    if is_still:
        require_still_admin(work)
    else:
        with pytest.raises(AdminRequired):
            require_still_admin(work)
    assert asked == [user.id]
    require_still_admin(SimpleNamespace(actor=SYSTEM))


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        (AccountSort.USERNAME, "ada"),
        (AccountSort.NEWEST, START),
        (AccountSort.SEEN_LAST, NEVER),
        (AccountSort.MOST_TASKS, 3),
    ],
)
def test_the_key_of_an_account_is_the_value_that_orders_it(user: User, sort: AccountSort, value: object) -> None:
    account = AccountSummary(
        user=replace(user, created_at=START),
        has_two_factor=False,
        last_seen_at=None,
        sessions=0,
        usage=Usage(tasks=3),
        quotas=Quotas(None, None, None),
    )
    assert account.key(sort) == AccountKey(value, user.id)
    seen = START + timedelta(days=1)
    assert replace(account, last_seen_at=seen).key(AccountSort.SEEN_FIRST).value == seen


@pytest.mark.parametrize("sort", AccountSort)
def test_a_minus_means_descending(sort: AccountSort) -> None:
    assert (f"-{sort.field}" if sort.is_descending else sort.field) == sort.value


@pytest.mark.parametrize(
    ("text", "is_found"), [("", True), (" \uff21D ", True), ("EXAMPLE", True), ("grace", False), ("a d", False)]
)
def test_a_part_of_the_name_or_of_the_address_is_found(user: User, text: str, is_found: bool) -> None:
    assert AccountQuery(now=START, text=text).matches(user) is is_found


@pytest.mark.parametrize("is_active", [True, False])
@pytest.mark.parametrize("is_admin", [True, False])
def test_accounts_are_listed_by_their_state(user: User, is_active: bool, is_admin: bool) -> None:
    user = replace(user, is_active=is_active, is_admin=is_admin)
    found = {state for state in AccountState if AccountQuery(now=START, state=state).matches(user)}
    expected = {AccountState.ACTIVE if is_active else AccountState.DISABLED}
    assert found == expected | ({AccountState.ADMIN} if is_admin else set())
    assert not any(AccountQuery(now=START, state=state, text="grace").matches(user) for state in found)


def test_a_day_ends_where_the_next_one_begins() -> None:
    day = START.date()
    begin, end = bounds_of(day)
    assert (begin.date(), begin.time().isoformat(), end - begin) == (day, "00:00:00", timedelta(days=1))
    assert bounds_of(day + timedelta(days=1))[0] == end


@pytest.mark.parametrize(
    ("days_ago", "number"), [(None, 30), (0, 2), (1, 2), (2, 3), (28, 29), (29, 30), (30, 30), (400, 30)]
)
def test_a_sweep_counts_the_days_since_the_last_one_but_no_more_than_are_shown(
    days_ago: int | None, number: int
) -> None:
    last = None if days_ago is None else START - timedelta(days=days_ago)
    expected = [START.date() - timedelta(days=gap) for gap in reversed(range(number))]
    assert days_to_count(last, START) == expected


def test_only_the_own_account_is_deleted_by_one_who_has_lost_the_role(user: User) -> None:
    users = SimpleNamespace(find_unlocked=lambda _: replace(user, is_admin=False))
    work: Any = SimpleNamespace(actor=AdminActor(user.id, UUID(int=1), 1), users=users)
    require_still_admin_unless_self(work, user.id)
    with pytest.raises(AdminRequired):
        require_still_admin_unless_self(work, UUID(int=2))


ORIGIN = Origin("192.0.2.1")
PASSWORD = "correct horse"


@pytest.fixture
def app() -> App:
    return App.in_memory()


@pytest.fixture
def ada(app: App) -> User:
    """A user with all that a change may end, and without recorded events."""
    actor = app.actor(app.registration.register({"username": "ada", "email": "a@example.org"}, PASSWORD))
    seed = Seed(app.store, app.clock, app.ids)
    with app.store.reading(SYSTEM) as work:
        found: User | None = work.users.find(actor.user_id)
    assert found is not None
    seed.second_factor(found, confirmed_at=START)
    seed.api_token(found)
    seed.user("root", is_admin=True)
    with app.store.writing(SYSTEM) as work:
        create_link(work, found, LinkKind.RESET_PASSWORD)
    app.audit_log.events.clear()
    return found


def left(app: App, user: User) -> list[str]:
    """Return what the user still has."""
    with app.store.reading(SYSTEM) as work:
        has = {
            "sessions": list(work.sessions.list(user.id)),
            "tokens": list(work.api_tokens.list(user.id)),
            "factor": work.second_factors.find(user.id),
        }
    return [name for name, found in has.items() if found]


def events(app: App) -> list[tuple[Any, ...]]:
    """Return the recorded events, the oldest first, and forget them."""
    found = [(each.kind, each.user_id, each.subject, each.detail, each.address) for each in app.audit_log.events]
    app.audit_log.events.clear()
    return found


def test_each_change_of_an_account_is_recorded_with_its_subject_and_ends_what_it_should(app: App, ada: User) -> None:
    def event(kind: Kind) -> tuple[Any, ...]:
        return (kind, ada.id, ada.id, "ada", ORIGIN.address)

    edit = app.administration.edit
    assert left(app, ada) == ["sessions", "tokens", "factor"]
    for changes, kind in (
        ({"is_admin": True}, Kind.PROMOTE),
        ({"is_admin": False}, Kind.DEMOTE),
        ({"max_tasks": 5}, Kind.QUOTA_CHANGE),
        ({"email": "b@example.org"}, Kind.RENAME),
        ({"max_tasks": 5}, None),
        ({"is_active": True}, None),
    ):
        app.do(SYSTEM, edit, ada.id, cast("Any", changes), ORIGIN)
        assert events(app) == ([event(kind)] if kind else [])
        assert left(app, ada) == ["sessions", "tokens", "factor"]
    token = app.do(SYSTEM, app.administration.make_link, ada.id, ORIGIN)
    assert events(app) == [event(Kind.PASSWORD_LINK)]
    link, _ = app.see(SYSTEM, find_link, token, LinkKind.RESET_PASSWORD)
    assert link.expires_at == START + HANDED_OVER
    app.do(SYSTEM, app.administration.end_sessions, ada.id, ORIGIN)
    assert (events(app), left(app, ada)) == ([event(Kind.SESSION_END)], ["tokens", "factor"])
    app.do(SYSTEM, app.administration.disable_two_factor, ada.id, ORIGIN)
    assert (events(app), left(app, ada)) == ([event(Kind.TWO_FACTOR_DISABLE)], ["tokens"])
    with pytest.raises(TwoFactorOff):
        app.do(SYSTEM, app.administration.disable_two_factor, ada.id)
    app.account_processes.set_password(SYSTEM, ada.id, "another long one")
    assert (events(app), left(app, ada)) == ([(Kind.PASSWORD_CHANGE, ada.id, ada.id, "ada", None)], [])
    for is_active, kind in ((False, Kind.DISABLE), (True, Kind.ENABLE)):
        app.do(SYSTEM, edit, ada.id, {"is_active": is_active}, ORIGIN)
        assert events(app) == [event(kind)]
    app.account_processes.delete(SYSTEM, ada.id, origin=ORIGIN)
    assert events(app) == [(Kind.DELETE, None, ada.id, "ada", ORIGIN.address)]


@pytest.mark.parametrize(
    ("before", "recorded"),
    [
        ((True, True), {Kind.RENAME, Kind.DISABLE, Kind.DEMOTE, Kind.QUOTA_CHANGE}),
        ((False, False), {Kind.RENAME, Kind.ENABLE, Kind.PROMOTE, Kind.QUOTA_CHANGE}),
    ],
)
def test_each_of_several_changes_in_one_edit_is_recorded(
    app: App, ada: User, before: tuple[bool, bool], recorded: set[Kind]
) -> None:
    is_active, is_admin = before
    app.do(SYSTEM, app.administration.edit, ada.id, {"is_active": is_active, "is_admin": is_admin})
    app.audit_log.events.clear()
    with app.store.writing(SYSTEM) as work:
        user = app.administration.get(work, ada.id).user
        work.users.save(user.with_verified_email("a@example.org", START))
    changes: dict[str, Any] = {"username": "grace", "email": "b@example.org", "max_tasks": 5}
    changes |= {"is_active": not is_active, "is_admin": not is_admin}
    edited = app.do(SYSTEM, app.administration.edit, ada.id, cast("Any", changes)).user
    assert edited.version == user.with_verified_email("a@example.org", START).version + 1
    assert sorted(each.kind for each in app.audit_log.events) == sorted(recorded)
    assert {each.detail for each in app.audit_log.events} == {"ada"}
    with app.store.reading(SYSTEM) as work:
        notices = [each.event for each in work.notifications.list(ada.id, None, None, 10).items]
    assert notices.count("address-changed") == 1


@pytest.mark.parametrize("end", ["disable", "set a password"])
def test_the_links_and_sessions_of_an_account_end_with_its_password_and_when_it_is_disabled(
    app: App, ada: User, end: str
) -> None:
    with app.store.writing(SYSTEM) as work:
        token = create_link(work, ada, LinkKind.RESET_PASSWORD)
    if end == "disable":
        app.do(SYSTEM, app.administration.edit, ada.id, {"is_active": False})
        app.do(SYSTEM, app.administration.edit, ada.id, {"is_active": True})
    else:
        app.account_processes.set_password(SYSTEM, ada.id, "another long one")
    assert "sessions" not in left(app, ada)
    with pytest.raises(InvalidInput):
        app.see(SYSTEM, find_link, token, LinkKind.RESET_PASSWORD)


@pytest.mark.parametrize("is_admin", [False, True])
@pytest.mark.parametrize("password", [None, PASSWORD])
def test_a_new_account_is_recorded_and_has_its_password_or_a_link(
    app: App, is_admin: bool, password: str | None
) -> None:
    make = app.account_processes.create
    user, token = make(SYSTEM, {"username": "ada"}, password, is_admin=is_admin, origin=ORIGIN)
    assert (user.is_admin, token is None) == (is_admin, password is not None)
    kinds = [Kind.REGISTER, *([Kind.PROMOTE] if is_admin else [])]
    assert events(app) == [(kind, user.id, user.id, "ada", ORIGIN.address) for kind in kinds]
    if token is not None:
        with app.store.reading(SYSTEM) as work:
            assert find_link(work, token, LinkKind.SET_PASSWORD)[1].id == user.id
    with pytest.raises(InvalidInput):
        make(SYSTEM, {"username": "bob"}, "", is_admin=is_admin)


def test_changes_of_the_service_are_recorded_with_their_subject(app: App, ada: User) -> None:
    delivery = new_delivery(Seed(app.store, app.clock, app.ids), user_id=ada.id)
    with app.store.writing(SYSTEM) as work:
        work.deliveries.add(delivery)
    for change, kind in (
        (app.delivery_administration.cancel, Kind.DELIVERY_CANCEL),
        (app.delivery_administration.retry, Kind.DELIVERY_RETRY),
    ):
        app.do(SYSTEM, change, delivery.id, ORIGIN)
        assert events(app) == [(kind, ada.id, delivery.id, delivery.address, ORIGIN.address)]
    service = app.service_administration
    app.do(SYSTEM, service.set_registration, Registration.INVITE, ORIGIN)
    assert events(app) == [(Kind.SETTINGS_CHANGE, None, None, "invite", ORIGIN.address)]
    invite, _ = app.do(SYSTEM, service.invite, {"note": "for Grace"}, ORIGIN)
    assert (invite.created_by, events(app)) == (
        None,
        [(Kind.INVITE_CREATE, None, invite.id, "for Grace", ORIGIN.address)],
    )
    app.do(SYSTEM, service.revoke_invite, invite.id, ORIGIN)
    assert events(app) == [(Kind.INVITE_REVOKE, None, invite.id, "for Grace", ORIGIN.address)]
    app.do(SYSTEM, service.set_registration, Registration.CLOSED)
    with pytest.raises(RegistrationClosed):
        app.do(SYSTEM, service.invite, {"note": "for Grace"})


def test_without_a_proof_an_administrator_changes_nothing_and_no_password_is_hashed(app: App, ada: User) -> None:
    seed = Seed(app.store, app.clock, app.ids)
    session = seed.session(seed.user(is_admin=True))
    admin = AdminActor(session.user_id, session.id, session.generation)
    users, service, mails, processes = (
        app.administration,
        app.service_administration,
        app.delivery_administration,
        app.account_processes,
    )
    app.hasher.clear()
    for use_case, *arguments in (
        (users.edit, ada.id, {"is_admin": True}),
        (users.make_link, ada.id),
        (users.disable_two_factor, ada.id),
        (users.end_sessions, ada.id),
        (service.set_registration, Registration.CLOSED),
        (service.invite, {}),
        (service.revoke_invite, ada.id),
        (mails.retry, ada.id),
        (mails.cancel, ada.id),
    ):
        with pytest.raises(ConfirmationRequired):
            app.do(admin, cast("Any", use_case), *arguments)
    for process, *more in (
        (processes.create, {"username": "bob"}, PASSWORD),
        (processes.set_password, ada.id, "another long one"),
        (processes.delete, ada.id),
    ):
        with pytest.raises(ConfirmationRequired):
            cast("Any", process)(admin, *more)
    assert (app.hasher.hashed, events(app), left(app, ada)) == ([], [], ["sessions", "tokens", "factor"])


def test_what_an_administrator_does_is_recorded_with_the_administrator(app: App, ada: User) -> None:
    seed = Seed(app.store, app.clock, app.ids)
    session = seed.session(seed.user(is_admin=True), proved_at=START)
    admin = AdminActor(session.user_id, session.id, session.generation)
    service = app.service_administration
    for fields, detail in (
        ({"address": "grace@example.org"}, "grace@example.org"),
        ({"address": "grace@example.org", "note": "for Grace"}, "for Grace"),
    ):
        invite, _ = app.do(admin, service.invite, cast("Any", fields), ORIGIN)
        app.do(admin, service.revoke_invite, invite.id, ORIGIN)
        assert [each.detail for each in app.audit_log.events] == [detail] * 2
        app.audit_log.events.clear()
    invite, _ = app.do(admin, service.invite, {"note": "for Grace"}, ORIGIN)
    assert invite.created_by == admin.user_id
    with app.audited.open(admin, Kind.USER_READ, ORIGIN, ada.id) as work:
        assert work.users.find_unlocked(ada.id) == ada
    made, read = app.audit_log.events
    common: Any = {"at": START, "admin_id": admin.user_id, "session_id": session.id, "address": ORIGIN.address}
    app.do(admin, app.administration.make_link, ada.id)
    with app.store.reading(SYSTEM) as work:
        assert "password-link" in [each.event for each in work.notifications.list(ada.id, None, None, 10).items]
    assert made == AuthEvent(
        id=made.id, kind=Kind.INVITE_CREATE, user_id=None, subject=invite.id, detail="for Grace", **common
    )
    assert read == AuthEvent(id=read.id, kind=Kind.USER_READ, user_id=None, subject=ada.id, **common)
    with suppress(KeyError), app.audited.open(admin, Kind.USER_LIST, ORIGIN):
        raise KeyError  # a call that fails is recorded, too
    assert app.audit_log.events[-1].kind is Kind.USER_LIST


@pytest.mark.parametrize("way", ["create", "set"])
def test_a_proof_that_ends_while_a_password_is_hashed_is_too_old(
    app: App, ada: User, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = Seed(app.store, app.clock, app.ids)
    session = seed.session(seed.user(is_admin=True), proved_at=START)
    admin = AdminActor(session.user_id, session.id, session.generation)
    before_next_call(monkeypatch, app.hasher, "hash", lambda: app.clock.advance(PROOF_LIFETIME + timedelta(seconds=1)))
    create = partial(app.account_processes.create, admin, {"username": "bob"})
    hash_one = create if way == "create" else partial(app.account_processes.set_password, admin, ada.id)
    with pytest.raises(ConfirmationRequired):
        hash_one("another long one")


@pytest.mark.parametrize(("value", "is_right"), [(0, True), (2**53 - 1, True), (-1, False), (2**53, False)])
def test_a_quota_is_a_number_that_json_can_hold(app: App, ada: User, value: int, is_right: bool) -> None:
    if is_right:
        changed = app.do(SYSTEM, app.administration.edit, ada.id, {"max_tasks": value})
        assert changed.quotas.tasks == value
    else:
        with pytest.raises(InvalidInput):
            app.do(SYSTEM, app.administration.edit, ada.id, {"max_tasks": value})


def test_a_user_is_renamed_under_the_rules_for_new_names(app: App, ada: User) -> None:
    with pytest.raises(InvalidInput):
        app.do(SYSTEM, app.administration.edit, ada.id, {"username": "ad\u0430"})  # the last letter is Cyrillic
    changed = app.do(SYSTEM, app.administration.edit, ada.id, {"username": " grace "}).user
    assert (changed.username, changed.version) == ("grace", ada.version + 1)


@pytest.mark.parametrize(
    ("changes", "pending"),
    [({"username": "grace"}, "new@example.org"), ({"max_tasks": 3}, "new@example.org"), ({"email": "a@b.de"}, None)],
)
def test_an_address_stays_pending_until_another_one_is_set(
    app: App, changes: dict[str, Any], pending: str | None
) -> None:
    user = Seed(app.store, app.clock, app.ids).user
    bob = user("bob", email="a@b.de", pending_email="new@example.org", is_active=False, is_admin=True)
    changed = app.do(SYSTEM, app.administration.edit, bob.id, cast("Any", changes)).user
    assert (changed.email, changed.pending_email) == ("a@b.de", pending)
    assert (changed.is_active, changed.is_admin) == (False, True)
    assert events(app)[0][0] is (Kind.QUOTA_CHANGE if "max_tasks" in changes else Kind.RENAME)


def test_a_link_of_a_disabled_user_is_of_no_use(app: App, ada: User) -> None:
    app.do(SYSTEM, app.administration.edit, ada.id, {"is_active": False})
    token = app.do(SYSTEM, app.administration.make_link, ada.id)
    with pytest.raises(InvalidInput):
        app.see(SYSTEM, find_link, token, LinkKind.RESET_PASSWORD)


@pytest.mark.parametrize(("uses", "is_right"), [(0, False), (1, True), (MAX_USES, True), (MAX_USES + 1, False)])
def test_an_invitation_has_a_number_of_uses(app: App, uses: int, is_right: bool) -> None:
    if is_right:
        made, _ = app.do(SYSTEM, app.invites.create, {"uses_left": uses, "note": " for Grace "})
        assert (made.uses_left, made.note, made.key) == (uses, "for Grace", InviteKey(START, made.id))
    else:
        with pytest.raises(InvalidInput):
            app.do(SYSTEM, app.invites.create, {"uses_left": uses})


def test_a_second_factor_that_was_not_confirmed_is_not_turned_off(app: App) -> None:
    seed = Seed(app.store, app.clock, app.ids)
    bob = seed.user("bob")
    seed.second_factor(bob)
    with pytest.raises(TwoFactorOff):
        app.do(SYSTEM, app.administration.disable_two_factor, bob.id)
