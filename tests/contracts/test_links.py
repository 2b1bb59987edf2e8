"""What a LinkRepository must do, and when a one-time link is dead."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tasktracker.domain.accounts.link_service import find_link, use_link
from tasktracker.domain.accounts.links import LIFETIMES, LinkKind, OneTimeLink
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW
from tasktracker.domain.kernel.errors import DomainError, InvalidInput
from tasktracker.domain.work import Storage
from tests.contracts.base import SECOND, Abort, Seed, outcome_of, race
from tests.fakes import START, SYSTEM, App
from tests.unit.base import PASSWORD, fields_of, new_link

RESET, SET = LinkKind.RESET_PASSWORD, LinkKind.SET_PASSWORD


def is_live(app: App, token: str, *kinds: LinkKind) -> bool:
    """Whether a link can be found, which uses nothing up."""
    _, error = outcome_of(lambda: app.see(SYSTEM, find_link, token, *(kinds or LinkKind)))
    assert error is None or isinstance(error, InvalidInput)
    return error is None


def use(app: App, token: str) -> OneTimeLink:
    return app.do(SYSTEM, use_link, token, *LinkKind)[0]


class TestRepository:
    def test_a_link_is_stored_without_its_token(self, app: App, alice: SessionActor) -> None:
        token = new_link(app, alice)
        link, user = app.see(SYSTEM, find_link, token, RESET)
        assert (link.kind, link.user_id, link.address, user.id) == (RESET, alice.user_id, None, alice.user_id)
        assert (link.created_at, link.expires_at) == (START, START + timedelta(minutes=30))
        assert token not in repr(link)
        assert token.encode() not in link.digest

    def test_expired_links_are_purged_and_no_others(self, app: App, store: Storage, seed: Seed) -> None:
        actors = [seed.actor() for _ in range(3)]
        old = [new_link(app, actor) for actor in actors]
        app.clock.advance(hours=1)
        current = new_link(app, actors[0], SET)
        with store.writing(SYSTEM) as work:
            assert work.links.purge_before(START + timedelta(minutes=30), 2) == 0
            assert [work.links.purge_before(app.clock.now(), 2) for _ in range(3)] == [2, 1, 0]
        assert [is_live(app, token) for token in (*old, current)] == [False, False, False, True]

    def test_links_of_a_user_are_removed_by_their_kind(
        self, app: App, store: Storage, alice: SessionActor, bob: SessionActor
    ) -> None:
        tokens = [new_link(app, alice), new_link(app, alice, SET), new_link(app, bob)]
        with store.writing(SYSTEM) as work:
            work.links.remove_of(alice.user_id, RESET)
        assert [is_live(app, token) for token in tokens] == [False, True, True]
        with store.writing(SYSTEM) as work:
            work.links.remove_of(alice.user_id)
        assert [is_live(app, token) for token in tokens] == [False, False, True]

    def test_links_are_removed_with_their_user(self, app: App, alice: SessionActor, bob: SessionActor) -> None:
        token, other = new_link(app, alice), new_link(app, bob)
        app.account_removal.delete(alice, PASSWORD)
        assert (is_live(app, token), is_live(app, other)) == (False, True)

    def test_a_link_is_found_and_taken_by_itself(self, store: Storage, seed: Seed) -> None:
        users = [seed.user() for _ in range(2)]
        more: dict[str, Any] = {"state": b"state", "created_at": START, "expires_at": START}
        links = [
            OneTimeLink(digest=bytes([n]) * 32, kind=kind, user_id=user.id, **more)
            for n, (user, kind) in enumerate((user, kind) for user in users for kind in (RESET, SET))
        ]
        newer = replace(links[0], digest=b"n" * 32, address="a@x.org")
        with store.writing(SYSTEM) as work:
            for each in links:
                work.links.add(each)
            work.links.add(newer)
            assert [work.links.find(each.digest) for each in (*links, newer)] == [None, *links[1:], newer]
            assert [work.links.take(links[1].digest) for _ in range(2)] == [True, False]
            assert [work.links.find(each.digest) for each in (*links, newer)] == [None, None, *links[2:], newer]


class TestUse:
    def test_a_link_works_once(self, app: App, alice: SessionActor) -> None:
        token = new_link(app, alice)
        assert is_live(app, token)
        assert use(app, token).user_id == alice.user_id
        with pytest.raises(InvalidInput) as caught:
            use(app, token)
        assert fields_of(caught) == ["token"]
        assert not is_live(app, token)

    def test_a_link_that_many_use_concurrently_works_once(self, app: App, alice: SessionActor) -> None:
        for _ in range(3):
            token = new_link(app, alice)
            outcomes = race(*[partial(use, app, token)] * 6)
            refused = [each for each in outcomes if isinstance(each, DomainError)]
            assert len(refused) == 5
            assert all(isinstance(each, InvalidInput) for each in refused)

    def test_a_link_that_was_not_used_because_its_effect_failed_still_works(
        self, app: App, alice: SessionActor
    ) -> None:
        token = new_link(app, alice)
        with suppress(Abort), app.store.writing(SYSTEM) as work:
            use_link(work, token, RESET)
            raise Abort
        assert is_live(app, token)

    def test_a_link_of_another_kind_is_refused(self, app: App, alice: SessionActor) -> None:
        token = new_link(app, alice, SET)
        assert not is_live(app, token, RESET)
        assert is_live(app, token, SET)

    @pytest.mark.parametrize("token", ["", "made up", "\0", "\ud800", "x" * 5000])
    def test_a_made_up_token_is_refused(self, app: App, alice: SessionActor, token: str) -> None:
        new_link(app, alice)
        assert not is_live(app, token)

    @pytest.mark.parametrize("kind", LinkKind)
    def test_a_link_expires(self, app: App, alice: SessionActor, kind: LinkKind) -> None:
        token = new_link(app, alice, kind)
        app.clock.advance(LIFETIMES[kind] - SECOND)
        assert is_live(app, token)
        app.clock.advance(SECOND)
        assert not is_live(app, token)

    def test_a_link_of_a_clock_that_ran_ahead_is_not_valid_for_longer(self, app: App, alice: SessionActor) -> None:
        app.clock.advance(days=1)
        token = new_link(app, alice)
        app.clock.set(START)
        assert not is_live(app, token)
        app.clock.advance(timedelta(days=1) - MAX_CLOCK_SKEW)
        assert is_live(app, token), "the clocks of hosts may differ"

    @pytest.mark.parametrize(
        "change",
        [
            new_link,
            lambda app, alice: app.accounts.change_password(alice, PASSWORD, "battery staple"),
            lambda app, alice: app.accounts.edit(alice, {"email": "new@example.org"}, PASSWORD),
            lambda app, alice: app.accounts.edit(alice, {"email": None}, PASSWORD),
            lambda app, alice: app.password_reset.reset(new_link(app, alice, SET), "battery staple"),
            lambda app, _: app.do(SYSTEM, app.set_active, "alice", False),
        ],
        ids=["newer", "password", "address", "no-address", "reset", "disabled"],
    )
    def test_a_change_ends_a_link(
        self, app: App, alice: SessionActor, change: Callable[[App, SessionActor], object]
    ) -> None:
        token = new_link(app, alice)
        change(app, alice)
        assert not is_live(app, token)

    def test_a_link_of_a_disabled_user_stays_dead_when_the_user_is_enabled(self, app: App, alice: SessionActor) -> None:
        token = new_link(app, alice)
        app.do(SYSTEM, app.set_active, "alice", False)
        app.do(SYSTEM, app.set_active, "alice", True)
        assert not is_live(app, token)

    def test_other_changes_of_the_profile_and_links_of_other_kinds_end_no_link(
        self, app: App, alice: SessionActor
    ) -> None:
        token = new_link(app, alice)
        app.accounts.edit(alice, {"first_name": "Alice", "username": "alice2"}, PASSWORD)
        new_link(app, alice, SET)
        assert is_live(app, token)
