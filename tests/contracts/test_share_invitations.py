"""Invitations of e-mail addresses to tasks and categories, which become memberships."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest

from tasktracker.domain.accounts.session import SessionPolicy
from tasktracker.domain.accounts.user import UserFields
from tasktracker.domain.deliveries.delivery import DeliveryKind, DeliveryState, Letter
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW
from tasktracker.domain.kernel.errors import (
    DomainError,
    InvalidInput,
    MemberNotFound,
    NotAllowed,
    Stale,
    TooManyMembers,
)
from tasktracker.domain.kernel.languages import Language
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.retention import MARGIN
from tasktracker.domain.sharing import acceptance
from tasktracker.domain.sharing.acceptance import IN_TIME, MAX_MAILS, TOO_MANY
from tasktracker.domain.sharing.invitation import LIFETIME, ShareInvitation
from tasktracker.domain.sharing.service import Share
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task, TaskFields
from tasktracker.domain.work import Storage
from tests.backends import on_postgresql
from tests.contracts.base import BROKEN_REFERENCE, SECOND, SHORT_WAIT, BackgroundCall, Seed, race
from tests.contracts.test_emails import deliver, deliveries, edit, token_of, verify
from tests.device import Device
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.unit.base import PASSWORD, fields_of, register

ADDRESS = "grace@example.org"
EDITOR, VIEWER = Role.EDITOR, Role.VIEWER


@pytest.fixture
def app(store: Storage, clock: ManualClock) -> App:
    year = timedelta(days=365)
    return App(store, clock, SessionPolicy(idle=year, absolute=year), mail=True, member_limit=3)


@pytest.fixture
def alice(app: App) -> SessionActor:
    """A user with a verified address, in the letters of whom there is nothing yet."""
    alice = register(app, "alice")
    verify(app, deliver(app))
    return alice


@pytest.fixture
def bob(app: App) -> SessionActor:
    bob = register(app, "bob")
    verify(app, deliver(app))
    return bob


@dataclass
class Subject:
    """A task or a category of a user, and the use cases on its members."""

    app: App
    owner: SessionActor
    id: UUID
    service: Any

    def share(self, name: str, role: Role = VIEWER, actor: SessionActor | None = None, **more: Any) -> Any:
        return self.app.do(actor or self.owner, self.service.share, self.id, name, role, **more)

    def invite(self, address: str = ADDRESS, role: Role = VIEWER) -> ShareInvitation:
        invitation = self.share(address, role)
        assert isinstance(invitation, ShareInvitation)
        return invitation

    def revoke(self, invitation_id: UUID, actor: SessionActor | None = None, **more: Any) -> None:
        self.app.do(actor or self.owner, self.service.unshare, self.id, invitation_id, **more)

    def pending(self, actor: SessionActor | None = None) -> list[tuple[str, Role]]:
        found = self.app.see(actor or self.owner, self.service.pending, self.id)
        return [(each.address, each.role) for each in found]

    def members(self) -> list[tuple[str, Role]]:
        """Return the members other than the owner."""
        shares: Sequence[Share] = self.app.see(self.owner, self.service.list, self.id)
        return [(each.username, each.role) for each in shares[1:]]


def new_task(app: App, owner: SessionActor, **fields: Any) -> Subject:
    task = app.do(owner, app.tasks.create, cast(TaskFields, {"title": "ours", **fields}))
    return Subject(app, owner, task.id, app.sharing)


def new_category(app: App, owner: SessionActor) -> Subject:
    category = app.do(owner, app.categories.create, {"name": "ours"})
    return Subject(app, owner, category.id, app.category_sharing)


@pytest.fixture(params=[new_task, new_category], ids=["task", "category"])
def subject(request: pytest.FixtureRequest, app: App, alice: SessionActor) -> Subject:
    make: Callable[[App, SessionActor], Subject] = request.param
    return make(app, alice)


def invited(app: App, subject: Subject, role: Role = VIEWER) -> Letter:
    """Invite the address, and return the letter."""
    subject.invite(role=role)
    (letter,) = deliver(app, DeliveryKind.SHARE_INVITATION)
    return letter


def grace(app: App) -> SessionActor:
    """Register with the address, and verify it by a mail."""
    actor = app.actor(app.registration.register(UserFields(username="grace", email=ADDRESS), PASSWORD))
    verify(app, deliver(app, DeliveryKind.VERIFY_EMAIL))
    return actor


def kinds(app: App) -> list[tuple[str, str]]:
    return [(each.kind, each.state) for each in deliveries(app) if each.kind is DeliveryKind.SHARE_INVITATION]


# ----------------------------------------------------------------- repository


def test_the_repository_changes_only_one_invitation(store: Storage, seed: Seed) -> None:
    user, other = seed.user(), seed.user()
    task, category, another = seed.task(user), seed.category(user), seed.task(user)
    subjects: list[dict[str, Any]] = [{"task_id": task.id}, {"category_id": category.id}, {"task_id": another.id}]
    made = [
        ShareInvitation(
            id=id_,
            **subject,
            invited_by=inviter.id,
            address=address,
            role=VIEWER,
            digest=bytes([number]) * 32,
            created_at=START + age * SECOND,
            expires_at=START + number * SECOND,
        )
        for number, (id_, subject, inviter, address, age) in enumerate(
            zip(
                sorted((seed.id() for _ in range(6)), reverse=True),
                (subjects[0], *subjects, *subjects[:2]),
                (user, other) * 3,
                ("b@x.org", "A@x.org", "a@x.org", "a@X.org", "c@x.org", "b@x.org"),
                (0, 0, 0, 0, 1, 0),
                strict=True,
            )
        )
    ]
    with store.writing(SYSTEM) as work:
        for each in made:
            work.share_invitations.add(each)
    for mode in (store.reading, store.writing):
        with mode(SYSTEM) as work:
            invitations = work.share_invitations
            assert [invitations.find(each.id) for each in made] == made
            assert [invitations.find_linked(each.digest or b"") for each in made] == made
            assert invitations.find(seed.id()) is invitations.find_linked(b"x" * 32) is None
            assert list(invitations.list_of(task.id)) == [made[1], made[0], made[4]]
            assert list(invitations.list_of(category.id)) == [made[5], made[2]]
            assert list(invitations.list_to("a@X.ORG")) == [made[3], made[2], made[1]]
            assert list(invitations.list_to("b@x.org")) == [made[5], made[0]]
            assert list(invitations.list_of(seed.id())) == list(invitations.list_to("d@x.org")) == []
    with store.writing(SYSTEM) as work:
        made[1] = replace(made[1], role=EDITOR)
        work.share_invitations.save(made[1])
        assert [work.share_invitations.renew(id_, b"n" * 32) for id_ in (made[2].id, seed.id())] == [True, False]
        made[2] = replace(made[2], digest=b"n" * 32)
        work.share_invitations.remove(made.pop().id)
        assert [work.share_invitations.purge_before(START + 2 * SECOND, 1) for _ in range(3)] == [1, 1, 0]
        assert [work.share_invitations.find(each.id) for each in made] == [None, None, *made[2:]]


# ------------------------------------------------------------------- inviting


def test_an_address_without_an_account_is_invited_by_mail(app: App, subject: Subject) -> None:
    edit(app, subject.owner, language=Language.DE, time_zone="Europe/Vienna")
    invitation = subject.invite(role=EDITOR)
    assert (subject.pending(), subject.members()) == ([(ADDRESS, EDITOR)], [])
    (delivery,) = [each for each in deliveries(app) if each.kind is DeliveryKind.SHARE_INVITATION]
    assert (delivery.user_id, delivery.address, delivery.cause) == (None, ADDRESS, invitation.id)
    (letter,) = deliver(app)
    assert (letter.kind, letter.to, letter.language) == (DeliveryKind.SHARE_INVITATION, ADDRESS, "de")
    assert letter.parameters == {
        "inviter": "alice",
        "until": (START + LIFETIME).isoformat(),
    }
    assert letter.link == ("share-invitation", token_of(letter))
    found, inviter = app.see(SYSTEM, app.acceptance.find, token_of(letter))
    assert (found.id, inviter.username) == (invitation.id, "alice")


def test_no_title_or_name_is_in_a_delivery(app: App, subject: Subject) -> None:
    subject.invite()
    assert "ours" not in repr(deliveries(app))
    assert "ours" not in repr(deliver(app))


def test_a_verified_address_is_that_of_a_member(app: App, subject: Subject, bob: SessionActor) -> None:
    share = subject.share("BOB@example.org", EDITOR)
    assert (share.username, subject.pending()) == ("bob", [])
    assert subject.members() == [("bob", EDITOR)]


def test_an_address_that_is_not_verified_is_that_of_nobody(app: App, subject: Subject, seed: Seed) -> None:
    register(app, "bob")  # has it pending
    seed.user("carol", email="carol@example.org")  # has it from before there was mail
    seed.user(email="dan@example.org", email_verified_at=START, is_active=False)
    for name in ("bob", "carol", "dan"):
        subject.invite(f"{name}@example.org")
        subject.revoke(app.see(subject.owner, subject.service.pending, subject.id)[0].id)
    assert subject.members() == []
    subject.invite("carol@example.org", EDITOR)
    assert [letter.to for letter in deliver(app, DeliveryKind.SHARE_INVITATION)] == ["carol@example.org"]
    subject.share("carol")
    assert (subject.members(), subject.pending()) == ([("carol", VIEWER)], [("carol@example.org", EDITOR)])


def test_without_mail_no_address_is_found_or_invited(app: App, subject: Subject, bob: SessionActor) -> None:
    unmailed = replace(subject, app=App(app.store, app.clock))
    unmailed.service = unmailed.app.sharing if subject.service is app.sharing else unmailed.app.category_sharing
    for address in (ADDRESS, "bob@example.org"):
        with pytest.raises(InvalidInput) as refused:
            unmailed.share(address)
        assert fields_of(refused) == ["username"]


@pytest.mark.parametrize(
    "address", ["unknown", "@", "a@b", "a b@example.org", f"{'x' * 250}@example.org", "a@example.org\r\nBcc: b"]
)
def test_what_is_no_address_is_refused(subject: Subject, address: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        subject.share(address)
    assert fields_of(refused) == ["username"]


def test_inviting_an_address_again_changes_its_role_and_sends_nothing(app: App, subject: Subject) -> None:
    first = subject.invite()
    second = subject.invite(ADDRESS.upper(), EDITOR)
    assert (second, subject.pending()) == (replace(first, role=EDITOR), [(ADDRESS, EDITOR)])
    assert len(deliver(app)) == 1
    subject.invite()
    assert deliver(app) == []


def test_concurrent_invitations_of_an_address_are_one(app: App, subject: Subject) -> None:
    outcomes = race(*(partial(subject.invite, ADDRESS, role) for role in (VIEWER, EDITOR, VIEWER)))
    assert len({each.id for each in outcomes if isinstance(each, ShareInvitation)}) == 1
    assert len(subject.pending()) == 1


def test_invitations_count_as_members(app: App, subject: Subject, bob: SessionActor) -> None:
    subject.share("bob")
    subject.invite()
    subject.invite("b@example.org")
    with pytest.raises(TooManyMembers):
        subject.invite("c@example.org")
    register(app, "carol")
    with pytest.raises(TooManyMembers):
        subject.share("carol")
    subject.share("bob", EDITOR)
    subject.invite(role=EDITOR)


def test_invitations_to_a_tree_count_as_its_members_below_its_root(app: App, alice: SessionActor, seed: Seed) -> None:
    root = new_task(app, alice)
    child = new_task(app, alice, parent=root.id)
    for subject, address in ((root, "a@example.org"), (child, "b@example.org"), (child, "c@example.org")):
        subject.invite(address)
    register(app, "carol")
    for name in ("carol", "d@example.org"):
        with pytest.raises(TooManyMembers):
            child.share(name)
    (first, *_) = app.see(alice, app.sharing.pending, child.id)
    child.revoke(first.id)
    seed.user("dave", email="b@example.org", email_verified_at=START)
    for name in ("dave", "carol"):
        child.share(name)
    assert sorted(root.members()) == [("carol", VIEWER), ("dave", VIEWER)]
    assert root.pending() == [("c@example.org", VIEWER)]


def test_only_the_owner_invites_and_sees_the_invited(app: App, subject: Subject, bob: SessionActor) -> None:
    subject.share("bob", EDITOR)
    subject.invite()
    assert subject.pending(bob) == []
    for name in ("other@example.org", "unknown"):  # only the owner may learn which names exist
        with pytest.raises(NotAllowed):
            subject.share(name, actor=bob)


def test_a_role_that_is_given_again_changes_nothing(app: App, subject: Subject, bob: SessionActor) -> None:
    subject.share("bob", EDITOR)
    app.jobs.run_all()
    devices = [Device(app.sync, actor) for actor in (subject.owner, bob)]
    for device in devices:
        device.catch_up()
    subject.share("bob", EDITOR)
    app.do(subject.owner, subject.service.assign, subject.id, bob.user_id, EDITOR)
    assert [list(device.pull().items) for device in devices] == [[], []]
    app.clock.advance(SECOND)
    subject.share("bob", VIEWER)
    with app.store.reading(bob) as work:
        assert work.jobs.count() == 0
        assert [each.created_at for each in app.notifications.list(work).items] == [START]


def test_the_role_of_the_owner_is_given_to_no_other_user(app: App, subject: Subject, bob: SessionActor) -> None:
    subject.share("bob", EDITOR)
    assign = partial(app.do, subject.owner, subject.service.assign, subject.id, bob.user_id)
    for give in (partial(subject.share, "bob"), assign):
        with pytest.raises(InvalidInput) as refused:
            give(Role.OWNER)
        assert fields_of(refused) == ["role"]
    with pytest.raises(NotAllowed):
        app.do(bob, subject.service.assign, subject.id, bob.user_id, Role.OWNER)
    assert subject.members() == [("bob", EDITOR)]


def test_a_stale_version_refuses_to_invite_and_to_revoke(app: App, subject: Subject) -> None:
    with pytest.raises(Stale):
        subject.share(ADDRESS, expected=frozenset({7}))
    assert subject.pending() == []
    invitation = subject.invite()
    with pytest.raises(Stale):
        subject.revoke(invitation.id, expected=frozenset({7}))
    subject.revoke(invitation.id, expected=frozenset({1}))
    assert subject.pending() == []


# ------------------------------------------------------------------- revoking


def test_a_revoked_invitation_is_not_mailed_and_not_accepted(app: App, subject: Subject) -> None:
    subject.revoke(subject.invite().id)
    assert deliver(app) == []
    letter = invited(app, subject)
    (invitation,) = app.see(subject.owner, subject.service.pending, subject.id)
    subject.revoke(invitation.id)
    with pytest.raises(InvalidInput):
        app.see(SYSTEM, app.acceptance.find, token_of(letter))
    grace(app)
    assert (subject.members(), subject.pending()) == ([], [])


def test_an_invitation_is_revoked_by_its_owner_alone(app: App, subject: Subject, bob: SessionActor) -> None:
    subject.share("bob", EDITOR)
    invitation = subject.invite()
    subject.revoke(subject.invite("other@example.org").id)
    with pytest.raises(NotAllowed):
        subject.revoke(invitation.id, bob)
    other = new_task(app, subject.owner)
    with pytest.raises(MemberNotFound):
        other.revoke(invitation.id)
    assert subject.pending() == [(ADDRESS, VIEWER)]


# ------------------------------------------------------------------ accepting


def test_an_invitation_becomes_a_membership_when_the_address_is_verified(app: App, subject: Subject) -> None:
    letter = invited(app, subject, EDITOR)
    app.clock.advance(SECOND)
    actor = grace(app)
    assert (subject.members(), subject.pending()) == ([("grace", EDITOR)], [])
    is_task = subject.service is app.sharing
    (notice,) = app.see(actor, app.notifications.list).items
    assert (notice.by, notice.task, notice.category, notice.created_at) == (
        "alice",
        subject.id if is_task else None,
        None if is_task else subject.id,
        START + SECOND,
    )
    assert kinds(app) == [("share-invitation", "sent")]
    with pytest.raises(InvalidInput):
        app.see(SYSTEM, app.acceptance.find, token_of(letter))


def test_an_existing_account_accepts_by_verifying_the_address(app: App, subject: Subject, bob: SessionActor) -> None:
    invited(app, subject)
    edit(app, bob, email=ADDRESS)
    assert subject.members() == []
    verify(app, deliver(app, DeliveryKind.VERIFY_EMAIL))
    assert subject.members() == [("bob", VIEWER)]


def test_registering_by_the_link_verifies_the_address_and_accepts(app: App, subject: Subject) -> None:
    token = token_of(invited(app, subject))
    fields = UserFields(username="grace", email=ADDRESS)
    register_by_link = partial(
        app.registration.register_by_link, password=PASSWORD, proof=partial(app.acceptance.prove, token=token)
    )
    assert register_by_link(fields).verified_email == ADDRESS
    assert subject.members() == [("grace", VIEWER)]
    with pytest.raises(InvalidInput) as refused:
        register_by_link(UserFields(username="other"))
    assert fields_of(refused) == ["token"]


def test_the_link_proves_no_other_address(app: App, subject: Subject) -> None:
    token = token_of(invited(app, subject))
    user = app.registration.register_by_link(
        UserFields(username="eve", email="eve@example.org"), PASSWORD, proof=partial(app.acceptance.prove, token=token)
    )
    assert (user.verified_email, subject.members(), subject.pending()) == (None, [], [(ADDRESS, VIEWER)])


def test_an_invitation_to_the_service_accepts_those_to_share(app: App, subject: Subject) -> None:
    subject.invite()
    app.do(SYSTEM, app.invites.create, {"address": ADDRESS})
    (letter,) = deliver(app, DeliveryKind.INVITATION)
    app.registration.register_by_link(UserFields(username="grace", email=ADDRESS), PASSWORD, invite=token_of(letter))
    assert subject.members() == [("grace", VIEWER)]


def test_all_invitations_are_accepted_in_one_transaction(
    app: App, alice: SessionActor, bob: SessionActor, store: Storage
) -> None:
    subjects = [make(app, owner) for make in (new_task, new_category) for owner in (alice, bob)]
    for each in subjects:
        each.invite()
    deliver(app)
    register(app, "carol")
    deliver(app)
    actor = grace(app)
    assert [each.members() for each in subjects] == [[("grace", VIEWER)]] * 4
    app.jobs.run_all()
    with store.reading(SYSTEM) as work:
        assert {task.id for task in work.tasks.list(actor.user_id, TaskQuery(at=START)).items} == {
            subjects[0].id,
            subjects[1].id,
        }
        assert {each.id for each in work.categories.list(actor.user_id, None, 10).items} == {
            subjects[2].id,
            subjects[3].id,
        }
        assert work.share_invitations.list_to(ADDRESS) == []


def test_an_invited_member_has_the_whole_tree_its_history_and_its_feed(app: App, alice: SessionActor) -> None:
    root = new_task(app, alice)
    child = new_task(app, alice, parent=root.id)
    replace(child).invite()
    assert root.pending() == [(ADDRESS, VIEWER)]
    deliver(app)
    actor = grace(app)
    assert child.members() == root.members() == [("grace", VIEWER)]
    history = app.see(actor, app.history.list, root.id)
    shared = history.changes.items[0]
    assert (shared.action, shared.actor) == (Action.SHARE, alice.user_id)
    with app.store.reading(SYSTEM) as work:
        entries = work.feed.entries(actor.user_id, [ItemType.TASK])
    assert {entry.id for entry in entries} == {root.id, child.id}


def test_the_tasks_of_a_category_follow_by_its_job(app: App, alice: SessionActor, store: Storage) -> None:
    category = new_category(app, alice)
    task = new_task(app, alice, category=category.id)
    category.invite()
    deliver(app)
    actor = grace(app)
    app.jobs.run_all()
    with store.reading(SYSTEM) as work:
        assert [each.id for each in work.tasks.list(actor.user_id, TaskQuery(at=START)).items] == [task.id]


def test_an_invitation_changes_no_membership(app: App, subject: Subject, bob: SessionActor) -> None:
    subject.invite("new@example.org", VIEWER)
    subject.share("bob", EDITOR)
    edit(app, bob, email="new@example.org")
    verify(app, deliver(app, DeliveryKind.VERIFY_EMAIL))
    assert (subject.members(), subject.pending()) == ([("bob", EDITOR)], [])


def test_the_owner_does_not_become_a_member(app: App, subject: Subject) -> None:
    subject.invite("new@example.org")
    edit(app, subject.owner, email="new@example.org")
    verify(app, deliver(app, DeliveryKind.VERIFY_EMAIL))
    assert (subject.members(), subject.pending()) == ([], [])


def test_an_invitation_beyond_a_lowered_limit_ends(app: App, subject: Subject, seed: Seed) -> None:
    subject.invite()
    subject.share(seed.user().username)
    deliver(app)
    grace(App(app.store, app.clock, mail=True, member_limit=1))
    assert (len(subject.members()), subject.pending()) == (1, [])


def test_a_verification_accepts_the_oldest_invitations(
    app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptance, "MAX_ACCEPTED", 2)
    new_task(app, alice).invite()
    app.clock.advance(LIFETIME)  # that one has ended, and does not count
    subjects = [make(app, alice) for make in (new_task, new_category, new_task)]
    for each in reversed(subjects):
        each.invite()
        app.clock.advance(SECOND)
    deliver(app)
    grace(app)
    assert [len(each.members()) for each in subjects] == [0, 1, 1]
    assert [len(each.pending()) for each in subjects] == [1, 0, 0]


def test_an_address_that_is_verified_while_it_is_invited_is_accepted_by_the_courier(
    app: App, subject: Subject, seed: Seed
) -> None:
    """The work that verifies does not see an invitation that is not committed."""
    subject.invite()
    late = seed.user(email=ADDRESS, email_verified_at=START)
    assert subject.pending() == [(ADDRESS, VIEWER)]
    assert deliver(app, DeliveryKind.SHARE_INVITATION) == []
    assert (subject.members(), subject.pending()) == ([(late.username, VIEWER)], [])


# --------------------------------------------------------------------- ending


def test_an_invitation_ends_after_30_days(app: App, subject: Subject, store: Storage) -> None:
    letter = invited(app, subject)
    app.clock.advance(LIFETIME)
    assert subject.pending() == []
    with pytest.raises(InvalidInput):
        app.see(SYSTEM, app.acceptance.find, token_of(letter))
    grace(app)
    assert subject.members() == []
    app.clock.advance(MARGIN + SECOND)
    app.housekeeping.sweep()
    with store.reading(SYSTEM) as work:
        assert work.share_invitations.list_to(ADDRESS) == []


def test_an_address_is_invited_again_after_30_days(app: App, subject: Subject) -> None:
    first = subject.invite()
    app.clock.advance(LIFETIME)
    assert subject.invite().id != first.id
    assert subject.pending() == [(ADDRESS, VIEWER)]


def test_an_invitation_that_has_ended_cannot_be_revoked(app: App, subject: Subject) -> None:
    invitation = subject.invite()
    app.clock.advance(LIFETIME)
    with pytest.raises(MemberNotFound):
        subject.revoke(invitation.id)


def test_an_invitation_of_a_clock_that_was_wrong_does_not_last(app: App, subject: Subject) -> None:
    app.clock.advance(days=300)
    subject.invite()
    app.clock.set(START + timedelta(days=300) - MAX_CLOCK_SKEW)
    assert subject.pending() == [(ADDRESS, VIEWER)]
    app.clock.advance(-SECOND)
    assert subject.pending() == []


def test_an_invitation_to_a_task_in_the_trash_waits(app: App, alice: SessionActor) -> None:
    task = new_task(app, alice)
    letter = invited(app, task)
    app.do(alice, app.trash.delete, task.id)
    with pytest.raises(InvalidInput):
        app.see(SYSTEM, app.acceptance.find, token_of(letter))
    later = new_task(app, alice)
    later.invite()
    grace(app)
    assert later.members() == [("grace", VIEWER)]
    app.do(alice, app.trash.restore, task.id)
    assert (task.members(), task.pending()) == ([], [(ADDRESS, VIEWER)])
    task.share("grace", EDITOR)
    assert (task.members(), task.pending()) == ([("grace", EDITOR)], [])


def test_an_invitation_to_a_task_that_was_put_below_another_has_no_effect(app: App, alice: SessionActor) -> None:
    task, parent = new_task(app, alice), new_task(app, alice)
    task.invite()
    app.do(alice, app.tasks.edit, task.id, {"parent": parent.id})
    assert task.pending() == []
    deliver(app)
    grace(app)
    assert parent.members() == []


def test_an_invitation_ends_with_its_task(app: App, alice: SessionActor, store: Storage) -> None:
    task = new_task(app, alice)
    letter = invited(app, task)
    app.do(alice, app.trash.delete, task.id)
    app.do(alice, app.trash.purge, task.id)
    app.jobs.run_all()
    with store.reading(SYSTEM) as work:
        assert work.share_invitations.list_to(ADDRESS) == []
    with pytest.raises(InvalidInput):
        app.see(SYSTEM, app.acceptance.find, token_of(letter))


def test_an_invitation_ends_with_its_category(app: App, alice: SessionActor, store: Storage) -> None:
    category = new_category(app, alice)
    category.invite()
    app.do(alice, app.category_removal.delete, category.id)
    assert deliver(app) == []
    app.jobs.run_all()
    with store.reading(SYSTEM) as work:
        assert work.share_invitations.list_to(ADDRESS) == []


def test_an_invitation_ends_with_the_account_that_made_it(app: App, subject: Subject, store: Storage) -> None:
    subject.invite()
    app.account_removal.delete(subject.owner, PASSWORD)
    assert deliver(app) == []
    app.jobs.run_all()
    with store.reading(SYSTEM) as work:
        assert work.share_invitations.list_to(ADDRESS) == []


def test_a_new_owner_invites_anew_and_the_invitations_of_the_former_one_end(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    category, task = new_category(app, bob), new_task(app, alice)
    category.share("alice", EDITOR)
    app.jobs.run_all()
    invitation = task.invite()
    app.do(alice, app.tasks.edit, task.id, {"category": category.id})
    moved = replace(task, owner=bob)
    assert moved.pending() == moved.pending(alice) == []
    with pytest.raises(MemberNotFound):
        moved.revoke(invitation.id)
    assert deliver(app) == []
    moved.invite(role=EDITOR)
    assert moved.pending() == [(ADDRESS, EDITOR)]
    deliver(app)
    grace(app)
    assert ("grace", EDITOR) in moved.members()


def test_an_invitation_of_a_former_owner_has_no_effect(app: App, alice: SessionActor, bob: SessionActor) -> None:
    category, task = new_category(app, bob), new_task(app, alice)
    category.share("alice", EDITOR)
    app.jobs.run_all()
    letter = invited(app, task)
    app.do(alice, app.tasks.edit, task.id, {"category": category.id})
    with pytest.raises(InvalidInput):
        app.see(SYSTEM, app.acceptance.find, token_of(letter))
    actor = grace(app)
    with app.store.reading(SYSTEM) as work:
        assert list(work.tasks.list(actor.user_id, TaskQuery(at=START)).items) == []


# ----------------------------------------------------------------------- mail


def test_an_address_gets_three_mails_a_day_whoever_shares(app: App, alice: SessionActor, bob: SessionActor) -> None:
    sent = []
    for owner in (alice, bob, alice, bob):
        new_task(app, owner).invite()
        sent += deliver(app)
    assert len(sent) == MAX_MAILS == 3
    with app.store.reading(SYSTEM) as work:
        skipped = work.deliveries.list(None, DeliveryState.SKIPPED, None, 5).items
    assert [each.problem for each in skipped] == [TOO_MANY]
    app.clock.advance(IN_TIME + SECOND)
    new_task(app, alice).invite()
    assert len(deliver(app)) == 1


def test_a_disabled_user_who_has_verified_the_address_gets_no_mail(app: App, subject: Subject, seed: Seed) -> None:
    seed.user(email=ADDRESS, email_verified_at=START, is_active=False)
    subject.invite()
    assert deliver(app) == []
    assert (subject.members(), subject.pending()) == ([], [(ADDRESS, VIEWER)])


def test_the_invitation_of_a_user_who_becomes_a_member_is_over(app: App, subject: Subject, seed: Seed) -> None:
    seed.user("grace", email=ADDRESS.upper(), email_verified_at=START, is_active=False)
    seed.user("carol", email="b@example.org")  # has not verified it
    for address in (ADDRESS, "b@example.org", "c@example.org"):
        subject.invite(address)
    with pytest.raises(TooManyMembers):
        subject.share("carol")
    app.do(SYSTEM, app.set_active, "grace", True)
    subject.share("grace")
    left = [("b@example.org", VIEWER), ("c@example.org", VIEWER)]
    assert (subject.members(), subject.pending()) == ([("grace", VIEWER)], left)


def test_nobody_is_invited_by_a_disabled_user(app: App, subject: Subject) -> None:
    letter = invited(app, subject)
    subject.invite("other@example.org")
    app.do(SYSTEM, app.set_active, "alice", False)
    assert deliver(app) == []
    with pytest.raises(InvalidInput):
        app.see(SYSTEM, app.acceptance.find, token_of(letter))


# -------------------------------------------------------------------- storage


def new_invitation(seed: Seed, task: Task, **more: Any) -> ShareInvitation:
    values: dict[str, Any] = {
        "id": seed.id(),
        "task_id": task.id,
        "invited_by": task.owner,
        "address": "Grace@Example.org",
        "role": VIEWER,
        "created_at": START,
        "expires_at": START + LIFETIME,
    }
    return ShareInvitation(**(values | more))


def add(store: Storage, *invitations: ShareInvitation) -> None:
    with store.writing(SYSTEM) as work:
        for each in invitations:
            work.share_invitations.add(each)


def test_an_invitation_is_stored_as_it_was_added(store: Storage, seed: Seed) -> None:
    user = seed.user()
    category = seed.category(user)
    by_task = new_invitation(seed, seed.task(user), digest=b"\x00\xff")
    by_category = replace(
        by_task,
        id=seed.id(),
        task_id=None,
        category_id=category.id,
        digest=None,
        role=EDITOR,
        created_at=START - SECOND,  # listed first
    )
    add(store, by_task, by_category)
    with store.writing(SYSTEM) as work:
        found = work.share_invitations
        assert found.find(by_task.id) == by_task == found.find_linked(b"\x00\xff")
        assert list(found.list_of(category.id)) == [by_category]
        assert list(found.list_to("GRACE@example.ORG")) == [by_category, by_task]
        assert (found.find(seed.id()), found.find_linked(b"other"), list(found.list_to(ADDRESS[1:]))) == (
            None,
            None,
            [],
        )
        found.save(changed := replace(by_task, role=EDITOR))
        assert found.find(by_task.id) == changed
        assert (found.renew(by_task.id, b"new"), found.renew(seed.id(), b"newer")) == (True, False)
        assert found.find_linked(b"new") == replace(changed, digest=b"new")
        found.remove(by_task.id)
        found.remove(by_task.id)
        assert list(found.list_to(ADDRESS)) == [by_category]
        found.add(replace(by_task, digest=b"again"))
        work.users.remove(user.id)
        assert (found.find(by_task.id), found.find_linked(b"again"), [*found.list_to(ADDRESS)]) == (None, None, [])


def test_expired_invitations_are_purged_and_no_others(store: Storage, seed: Seed) -> None:
    task = seed.task(seed.user())
    old = [
        new_invitation(seed, task, address=f"{number}@example.org", expires_at=START - SECOND) for number in range(3)
    ]
    add(store, *old, kept := new_invitation(seed, task))
    with store.writing(SYSTEM) as work:
        assert work.share_invitations.purge_before(START - SECOND, 2) == 0
        assert [work.share_invitations.purge_before(START, 2) for _ in range(3)] == [2, 1, 0]
        assert list(work.share_invitations.list_of(task.id)) == [kept]


def test_an_invitation_needs_its_task_and_its_user(store: Storage, seed: Seed) -> None:
    task = seed.task(seed.user())
    for bad in (
        new_invitation(seed, task, task_id=seed.id()),
        new_invitation(seed, task, invited_by=seed.id()),
    ):
        with pytest.raises((*BROKEN_REFERENCE, DomainError)):
            add(store, bad)


def test_an_address_is_invited_once_to_a_task(store: Storage, seed: Seed) -> None:
    task = seed.task(seed.user())
    add(store, new_invitation(seed, task))
    with pytest.raises(BROKEN_REFERENCE):
        add(store, new_invitation(seed, task, address="grace@example.ORG"))


@on_postgresql
def test_an_invitation_that_is_being_revoked_is_not_accepted(app: App, subject: Subject) -> None:
    invitation = subject.invite()
    app.registration.register(UserFields(username="grace", email=ADDRESS), PASSWORD)
    (letter,) = deliver(app, DeliveryKind.VERIFY_EMAIL)
    with app.store.writing(subject.owner) as work:
        subject.service.unshare(work, subject.id, invitation.id)
        verifying = BackgroundCall(partial(app.do, SYSTEM, app.emails.verify, token_of(letter)))
        assert not verifying.wait(SHORT_WAIT)
    assert verifying.result().verified_email == ADDRESS
    assert (subject.members(), subject.pending()) == ([], [])
