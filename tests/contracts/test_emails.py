"""E-mail addresses that are verified by mail, forgotten passwords, and notices about the security of an account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest

from tasktracker.domain.accounts.links import LIFETIMES, LinkKind
from tasktracker.domain.accounts.session_service import LoggedIn
from tasktracker.domain.accounts.user import User, UserFields
from tasktracker.domain.activity.event import EventQuery, Kind, Origin
from tasktracker.domain.api_tokens.api_token import ApiTokenFields
from tasktracker.domain.deliveries.delivery import LEASE, Delivery, DeliveryKind, DeliveryState, Letter
from tasktracker.domain.deliveries.ports import NotSent
from tasktracker.domain.kernel.actors import Scope, SessionActor
from tasktracker.domain.kernel.errors import (
    EmailTaken,
    InvalidCredentials,
    InvalidInput,
    MailOff,
    NothingToVerify,
    SessionEnded,
    TooManyRequests,
)
from tasktracker.domain.kernel.languages import Language
from tasktracker.domain.throttling.limit import FORGOTTEN_LIMITS
from tasktracker.domain.work import Storage
from tests.contracts.base import Seed, race
from tests.contracts.test_recent_proof import code, turn_on
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.unit.base import PASSWORD, fields_of, register

ADDRESS = "alice@example.org"
NEW = "battery staple"


@pytest.fixture
def app(store: Storage, clock: ManualClock) -> App:
    return App(store, clock, mail=True)


@pytest.fixture
def alice(app: App) -> SessionActor:
    """A user with a verified address, in the letters of whom there is nothing yet."""
    alice = register(app, "alice")
    verify(app, deliver(app))
    return alice


def deliver(app: App, *kinds: str) -> list[Letter]:
    """Send due deliveries, and return the letters. Letters of one moment are ordered by kind and user."""
    app.mailer.letters.clear()
    app.courier.run_all()
    found = [each for each in app.mailer.letters if not kinds or each.kind in kinds]
    return sorted(found, key=lambda each: (each.kind, each.parameters.get("username", "")))


def token_of(letter: Letter) -> str:
    assert letter.link is not None
    return letter.link[1]


def verify(app: App, letters: list[Letter]) -> User:
    (letter,) = letters
    return app.do(SYSTEM, app.emails.verify, token_of(letter))


def profile(app: App, actor: SessionActor) -> User:
    return app.see(actor, app.accounts.profile)


def edit(app: App, actor: SessionActor, **fields: Any) -> User:
    return app.accounts.edit(actor, cast(UserFields, fields), PASSWORD)


def deliveries(app: App) -> list[Delivery]:
    with app.store.reading(SYSTEM) as work:
        return list(work.deliveries.list(None, None, None, 100).items)


# ------------------------------------------------------------------ verification


def test_an_address_is_that_of_the_account_once_it_is_verified(app: App) -> None:
    alice = register(app, "alice")
    user = profile(app, alice)
    assert (user.email, user.pending_email, user.email_verified_at) == (None, ADDRESS, None)
    with pytest.raises(InvalidCredentials):
        app.sessions.login(ADDRESS, PASSWORD)
    (letter,) = deliver(app)
    assert (letter.kind, letter.to, letter.parameters["username"]) == ("verify-email", ADDRESS, "alice")
    app.clock.advance(minutes=5)
    user = verify(app, [letter])
    assert (user.email, user.pending_email, user.email_verified_at) == (ADDRESS, None, app.clock.now())
    assert profile(app, alice) == user
    assert app.sessions.login("Alice@Example.ORG", PASSWORD).user.id == user.id


def test_a_letter_is_in_the_language_and_time_zone_of_the_user(app: App) -> None:
    fields = UserFields(username="alice", email=ADDRESS, language=Language.DE, time_zone="Europe/Vienna")
    app.registration.register(fields, PASSWORD)
    app.clock.advance(seconds=1)
    (letter,), (delivery,) = deliver(app), deliveries(app)
    assert (letter.language, letter.parameters["time_zone"]) == ("de", "Europe/Vienna")
    assert (letter.message_id, letter.created_at) == (delivery.message_id, START)


def test_a_link_verifies_once_and_for_a_day(app: App) -> None:
    alice = register(app, "alice")
    used = deliver(app)
    verify(app, used)
    edit(app, alice, email="new@example.org")
    late = deliver(app)
    app.clock.advance(LIFETIMES[LinkKind.VERIFY_EMAIL])
    for letters in (used, late):
        with pytest.raises(InvalidInput) as refused:
            verify(app, letters)
        assert fields_of(refused) == ["token"]


def test_a_link_dies_when_another_address_is_entered(app: App) -> None:
    alice = register(app, "alice")
    first = deliver(app)
    edit(app, alice, email="new@example.org")
    for call in (lambda: app.see(SYSTEM, app.emails.find_link, token_of(first[0])), lambda: verify(app, first)):
        with pytest.raises(InvalidInput) as refused:
            call()
        assert fields_of(refused) == ["token"]
    assert verify(app, deliver(app)).email == "new@example.org"


def test_a_mail_to_an_address_that_was_replaced_before_it_was_sent_is_skipped(app: App) -> None:
    alice = register(app, "alice")
    edit(app, alice, email="new@example.org")
    assert [letter.to for letter in deliver(app)] == ["new@example.org"]


def test_a_password_link_verifies_no_address_and_the_other_way_round(app: App, alice: SessionActor) -> None:
    app.emails.forgot_password("alice")
    edit(app, alice, email="new@example.org")
    reset, verification = deliver(app, "reset-password", "verify-email")
    with pytest.raises(InvalidInput):
        app.do(SYSTEM, app.emails.verify, token_of(reset))
    with pytest.raises(InvalidInput):
        app.password_reset.reset(token_of(verification), NEW)


def test_another_link_is_sent_on_request_three_times_an_hour(app: App) -> None:
    alice = register(app, "alice")
    (first,) = deliver(app)
    sent = []
    for _ in range(4):
        app.do(alice, app.emails.request_verification)
        sent += deliver(app)
    assert len(sent) == 2
    assert [each.state for each in deliveries(app)].count(DeliveryState.SKIPPED) == 2
    with pytest.raises(InvalidInput):
        verify(app, [first])  # the newest one replaced it
    app.clock.advance(hours=1, seconds=1)
    app.do(alice, app.emails.request_verification)
    verify(app, deliver(app))
    with pytest.raises(NothingToVerify):
        app.do(alice, app.emails.request_verification)


def test_an_address_gets_few_mails_whoever_enters_it(app: App) -> None:
    for name in ("bob", "carol", "dave", "erin"):
        app.registration.register(UserFields(username=name, email="Victim@Example.org"), PASSWORD)
    assert len(deliver(app)) == 3


# -------------------------------------------------------------------- uniqueness


def test_registering_and_changing_do_not_reveal_that_an_address_is_taken(app: App, alice: SessionActor) -> None:
    taken = app.registration.register(UserFields(username="bob", email=ADDRESS), PASSWORD).user
    free = app.registration.register(UserFields(username="carol", email="carol@example.org"), PASSWORD).user
    assert (taken.email, free.email) == (None, None)
    assert (taken.pending_email, free.pending_email) == (ADDRESS, "carol@example.org")
    to_alice, to_carol = deliver(app)
    assert (to_alice.kind, to_alice.to, to_alice.link) == ("address-taken", ADDRESS, None)
    assert to_alice.parameters["username"] == "alice"
    assert to_carol.kind == "verify-email"
    bob = app.actor(app.sessions.login("bob", PASSWORD))
    assert edit(app, bob, email="x@example.org").pending_email == "x@example.org"
    assert edit(app, bob, email=ADDRESS).pending_email == ADDRESS
    assert [each.kind for each in deliver(app)] == ["address-taken"]
    assert app.sessions.login(ADDRESS, PASSWORD).user.username == "alice"


def test_of_two_accounts_with_an_address_the_first_to_verify_has_it(app: App) -> None:
    for name in ("bob", "carol"):
        app.registration.register(UserFields(username=name, email=ADDRESS), PASSWORD)
    bobs, carols = deliver(app)
    outcomes = race(*(partial(verify, app, [letter]) for letter in (bobs, carols)))
    assert [type(each) for each in outcomes if not isinstance(each, User)] == [EmailTaken]
    (verified,) = [each for each in outcomes if isinstance(each, User)]
    assert app.sessions.login(ADDRESS, PASSWORD).user.id == verified.id


def test_a_link_of_an_address_that_is_taken_is_not_used_up(app: App) -> None:
    for name in ("bob", "carol"):
        app.registration.register(UserFields(username=name, email=ADDRESS), PASSWORD)
    bobs, carols = deliver(app)
    verify(app, [bobs])
    with pytest.raises(EmailTaken):
        verify(app, [carols])
    edit(app, app.actor(app.sessions.login("bob", PASSWORD)), email=None)
    verify(app, [carols])


def test_an_address_from_before_there_was_mail_logs_in_until_another_account_verifies_it(
    app: App, store: Storage
) -> None:
    before = App(store, app.clock)
    old = before.registration.register(UserFields(username="old", email=ADDRESS), PASSWORD)
    assert (old.user.email, old.user.pending_email) == (ADDRESS, None)
    assert app.sessions.login(ADDRESS, PASSWORD).user.username == "old"
    app.registration.register(UserFields(username="new", email=ADDRESS), PASSWORD)
    verify(app, deliver(app))
    assert app.sessions.login(ADDRESS, PASSWORD).user.username == "new"
    user = app.sessions.login("old", PASSWORD).user
    assert (user.email, user.pending_email) == (None, ADDRESS)


def test_an_address_from_before_there_was_mail_is_verified_on_request(app: App, store: Storage) -> None:
    before = App(store, app.clock)
    old = before.actor(before.registration.register(UserFields(username="old", email=ADDRESS), PASSWORD))
    app.emails.forgot_password("old")
    assert deliver(app) == []
    edit(app, old, email="new@example.org")
    assert [each.to for each in deliver(app)] == ["new@example.org"]
    app.accounts.edit(old, {}, keeps_pending=False)
    app.do(old, app.emails.request_verification)
    assert verify(app, deliver(app)).email_verified_at == app.clock.now()
    assert DeliveryKind.ADDRESS_CHANGED not in {each.kind for each in deliveries(app)}


# ------------------------------------------------------------------------ change


def test_a_new_address_replaces_the_verified_one_only_when_it_is_verified(app: App, alice: SessionActor) -> None:
    user = edit(app, alice, email="new@example.org")
    assert (user.email, user.pending_email) == (ADDRESS, "new@example.org")
    assert app.sessions.login(ADDRESS, PASSWORD).user == user
    (letter,) = deliver(app, "verify-email")
    assert letter.to == "new@example.org"
    app.clock.advance(minutes=1)
    user = verify(app, [letter])
    assert (user.email, user.pending_email, user.email_verified_at) == ("new@example.org", None, app.clock.now())
    (notice,) = deliver(app)
    assert (notice.kind, notice.to) == ("address-changed", ADDRESS)
    with pytest.raises(InvalidCredentials):
        app.sessions.login(ADDRESS, PASSWORD)
    edit(app, alice, email=None)
    assert [(each.kind, each.to) for each in deliver(app)] == [("address-changed", "new@example.org")]


def test_a_new_address_with_a_filler_is_refused(app: App, alice: SessionActor) -> None:
    with pytest.raises(InvalidInput) as refused:
        edit(app, alice, email="al\u3164ice@example.org")
    assert fields_of(refused) == ["email"]


def test_removing_the_address_is_told_to_it(app: App, alice: SessionActor) -> None:
    app.clock.advance(hours=1)
    user = edit(app, alice, email=None)
    assert (user.email, user.email_verified_at) == (None, None)
    (notice,) = deliver(app)
    assert (notice.kind, notice.to) == ("address-changed", ADDRESS)
    assert notice.parameters == {"at": app.clock.now().isoformat(), "username": "alice", "time_zone": "UTC"}


def test_a_new_username_is_not_told_to_the_address(app: App, alice: SessionActor) -> None:
    edit(app, alice, username="alicia")
    app.do(SYSTEM, app.administration.edit, alice.user_id, {"username": "alison"})
    assert deliver(app) == []


def test_another_spelling_of_the_address_is_verified_too(app: App, alice: SessionActor) -> None:
    assert edit(app, alice, email=ADDRESS.upper()).pending_email == ADDRESS.upper()
    assert verify(app, deliver(app)).email == ADDRESS.upper()


def test_other_fields_and_the_same_address_leave_a_pending_one(app: App, alice: SessionActor) -> None:
    edit(app, alice, email="new@example.org")
    user = edit(app, alice, email=ADDRESS, first_name="Alice")
    assert (user.email, user.pending_email) == (ADDRESS, "new@example.org")
    assert len(deliver(app)) == 1


def test_a_pending_address_can_be_given_up(app: App, alice: SessionActor) -> None:
    edit(app, alice, email="typo@example.org")
    letters = deliver(app)
    user = app.accounts.edit(alice, {}, keeps_pending=False)
    assert (user.verified_email, user.pending_email) == (ADDRESS, None)
    with pytest.raises(InvalidInput):
        verify(app, letters)
    user = app.accounts.edit(alice, {"email": "new@example.org"}, PASSWORD, keeps_pending=False)
    assert user.pending_email == "new@example.org"
    assert [each.to for each in deliver(app)] == ["new@example.org"]


def test_without_mail_a_new_address_is_effective_at_once(store: Storage, app: App, alice: SessionActor) -> None:
    without = App(store, app.clock)
    user = without.accounts.edit(alice, UserFields(email="new@example.org"), PASSWORD)
    assert (user.email, user.email_verified_at, user.pending_email) == ("new@example.org", None, None)
    assert [each.state for each in deliveries(app)] == [DeliveryState.SENT]  # from before


# ------------------------------------------------------------- forgotten password


def test_a_forgotten_password_is_replaced_by_a_mailed_link(app: App, alice: SessionActor) -> None:
    for name in ("Alice", ADDRESS.upper(), " alice "):
        app.emails.forgot_password(name)
    letters = deliver(app)
    assert [(each.kind, each.to) for each in letters] == [("reset-password", ADDRESS)] * 3
    app.password_reset.reset(token_of(app.mailer.letters[-1]), NEW)
    (notice,) = deliver(app)
    assert (notice.kind, notice.to) == ("password-changed", ADDRESS)
    with pytest.raises(SessionEnded), app.store.reading(alice):
        pass
    assert app.sessions.login("alice", NEW).user.id == alice.user_id


def disable(app: App, username: str) -> None:
    with app.store.writing(SYSTEM) as work:
        app.administration.edit(work, app.administration.named(work, username), {"is_active": False})


def disabled(app: App) -> None:
    register(app, "mallory")
    verify(app, deliver(app))
    disable(app, "mallory")


def unverified(app: App) -> None:
    register(app, "mallory")
    deliver(app)


def from_before_there_was_mail(app: App) -> None:
    Seed(app.store, app.clock, app.ids).user("mallory", email="mallory@example.org")


NONE_NAMED = "no account with a verified address has this name"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (disabled, "the account is disabled"),
        (unverified, NONE_NAMED),
        (from_before_there_was_mail, NONE_NAMED),
        (lambda _: None, NONE_NAMED),
    ],
)
def test_a_name_without_a_usable_account_is_taken_alike_and_forgotten(
    app: App, make: Callable[[App], None], problem: str
) -> None:
    make(app)
    before = {each.id for each in deliveries(app)}
    app.emails.forgot_password("mallory")
    (request,) = [each for each in deliveries(app) if each.id not in before]
    assert (request.parameters, request.user_id, request.address) == ({"name": "mallory"}, None, None)
    assert deliver(app) == []
    (skipped,) = [each for each in deliveries(app) if each.id not in before]
    assert (skipped.state, skipped.parameters, skipped.user_id) == (DeliveryState.SKIPPED, {}, None)
    assert skipped.problem == problem


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("address", "the account has no verified address"),
        ("password", "the password or the address was changed meanwhile"),
        ("activity", "the account is disabled"),
    ],
)
def test_no_link_is_sent_after_a_change_between_two_attempts(
    app: App, alice: SessionActor, change: str, problem: str
) -> None:
    app.emails.forgot_password("alice")
    app.mailer.failures = [NotSent("later")]
    deliver(app)
    if change == "address":
        edit(app, alice, email=None)
    elif change == "password":
        app.accounts.change_password(alice, PASSWORD, NEW)
    else:
        disable(app, "alice")
    app.clock.advance(minutes=2)
    assert deliver(app, DeliveryKind.RESET_PASSWORD) == []
    (skipped,) = [each for each in deliveries(app) if each.kind is DeliveryKind.RESET_PASSWORD]
    assert (skipped.state, skipped.problem) == (DeliveryState.SKIPPED, problem)


def test_the_name_is_forgotten_when_it_was_looked_up(app: App, alice: SessionActor) -> None:
    app.emails.forgot_password(ADDRESS)
    app.mailer.failures = [NotSent("421 later")]
    deliver(app)
    (found,) = [each for each in deliveries(app) if each.kind is DeliveryKind.RESET_PASSWORD]
    assert "name" not in found.parameters
    assert (found.state, found.user_id) == (DeliveryState.DUE, alice.user_id)


def test_a_name_that_no_account_can_have_is_refused_and_another_one_is_normalized(app: App) -> None:
    for bad in ("\0", "x" * 1025):
        with pytest.raises(InvalidInput) as refused:
            app.emails.forgot_password(bad)
        assert fields_of(refused) == ["username"]
    app.emails.forgot_password(" \uff21lice ")
    assert [each.parameters for each in deliveries(app)] == [{"name": "Alice"}]


def test_an_account_gets_three_mails_an_hour(app: App, alice: SessionActor) -> None:
    for _ in range(5):
        app.emails.forgot_password("alice")
    deliver(app)
    letters = app.mailer.letters[:]
    assert len(letters) == 3
    with pytest.raises(InvalidInput):
        app.password_reset.reset(token_of(letters[0]), NEW)  # replaced
    app.password_reset.reset(token_of(letters[2]), NEW)
    app.clock.advance(hours=1, seconds=1)
    app.emails.forgot_password("alice")
    assert [each.kind for each in deliver(app)] == ["password-changed", "reset-password"]


def test_an_address_may_ask_twenty_times_an_hour(store: Storage, clock: ManualClock) -> None:
    app = App(store, clock, mail=True, throttled=True)
    origin = Origin("192.0.2.1")
    for number in range(FORGOTTEN_LIMITS[0].burst):
        app.emails.forgot_password(f"user{number}", origin)
    with pytest.raises(TooManyRequests):
        app.emails.forgot_password("alice", origin)
    app.emails.forgot_password("alice", Origin("192.0.2.2"))


@pytest.mark.parametrize("change", ["password", "address", "reset", "late", "disabled"])
def test_a_link_is_dead_after_any_change(app: App, alice: SessionActor, change: str) -> None:
    app.emails.forgot_password("alice")
    (letter,) = deliver(app)
    if change == "password":
        app.accounts.change_password(alice, PASSWORD, "another one")
    elif change == "address":
        edit(app, alice, email="new@example.org")
        verify(app, deliver(app))
    elif change == "reset":
        app.password_reset.reset(token_of(letter), "another one")
    elif change == "late":
        app.clock.advance(LIFETIMES[LinkKind.RESET_PASSWORD])
    else:
        disable(app, "alice")
    with pytest.raises(InvalidInput):
        app.password_reset.reset(token_of(letter), NEW)


def test_a_wrong_code_does_not_use_the_mailed_link_up(app: App, alice: SessionActor) -> None:
    turn_on(app, alice)
    app.emails.forgot_password("alice")
    (letter,) = deliver(app, "reset-password")
    for wrong in (None, "123456"):
        with pytest.raises(InvalidInput) as refused:
            app.password_reset.reset(token_of(letter), NEW, wrong)
        assert fields_of(refused) == ["code"]
    app.password_reset.reset(token_of(letter), NEW, code(app))


def test_a_link_of_a_mail_that_arrived_twice_is_one(app: App, alice: SessionActor, clock: ManualClock) -> None:
    app.emails.forgot_password("alice")
    app.mailer.failures = [NotSent("the relay did not answer in time")]
    (first,) = deliver(app)
    clock.advance(minutes=29)
    (second,) = deliver(app)
    assert first == second
    clock.advance(minutes=29)  # after the first one alone would have expired
    app.password_reset.reset(token_of(first), NEW)


def test_a_link_that_was_used_is_not_made_again_by_another_attempt(
    app: App, alice: SessionActor, clock: ManualClock
) -> None:
    app.emails.forgot_password("alice")
    app.mailer.failures = [NotSent("the connection was lost after the message")]
    (letter,) = deliver(app)
    app.password_reset.reset(token_of(letter), NEW)
    clock.advance(minutes=2)
    assert [each.kind for each in deliver(app)] == ["password-changed"]
    with pytest.raises(InvalidInput):
        app.password_reset.reset(token_of(letter), "a third one")


def test_without_mail_nothing_is_stored(store: Storage, clock: ManualClock) -> None:
    app = App(store, clock)
    alice = register(app, "alice")
    with pytest.raises(MailOff):
        app.emails.forgot_password("alice")
    with pytest.raises(MailOff):
        app.do(alice, app.emails.request_verification)
    app.accounts.change_password(alice, PASSWORD, NEW)
    assert deliveries(app) == []


# ----------------------------------------------------------------------- notices


def kinds_after(app: App, change: Callable[[], object]) -> list[str]:
    change()
    return [each.kind for each in deliver(app)]


def test_changes_to_the_security_of_an_account_are_told_to_its_address(app: App, alice: SessionActor) -> None:
    origin = Origin("192.0.2.7")
    token = ApiTokenFields(name="script", scopes=frozenset(Scope))
    created: list[Any] = []
    assert kinds_after(
        app, lambda: created.append(app.api_tokens.create(alice, token, PASSWORD, origin=origin)[0])
    ) == ["api-token-created"]
    letter = app.mailer.letters[0]
    assert (letter.to, letter.parameters["from"], letter.parameters["at"]) == (ADDRESS, "192.0.2.7", START.isoformat())
    assert kinds_after(app, lambda: app.do(alice, app.api_tokens.revoke, created[0].id)) == ["api-token-revoked"]
    assert "from" not in app.mailer.letters[-1].parameters
    assert kinds_after(app, lambda: app.accounts.change_password(alice, PASSWORD, PASSWORD)) == ["password-changed"]
    assert kinds_after(app, lambda: turn_on(app, alice)) == ["two-factor-enabled"]


def test_an_unverified_address_gets_no_notice(app: App) -> None:
    alice = register(app, "alice")
    deliver(app)
    assert kinds_after(app, lambda: app.accounts.change_password(alice, PASSWORD, NEW)) == []
    from_before_there_was_mail(app)
    mallory = app.see(SYSTEM, app.administration.named, "mallory")
    assert kinds_after(app, lambda: app.account_processes.set_password(SYSTEM, mallory, NEW)) == []


def test_a_change_that_is_undone_causes_no_notice(app: App, alice: SessionActor) -> None:
    with pytest.raises(InvalidInput):
        app.accounts.change_password(alice, "wrong", NEW)
    assert deliver(app) == []


def test_a_login_of_a_new_device_is_told(store: Storage, clock: ManualClock, app: App, alice: SessionActor) -> None:
    app = App(store, clock, mail=True, throttled=True)

    def login(origin: Origin) -> LoggedIn:
        return app.sessions.login("alice", PASSWORD, "Phone", origin=origin)

    first, other = Origin("192.0.2.1", "app/1"), Origin("198.51.100.1", "curl/8")
    assert kinds_after(app, lambda: login(first)) == ["new-device"]
    assert app.mailer.letters[0].parameters["device"] == "Phone"
    assert kinds_after(app, lambda: login(first)) == []
    assert kinds_after(app, lambda: login(Origin("203.0.113.9", "app/1"))) == []  # a known program elsewhere
    assert kinds_after(app, lambda: login(Origin("192.0.2.1", "app/2"))) == []  # an update, in a known network
    assert kinds_after(app, lambda: login(other)) == ["new-device"]


@pytest.mark.parametrize(("minutes", "kinds"), [(9, []), (10, ["new-device"])])
def test_the_first_login_after_a_registration_by_a_link_is_not_told(
    app: App, clock: ManualClock, minutes: int, kinds: list[str]
) -> None:
    fields: UserFields = {"username": "bob", "email": "bob@example.org"}
    app.registration.register_by_link(fields, PASSWORD)
    verify(app, deliver(app, "verify-email"))
    clock.advance(minutes=minutes)
    assert kinds_after(app, lambda: app.sessions.login("bob", PASSWORD, origin=Origin("192.0.2.1", "app/1"))) == kinds
    assert kinds_after(app, lambda: app.sessions.login("bob", PASSWORD, origin=Origin("192.0.2.2", "curl/8"))) == [
        "new-device"
    ]
    assert app.mailer.letters[0].parameters["device"] == "curl/8"


def test_a_notice_of_a_login_names_only_what_is_known(app: App, alice: SessionActor) -> None:
    app.do(SYSTEM, app.administration.end_sessions, alice.user_id)
    app.clock.advance(hours=1)
    app.sessions.login("alice", PASSWORD)
    (letter,) = deliver(app, DeliveryKind.NEW_DEVICE)
    assert letter.parameters == {"at": str(app.clock.now()), "username": "alice", "time_zone": "UTC"}


def test_a_replayed_token_is_told(app: App, alice: SessionActor, clock: ManualClock) -> None:
    tokens = app.sessions.login("alice", PASSWORD).tokens
    newer = app.sessions.refresh(tokens.refresh)
    app.sessions.verify(newer.access)
    with app.store.writing(app.actor(newer)):
        pass
    clock.advance(minutes=5)

    def replay() -> None:
        with pytest.raises(SessionEnded):
            app.sessions.refresh(tokens.refresh)

    assert kinds_after(app, replay) == ["session-replayed"]


def test_a_notice_is_skipped_when_the_account_is_gone(app: App, alice: SessionActor, seed: Seed) -> None:
    app.accounts.change_password(alice, PASSWORD, NEW)
    app.account_removal.delete(alice, NEW)
    assert deliver(app) == []


@pytest.mark.parametrize("kind", DeliveryKind)
def test_every_kind_can_be_prepared(app: App, kind: DeliveryKind) -> None:
    assert kind in app.courier._preparations


def test_a_lease_is_longer_than_the_life_of_no_link() -> None:
    assert timedelta(0) < LEASE < min(LIFETIMES.values())


def test_an_administrator_who_changes_an_address_or_two_factor_causes_notices(app: App, alice: SessionActor) -> None:
    turn_on(app, alice)
    deliver(app)
    app.do(SYSTEM, app.administration.disable_two_factor, alice.user_id)
    assert [each.kind for each in deliver(app)] == ["two-factor-disabled"]
    app.do(SYSTEM, app.administration.edit, alice.user_id, {"email": "new@example.org"})
    (notice,) = deliver(app)
    assert (notice.kind, notice.to) == ("address-changed", ADDRESS)
    assert "by_admin" in notice.parameters
    assert profile(app, alice).email_verified_at is None


def test_a_user_is_mailed_what_an_administrator_did_without_the_administrators_address(
    app: App, alice: SessionActor
) -> None:
    origin = Origin("192.0.2.7")
    turn_on(app, alice)
    deliver(app)
    app.do(SYSTEM, app.administration.edit, alice.user_id, {"is_admin": True}, origin)
    app.do(SYSTEM, app.administration.disable_two_factor, alice.user_id, origin)
    token = app.do(SYSTEM, app.administration.make_link, alice.user_id, origin)
    letters = deliver(app)
    assert [each.kind for each in letters] == ["password-link", "promoted", "two-factor-disabled"]
    for each in letters:
        assert each.to == ADDRESS
        assert "by_admin" in each.parameters
        assert "from" not in each.parameters
        assert token not in str(each)


def test_a_link_of_an_administrator_is_valid_for_a_day(app: App, alice: SessionActor, clock: ManualClock) -> None:
    replaced, link = (app.do(SYSTEM, app.administration.make_link, alice.user_id) for _ in range(2))
    clock.advance(hours=23)
    with pytest.raises(InvalidInput):
        app.password_reset.find(replaced)
    assert app.password_reset.find(link).username == "alice"
    clock.advance(hours=1)
    with pytest.raises(InvalidInput):
        app.password_reset.find(link)


def test_what_an_administrator_does_to_a_mail_is_recorded_for_its_user(app: App, alice: SessionActor) -> None:
    app.accounts.change_password(alice, PASSWORD, PASSWORD)
    (due,) = [each for each in deliveries(app) if each.state is DeliveryState.DUE]
    app.do(SYSTEM, app.delivery_administration.cancel, due.id)
    app.do(SYSTEM, app.delivery_administration.retry, due.id)
    with app.store.reading(SYSTEM) as work:
        kinds = frozenset({Kind.DELIVERY_CANCEL, Kind.DELIVERY_RETRY})
        found = work.activity.search(EventQuery(user_id=alice.user_id, kinds=kinds)).items
    assert {(each.kind, each.user_id, each.subject) for each in found} == {
        (kind, alice.user_id, due.id) for kind in kinds
    }


def test_events_name_what_a_command_chose_and_no_user_who_left(app: App, alice: SessionActor) -> None:
    app.registration.create_admin({"username": "root"}, PASSWORD)
    invite, _ = app.do(SYSTEM, app.service_administration.invite, {"address": "bob@example.org"})
    (due,) = [each for each in deliveries(app) if each.state is DeliveryState.DUE]
    app.do(SYSTEM, app.delivery_administration.cancel, due.id)
    app.do(SYSTEM, app.service_administration.revoke_invite, invite.id)
    app.account_removal.delete(alice, PASSWORD, Origin("192.0.2.7"))
    with app.store.reading(SYSTEM) as work:
        found = {each.kind: each for each in work.activity.search(EventQuery()).items}
    left = found.pop(Kind.DELETE)
    assert (left.subject, left.detail, left.user_id) == (None, None, None)
    found = {kind: each for kind, each in found.items() if each.subject}
    assert {kind: each.detail for kind, each in found.items()} == {
        Kind.REGISTER: "root",
        Kind.INVITE_CREATE: "bob@example.org",
        Kind.DELIVERY_CANCEL: "bob@example.org",
        Kind.INVITE_REVOKE: "bob@example.org",
    }
    assert not any(each.session_id or each.admin_id or each.address for each in found.values())  # of commands
