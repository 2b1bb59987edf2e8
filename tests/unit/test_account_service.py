"""Registration, administration, profile, password and deletion of accounts."""

from __future__ import annotations

from functools import partial

import pytest

from tasktracker.domain.accounts.user import User, UserFields
from tasktracker.domain.administration import processes
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import (
    AccountDisabled,
    ConfirmationRequired,
    EmailTaken,
    InvalidCredentials,
    InvalidInput,
    SessionEnded,
    UsernameTaken,
    UserNotFound,
)
from tasktracker.domain.removal import accounts
from tasktracker.domain.tasks.query import TaskQuery
from tests.fakes import SYSTEM, App
from tests.unit.base import PASSWORD, before_next_call, fields_of

ALICE: UserFields = {"username": "alice", "email": "alice@example.org"}


@pytest.fixture
def alice(app: App) -> SessionActor:
    actor = app.actor(app.registration.register(ALICE, PASSWORD))
    app.hasher.clear()
    return actor


def stored(app: App, name: str) -> User | None:
    with app.store.reading(SYSTEM) as work:
        return work.users.find_by_login(name)


class TestRegister:
    def test_registering_creates_an_account_and_logs_it_in(self, app: App) -> None:
        signed_in = app.registration.register(
            {
                "username": " alice ",
                "email": " alice@example.org ",
                "first_name": " Alice ",
                "time_zone": "Europe/Vienna",
            },
            PASSWORD,
            PASSWORD,
        )
        user = signed_in.user
        assert (user.username, user.email, user.first_name, user.last_name) == (
            "alice",
            "alice@example.org",
            "Alice",
            "",
        )
        assert (user.time_zone, user.is_active, user.is_admin, user.version) == ("Europe/Vienna", True, False, 1)
        assert user.created_at == app.clock.now()
        assert app.see(app.actor(signed_in), app.accounts.profile) == user
        app.sessions.login("alice", PASSWORD)

    def test_a_username_and_a_password_are_enough(self, app: App) -> None:
        user = app.registration.register({"username": "alice"}, PASSWORD).user
        assert (user.email, user.first_name, user.last_name, user.time_zone) == (None, "", "", "UTC")

    def test_every_bad_field_is_named_before_the_password_is_hashed(self, app: App) -> None:
        fields: UserFields = {"email": "nonsense", "first_name": "\0", "time_zone": "Nowhere"}
        with pytest.raises(InvalidInput) as caught:
            app.registration.register(fields, "short", "other")
        assert sorted(fields_of(caught)) == [
            "email",
            "first_name",
            "password",
            "password2",
            "time_zone",
            "username",
        ]
        assert app.hasher.hashed == []

    def test_the_repeated_password_must_be_the_same(self, app: App) -> None:
        for other in ("correct house", PASSWORD.upper(), f"{PASSWORD} "):
            with pytest.raises(InvalidInput) as caught:
                app.registration.register(ALICE, PASSWORD, other)
            assert fields_of(caught) == ["password2"]
        assert stored(app, "alice") is None

    def test_a_password_is_repeated_in_any_normal_form(self, app: App) -> None:
        app.registration.register(ALICE, "pa\u0308ss wort", "p\u00e4ss\u00a0wort")

    @pytest.mark.parametrize("password", ["weak horse", "Alice in Wonderland", "ALICE@example.org"])
    def test_a_password_easy_to_guess_is_refused(self, app: App, password: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.registration.register(ALICE, password)
        assert fields_of(caught) == ["password"]
        assert app.strength.guesses == [("alice", "alice@example.org")]

    def test_every_spelling_of_a_taken_name_is_refused_and_stores_nothing(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(UsernameTaken):
            app.registration.register({"username": "\uff21LICE", "email": "new@example.org"}, PASSWORD)
        with pytest.raises(EmailTaken):
            app.registration.register({"username": "bob", "email": "ALICE@EXAMPLE.ORG"}, PASSWORD)
        assert stored(app, "bob") is None
        assert stored(app, "new@example.org") is None

    def test_a_password_is_hashed_once_outside_a_unit_of_work(self, app: App) -> None:
        app.registration.register({"username": "alice"}, "pa\u0308sswort")
        assert app.hasher.hashed == ["p\u00e4sswort"]
        with app.store.reading(SYSTEM), pytest.raises(AssertionError):
            app.hasher.hash("p\u00e4sswort")


class TestProfile:
    def test_an_account_that_is_removed_while_a_request_reads_it_is_a_session_that_ended(
        self, app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with app.store.reading(alice) as work:
            monkeypatch.setattr(work.users, "find", lambda _: None)
            with pytest.raises(SessionEnded):
                app.accounts.profile(work)


class TestAdministration:
    def test_a_new_administrator_has_no_session(self, app: App) -> None:
        user = app.registration.create_admin(ALICE, PASSWORD)
        assert user.is_admin
        with app.store.reading(SYSTEM) as work:
            assert list(work.sessions.list(user.id)) == []
        assert app.sessions.login("alice", PASSWORD).user == user

    def test_an_administrator_is_validated_like_any_user(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(UsernameTaken):
            app.registration.create_admin({"username": "Alice"}, PASSWORD)
        with pytest.raises(InvalidInput) as caught:
            app.registration.create_admin({}, "weak")
        assert sorted(fields_of(caught)) == ["password", "username"]

    @pytest.mark.parametrize("login", ["ALICE", "Alice@Example.org"])
    def test_a_disabled_user_is_logged_out_and_cannot_log_in(self, app: App, alice: SessionActor, login: str) -> None:
        other = app.sessions.login("alice", PASSWORD)
        assert not app.do(SYSTEM, app.set_active, login, False).is_active
        for actor in (alice, app.actor(other)):
            with pytest.raises(SessionEnded):
                app.see(actor, app.accounts.profile)
        with pytest.raises(AccountDisabled):
            app.sessions.login("alice", PASSWORD)

    def test_an_enabled_user_must_log_in_again(self, app: App, alice: SessionActor) -> None:
        app.do(SYSTEM, app.set_active, "alice", False)
        assert app.do(SYSTEM, app.set_active, "alice", True).is_active
        with pytest.raises(SessionEnded):
            app.see(alice, app.accounts.profile)
        app.sessions.login("alice", PASSWORD)

    def test_disabling_or_enabling_twice_changes_nothing(self, app: App, alice: SessionActor) -> None:
        assert app.do(SYSTEM, app.set_active, "alice", True).version == 1
        app.see(alice, app.accounts.profile)
        app.do(SYSTEM, app.set_active, "alice", False)
        assert app.do(SYSTEM, app.set_active, "alice", False).version == 2

    def test_an_unknown_user_is_not_found(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(UserNotFound):
            app.do(SYSTEM, app.set_active, "bob", False)


class TestEdit:
    def test_an_edit_changes_only_the_given_fields(self, app: App, alice: SessionActor) -> None:
        edited = app.accounts.edit(alice, {"first_name": " Alice ", "time_zone": "Asia/Tokyo"})
        assert (edited.first_name, edited.time_zone, edited.username, edited.version) == (
            "Alice",
            "Asia/Tokyo",
            "alice",
            2,
        )
        assert app.see(alice, app.accounts.profile) == edited
        assert app.hasher.verified == []

    def test_an_edit_without_effect_changes_nothing(self, app: App, alice: SessionActor) -> None:
        before = app.see(alice, app.accounts.profile)
        assert app.accounts.edit(alice, {"username": "alice", "first_name": " "}) == before

    @pytest.mark.parametrize(
        "fields", [{"username": "carol"}, {"username": "ALICE"}, {"email": "new@example.org"}, {"email": None}]
    )
    def test_changing_the_username_or_email_address_requires_the_password(
        self, app: App, alice: SessionActor, fields: UserFields
    ) -> None:
        with pytest.raises(ConfirmationRequired):
            app.accounts.edit(alice, fields)
        with pytest.raises(InvalidInput) as caught:
            app.accounts.edit(alice, fields, "wrong")
        assert fields_of(caught) == ["password"]
        assert app.see(alice, app.accounts.profile).version == 1
        edited = app.accounts.edit(alice, fields, PASSWORD)
        assert edited.version == 2
        app.sessions.login(edited.username, PASSWORD)

    def test_a_wrong_password_is_refused_even_if_none_is_required(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.accounts.edit(alice, {"first_name": "Alice"}, "wrong")
        assert fields_of(caught) == ["password"]
        assert app.see(alice, app.accounts.profile).first_name == ""

    def test_bad_fields_are_named_before_the_password_is_verified(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.accounts.edit(alice, {"username": "a", "email": "b"}, PASSWORD)
        assert fields_of(caught) == ["username", "email"]
        assert app.hasher.verified == []

    def test_a_new_name_that_imitates_another_is_refused(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.accounts.edit(alice, {"username": "\u0430lice"}, PASSWORD)  # the first letter is Cyrillic
        assert fields_of(caught) == ["username"]

    def test_names_of_others_are_taken(self, app: App, alice: SessionActor) -> None:
        app.registration.register({"username": "bob", "email": "bob@example.org"}, PASSWORD)
        with pytest.raises(UsernameTaken):
            app.accounts.edit(alice, {"username": "BOB"}, PASSWORD)
        with pytest.raises(EmailTaken):
            app.accounts.edit(alice, {"email": "BOB@example.org"}, PASSWORD)
        assert app.see(alice, app.accounts.profile).version == 1


class TestChangePassword:
    @pytest.mark.parametrize("way", ["change", "reset", "set"])
    def test_a_new_password_is_compared_with_the_name_and_the_address_and_hashed_in_its_normal_form(
        self, app: App, alice: SessionActor, way: str
    ) -> None:
        token = app.do(SYSTEM, app.administration.make_link, alice.user_id)
        app.strength.guesses.clear()
        typed = "ba\u0308ttery\u00a0staple"
        if way == "change":
            app.accounts.change_password(alice, PASSWORD, typed)
        elif way == "reset":
            app.password_reset.reset(token, typed)
        else:
            app.account_processes.set_password(SYSTEM, alice.user_id, typed)
        assert app.strength.guesses == [("alice", "alice@example.org")]
        assert app.hasher.hashed == ["b\u00e4ttery staple"]

    def test_a_new_password_like_the_address_is_refused(self, app: App, alice: SessionActor) -> None:
        app.accounts.edit(alice, {"email": "grace.hopper@example.org"}, PASSWORD)
        with pytest.raises(InvalidInput) as caught:
            app.accounts.change_password(alice, PASSWORD, "Grace.Hopper@example.org")
        assert fields_of(caught) == ["new_password"]

    def test_a_new_password_replaces_the_old_one_and_ends_other_sessions(self, app: App, alice: SessionActor) -> None:
        other = app.sessions.login("alice", PASSWORD)
        app.accounts.change_password(alice, PASSWORD, "battery staple")
        assert app.see(alice, app.accounts.profile).version == 2
        assert not app.is_usable(other.tokens)
        with pytest.raises(InvalidCredentials):
            app.sessions.login("alice", PASSWORD)
        app.sessions.login("alice", "battery staple")

    def test_white_space_around_a_password_is_a_part_of_it(self, app: App, alice: SessionActor) -> None:
        app.accounts.change_password(alice, PASSWORD, " battery staple ")
        with pytest.raises(InvalidInput):
            app.confirmation.confirm(alice, "battery staple")
        app.confirmation.confirm(alice, " battery staple ")

    def test_a_wrong_current_password_is_refused(self, app: App, alice: SessionActor) -> None:
        other = app.sessions.login("alice", PASSWORD)
        with pytest.raises(InvalidInput) as caught:
            app.accounts.change_password(alice, "wrong", "battery staple")
        assert fields_of(caught) == ["current_password"]
        assert app.is_usable(other.tokens)
        app.sessions.login("alice", PASSWORD)

    @pytest.mark.parametrize("new", ["short", "weak staple", "I am ALICE", "x" * 129])
    def test_a_weak_new_password_is_refused(self, app: App, alice: SessionActor, new: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.accounts.change_password(alice, PASSWORD, new)
        assert fields_of(caught) == ["new_password"]
        assert app.hasher.verified == []

    def test_a_concurrent_change_makes_the_current_password_wrong(
        self, app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before_next_call(
            monkeypatch, app.hasher, "hash", lambda: app.accounts.change_password(alice, PASSWORD, "another horse")
        )
        with pytest.raises(InvalidInput) as caught:
            app.accounts.change_password(alice, PASSWORD, "battery staple")
        assert fields_of(caught) == ["current_password"]
        app.sessions.login("alice", "another horse")


class TestDelete:
    def test_deleting_an_account_deletes_its_data(self, app: App, alice: SessionActor) -> None:
        category = app.do(alice, app.categories.create, {"name": "Home"})
        app.do(alice, app.tasks.create, {"title": "Task", "category": category.id})
        app.account_removal.delete(alice, PASSWORD)
        with pytest.raises(SessionEnded):
            app.see(alice, app.accounts.profile)
        with pytest.raises(InvalidCredentials):
            app.sessions.login("alice", PASSWORD)
        with app.store.reading(SYSTEM) as work:
            assert not work.tasks.list(alice.user_id, TaskQuery(at=app.clock.now())).items
        again = app.actor(app.registration.register(ALICE, PASSWORD))
        assert not app.see(again, app.categories.list).items

    def test_deleting_an_account_requires_the_password(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.account_removal.delete(alice, "wrong")
        assert fields_of(caught) == ["password"]
        app.see(alice, app.accounts.profile)

    @pytest.mark.parametrize("is_own", [True, False])
    def test_the_deletion_is_answered_after_earlier_writes(
        self, app: App, alice: SessionActor, is_own: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[Job] = []
        for module in (accounts, processes):
            monkeypatch.setattr(module, "wait_for_earlier_writes", lambda _, job: waited.append(job))
        if is_own:
            app.account_removal.delete(alice, PASSWORD)
        else:
            app.account_processes.delete(SYSTEM, alice.user_id)
        assert [(each.kind, each.subject) for each in waited] == [(JobKind.REMOVE_ACCOUNT, alice.user_id)]

    @pytest.mark.parametrize("is_own", [True, False])
    @pytest.mark.parametrize("name", [" ", "x" * 151, "a\0"])
    def test_what_is_no_name_of_a_new_owner_is_refused(
        self, app: App, alice: SessionActor, is_own: bool, name: str
    ) -> None:
        own = partial(app.account_removal.delete, alice, PASSWORD)
        delete = own if is_own else partial(app.account_processes.delete, SYSTEM, alice.user_id)
        with pytest.raises(InvalidInput) as caught:
            delete(transfer_to=name)
        assert fields_of(caught) == ["transfer_to"]
        app.see(alice, app.accounts.profile)

    def test_a_concurrent_password_change_stops_the_deletion(
        self, app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before_next_call(
            monkeypatch, app.hasher, "verify", lambda: app.accounts.change_password(alice, PASSWORD, "battery staple")
        )
        with pytest.raises(InvalidInput):
            app.account_removal.delete(alice, PASSWORD)
        app.see(alice, app.accounts.profile)
