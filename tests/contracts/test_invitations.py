"""Invitations to the service by mail, and registering with them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest

from tasktracker.domain.accounts.invites import DEFAULT_LIFETIME, Invite, InviteFields
from tasktracker.domain.accounts.registration import Registration
from tasktracker.domain.accounts.user import User, UserFields
from tasktracker.domain.activity.event import EventQuery, Kind, Origin
from tasktracker.domain.deliveries.delivery import LEASE, DeliveryKind, DeliveryState, Letter
from tasktracker.domain.deliveries.ports import NotSent
from tasktracker.domain.kernel.errors import InvalidInput, RegistrationClosed, TooManyRequests
from tasktracker.domain.kernel.languages import Language
from tasktracker.domain.throttling.limit import REGISTRATION_BY_ADDRESS, REGISTRATION_LIMITS, buckets
from tasktracker.domain.work import Storage
from tests.contracts.base import Seed
from tests.contracts.test_emails import deliver, deliveries, token_of
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.unit.base import PASSWORD, fields_of

ADDRESS = "grace@example.org"


@pytest.fixture
def app(store: Storage, clock: ManualClock) -> App:
    app = App(store, clock, mail=True)
    app.do(SYSTEM, app.registration_mode.change, Registration.INVITE)
    return app


def invite(app: App, created_by: User | None = None, **fields: Any) -> Invite:
    wanted = cast(InviteFields, {"address": ADDRESS, **fields})
    made, token = app.do(SYSTEM, app.invites.create, wanted, created_by.id if created_by else None)
    assert token is None
    return made


def invited(app: App, **fields: Any) -> Letter:
    """Invite the address, and return the letter."""
    invite(app, **fields)
    (letter,) = deliver(app, DeliveryKind.INVITATION)
    return letter


def register(app: App, token: str, address: str | None = ADDRESS, name: str = "grace") -> User:
    return app.registration.register_by_link(UserFields(username=name, email=address), PASSWORD, invite=token)


def remaining(app: App) -> list[int]:
    with app.store.reading(SYSTEM) as work:
        return [each.uses_left for each in work.invites.list(None, 10).items]


def test_an_invitation_is_mailed_in_the_language_of_the_administrator(app: App, seed: Seed) -> None:
    admin = seed.user(language=Language.DE, time_zone="Europe/Vienna")
    invite(app, admin)
    app.clock.advance(seconds=1)
    (letter,), (delivery,) = deliver(app), deliveries(app)
    assert (letter.message_id, letter.created_at) == (delivery.message_id, START)
    assert (letter.kind, letter.to, letter.language) == (DeliveryKind.INVITATION, ADDRESS, "de")
    assert letter.parameters == {"until": (START + DEFAULT_LIFETIME).isoformat()}
    assert letter.link == ("invitation", token_of(letter))


def test_an_invitation_without_an_address_is_not_mailed(app: App) -> None:
    made, token = app.do(SYSTEM, app.invites.create, {"address": None})
    assert token is not None
    assert not made.is_mailed
    assert deliveries(app) == []


def test_registering_with_a_mailed_invitation_verifies_its_address(app: App) -> None:
    user = register(app, token_of(invited(app)), ADDRESS.upper())
    assert (user.email, user.pending_email, user.email_verified_at) == (ADDRESS.upper(), None, START)
    assert deliver(app) == []
    assert app.sessions.login(ADDRESS, PASSWORD).user == user
    assert remaining(app) == [0]


def test_another_address_is_verified_by_another_mail(app: App) -> None:
    user = register(app, token_of(invited(app)), "other@example.org")
    assert (user.email, user.pending_email) == (None, "other@example.org")
    (letter,) = deliver(app)
    assert (letter.kind, letter.to) == (DeliveryKind.VERIFY_EMAIL, "other@example.org")


def test_an_address_may_be_left_out(app: App) -> None:
    assert register(app, token_of(invited(app)), None).unverified_email is None
    assert deliver(app) == []


def test_an_invitation_whose_token_an_administrator_has_seen_verifies_nothing(app: App) -> None:
    unmailed = App(app.store, app.clock)
    _, token = unmailed.do(SYSTEM, unmailed.invites.create, {"address": ADDRESS})
    assert token is not None
    assert register(app, token).pending_email == ADDRESS


def test_an_address_of_another_account_is_not_taken_from_it(app: App, seed: Seed) -> None:
    letter = invited(app)
    holder = seed.user(email=ADDRESS, email_verified_at=START)
    user = register(app, token_of(letter))
    assert (user.email, user.pending_email) == (None, ADDRESS)
    (notice,) = deliver(app)
    assert (notice.kind, notice.parameters["username"]) == ("address-taken", holder.username)


def test_an_address_that_another_account_has_not_verified_is_taken_from_it(app: App, seed: Seed) -> None:
    before = seed.user(email=ADDRESS.upper())
    assert register(app, token_of(invited(app))).verified_email == ADDRESS
    with app.store.reading(SYSTEM) as work:
        found = work.users.find(before.id)
    assert found is not None
    assert (found.email, found.pending_email, found.version) == (None, ADDRESS.upper(), before.version + 1)


@pytest.mark.parametrize(("address", "is_proved"), [(ADDRESS, True), ("other@example.org", False), (None, False)])
def test_while_registration_is_open_an_invitation_is_used_up_too(
    app: App, address: str | None, is_proved: bool
) -> None:
    token = token_of(invited(app))
    app.do(SYSTEM, app.registration_mode.change, Registration.OPEN)
    user = register(app, token, address)
    assert (user.verified_email is not None, remaining(app)) == (is_proved, [0])
    with pytest.raises(InvalidInput) as refused:
        register(app, token, None, "hopper")
    assert fields_of(refused) == ["invite"]


def test_while_registration_is_closed_invitations_do_not_work(app: App) -> None:
    letter = invited(app)
    app.do(SYSTEM, app.registration_mode.change, Registration.CLOSED)
    with pytest.raises(RegistrationClosed):
        register(app, token_of(letter))
    assert remaining(app) == [1]


def test_an_invitation_that_is_of_no_use_is_not_mailed(app: App) -> None:
    revoked = invite(app)
    app.do(SYSTEM, app.invites.revoke, revoked.id)
    invite(app, expires_at=START + timedelta(seconds=1))
    app.clock.advance(seconds=1)
    assert deliver(app) == []
    assert [each.state for each in deliveries(app)] == [DeliveryState.SKIPPED] * 2


def test_a_revoked_invitation_is_refused(app: App) -> None:
    made = invite(app)
    (letter,) = deliver(app)
    app.do(SYSTEM, app.invites.revoke, made.id)
    with pytest.raises(InvalidInput) as refused:
        register(app, token_of(letter))
    assert fields_of(refused) == ["invite"]


def test_an_invitation_that_is_sent_twice_has_one_token(app: App) -> None:
    invite(app)
    app.mailer.failures = [NotSent("later")]
    (first,) = deliver(app)
    app.clock.advance(LEASE)
    (second,) = deliver(app)
    assert first == second
    register(app, token_of(first))
    with pytest.raises(InvalidInput):
        register(app, token_of(second), None, "other")


@pytest.mark.parametrize("way", ["register", "register_by_link"])
def test_a_registration_says_where_it_was_made_in_each_event(app: App, way: str) -> None:
    token, origin = token_of(invited(app)), Origin("192.0.2.1")
    getattr(app.registration, way)({"username": "grace", "email": ADDRESS}, PASSWORD, origin=origin, invite=token)
    with app.store.reading(SYSTEM) as work:
        user = work.users.find_by_login("grace")
        assert user is not None
        events = work.activity.search(EventQuery(user_id=user.id)).items
    assert {(each.kind, each.address) for each in events} == {
        (Kind.REGISTER, origin.address),
        (Kind.EMAIL_VERIFY, origin.address),
    }


def test_of_two_proofs_the_link_counts(app: App) -> None:
    token, other = token_of(invited(app)), "other@example.org"
    fields = UserFields(username="grace", email=other)
    user = app.registration.register_by_link(fields, PASSWORD, invite=token, proof=lambda _: other)
    assert (user.verified_email, remaining(app)) == (other, [0])


@pytest.mark.parametrize("way", ["register", "register_by_link"])
def test_registrations_of_a_network_are_limited(store: Storage, clock: ManualClock, way: str) -> None:
    app = App(store, clock, throttled=True)
    register = partial(getattr(app.registration, way), {"username": "grace"}, PASSWORD)
    for _ in range(REGISTRATION_BY_ADDRESS.burst):
        app.throttle.consume(*buckets(REGISTRATION_LIMITS, "192.0.2.1"))
    with pytest.raises(TooManyRequests):
        register(origin=Origin("192.0.2.1"))
    register(origin=Origin("192.0.2.2"))
