"""The service keeps an active administrator, on each storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.administration.ports import Administrator
from tasktracker.domain.kernel.actors import AdminActor, SessionActor
from tasktracker.domain.kernel.errors import AdminRequired, LastAdmin, SessionEnded
from tests.contracts.base import SHORT_WAIT, BackgroundCall, Seed, race
from tests.fakes import SYSTEM, App
from tests.unit.base import PASSWORD

Removal = Callable[..., object]


def demote(app: App, user: User, by: Administrator = SYSTEM) -> object:
    return app.do(by, app.administration.edit, user.id, {"is_admin": False})


def disable(app: App, user: User, by: Administrator = SYSTEM) -> object:
    return app.do(by, app.administration.edit, user.id, {"is_active": False})


def delete(app: App, user: User, by: Administrator = SYSTEM) -> object:
    app.account_processes.delete(by, user.id)
    return None


every_removal = pytest.mark.parametrize("remove", [demote, disable, delete])


@every_removal
def test_the_last_active_administrator_stays(app: App, seed: Seed, remove: Removal) -> None:
    admin = seed.user(is_admin=True)
    seed.user(is_admin=True, is_active=False)
    seed.user()
    with pytest.raises(LastAdmin):
        remove(app, admin)
    other = seed.user(is_admin=True)
    remove(app, admin)
    with pytest.raises(LastAdmin):
        remove(app, other)


@every_removal
def test_others_are_removed_although_there_is_at_most_one_administrator(app: App, seed: Seed, remove: Removal) -> None:
    remove(app, seed.user())
    remove(app, seed.user(is_admin=True, is_active=False))
    seed.user(is_admin=True)
    remove(app, seed.user())


def test_the_last_administrator_does_not_delete_the_own_account(app: App, alice: SessionActor) -> None:
    app.do(SYSTEM, app.administration.edit, alice.user_id, {"is_admin": True})
    with pytest.raises(LastAdmin):
        app.account_removal.delete(alice, PASSWORD)


@every_removal
def test_of_concurrent_removals_one_is_refused(app: App, seed: Seed, remove: Removal) -> None:
    admins = [seed.user(is_admin=True) for _ in range(3)]
    outcomes = race(*(partial(remove, app, admin) for admin in admins))
    assert sum(isinstance(each, LastAdmin) for each in outcomes) == 1


@every_removal
def test_an_administrator_who_is_demoted_meanwhile_removes_no_one(
    app: App, alice: SessionActor, seed: Seed, remove: Removal
) -> None:
    seed.user(is_admin=True)
    other = seed.user(is_admin=True)
    app.do(SYSTEM, app.administration.edit, alice.user_id, {"is_admin": True})
    app.confirmation.confirm(alice, PASSWORD)
    actor = AdminActor(alice.user_id, alice.session_id, alice.generation)
    with app.store.writing(SYSTEM) as work:
        assert work.users.find(other.id) == other
        removing = BackgroundCall(partial(remove, app, other, actor))
        assert not removing.wait(SHORT_WAIT)
        user = work.users.find(alice.user_id)
        assert user is not None
        work.users.save(replace(user, is_admin=False, version=user.version + 1))
    with pytest.raises(AdminRequired):
        removing.result()


def test_an_administrator_who_is_demoted_opens_no_work(app: App, alice: SessionActor, seed: Seed) -> None:
    seed.user(is_admin=True)
    actor = AdminActor(alice.user_id, alice.session_id, alice.generation)
    for is_admin in (False, True, False):
        app.do(SYSTEM, app.administration.edit, alice.user_id, {"is_admin": is_admin})
        for opening in (app.store.reading, app.store.writing):
            if is_admin:
                with opening(actor):
                    pass
            else:
                with pytest.raises(AdminRequired), opening(actor):
                    pass
    with pytest.raises(SessionEnded), app.store.reading(AdminActor(alice.user_id, seed.id(), 1)):
        pass
