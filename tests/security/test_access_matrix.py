"""The access of every kind of caller to every operation of the OpenAPI document.

An operation that is not in `CASES` fails the suite. A new kind of caller needs a function in `CALLERS`. If it is
neither refused like a stranger nor served like the owner, it also needs an entry in `answers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pyotp
import pytest

from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKind
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.settings import load
from tests.fakes import SYSTEM
from tests.http import OTHER_PASSWORD, PASSWORD, Caller, Person, bearer, expect, new_name, until_answered
from tests.security.conftest import NewPair
from tests.security.processes import Pair

SCHEMA = "/schema/openapi.json"
METHODS = ("get", "put", "post", "patch", "delete")
ANONYMOUS, OWNER, STRANGER = "anonymous", "owner", "stranger"
EDITOR, VIEWER, FORMER = "editor", "viewer", "former member"
ADMIN, PLAIN_ADMIN = "an administrator", "an administrator without a recent proof"
READS, WRITES = "an API token with tasks:read", "an API token with tasks:write"


class Admins:
    """An administrator of the service."""

    def __init__(self, pair: Pair) -> None:
        self.person = pair.visitor().register()
        container = Container(settings=load(pair.servers[0].environment, None))
        store = container.store()
        with store.writing(SYSTEM) as work:
            container.administration().edit(work, UUID(self.person.id), {"is_admin": True})
        store.close()

    def proved(self, pair: Pair) -> Person:
        """Return the administrator with a recent proof."""
        caller = pair.visitor().login(self.person)
        expect(caller.post("/api/accounts/me/confirm/", {"password": caller.password}), 204)
        return caller


class World:
    """An owner, their items, and the other callers."""

    def __init__(self, pair: Pair, stranger: Person, members: Mapping[str, Person], admins: Admins) -> None:
        self.pair = pair
        self.admins = admins
        self.stranger = stranger
        self.members = members
        self.owner = pair.visitor().register()
        self.stranger_too = members[STRANGER]
        self.tasks: list[str] = []

    def member(self, role: str, kind: str) -> Caller:
        """Return a member of all tasks of the owner."""
        member = self.members[kind]
        body = {"username": member.username, "role": role}
        for task_id in self.tasks:
            answer = self.owner.post(f"/api/tasks/{task_id}/shares/", body)
            # A task in the trash gets no new members; it keeps those it had.
            assert answer.status_code in (201, 404), answer.text
        return self.pair.beside(member)

    def former(self) -> Caller:
        """Return a removed member of all tasks of the owner."""
        caller = self.member("editor", FORMER)
        for task_id in self.tasks:
            self.owner.delete(f"/api/tasks/{task_id}/shares/{self.members[FORMER].id}/")
        return caller

    def administrator(self, *, proves: bool) -> Caller:
        """Return an administrator in a new session."""
        caller = self.pair.visitor().login(self.admins.person)
        if proves:
            expect(caller.post("/api/accounts/me/confirm/", {"password": caller.password}), 204)
        return self.pair.beside(caller)

    def anonymous(self) -> Caller:
        return self.pair.visitor(1)

    def token(self, scope: str) -> Caller:
        """Return a client with an API token of the owner with one scope."""
        body = {"name": "a script", "scopes": [scope]}
        token = expect(self.owner.post("/api/accounts/tokens/", {**body, "password": PASSWORD}), 201)["token"]
        caller = self.pair.visitor(1)
        caller.headers.update(bearer(token))
        return caller

    def enrol(self) -> str:
        """Start the owner's two-factor enrolment, and return a code."""
        answer = expect(self.owner.post("/api/accounts/me/totp/", {"password": self.owner.password}), 200)
        return pyotp.TOTP(answer["secret"]).now()

    def confirm(self) -> str:
        """Enable the owner's two-factor authentication, and return a recovery code."""
        answer = expect(self.owner.post("/api/accounts/me/totp/confirm/", {"code": self.enrol()}), 200)
        code: str = answer["recovery_codes"][0]
        return code


CALLERS: Mapping[str, Callable[[World], Caller]] = {
    ANONYMOUS: World.anonymous,
    OWNER: lambda world: world.pair.beside(world.owner),
    STRANGER: lambda world: world.pair.beside(world.stranger),
    EDITOR: lambda world: world.member("editor", EDITOR),
    VIEWER: lambda world: world.member("viewer", VIEWER),
    FORMER: World.former,
    ADMIN: lambda world: world.administrator(proves=True),
    PLAIN_ADMIN: lambda world: world.administrator(proves=False),
    READS: lambda world: world.token("tasks:read"),
    WRITES: lambda world: world.token("tasks:write"),
}

# The status for each kind of caller, by access. None: the status that the owner gets.
PUBLIC: Mapping[str, int | None] = dict.fromkeys((ANONYMOUS, STRANGER, READS, WRITES))
SESSION: Mapping[str, int | None] = {ANONYMOUS: 401, STRANGER: None, READS: 403, WRITES: 403}
READ: Mapping[str, int | None] = {ANONYMOUS: 401, STRANGER: None, READS: None, WRITES: 403}
WRITE: Mapping[str, int | None] = {ANONYMOUS: 401, STRANGER: None, READS: 403, WRITES: None}

# Nobody else is let in, and an administrator writes only with a recent proof.
ADMIN_READ: Mapping[str, int | None] = {ANONYMOUS: 401, OWNER: 403, STRANGER: 403, READS: 403, WRITES: 403}
ADMIN_WRITE: Mapping[str, int | None] = {**ADMIN_READ, PLAIN_ADMIN: 403}
ADMINS = (ADMIN, PLAIN_ADMIN)

# The status for members, by the role that the operation requires.
VIEWERS: Mapping[str, int | None] = {EDITOR: None, VIEWER: None, FORMER: 404}
EDITORS: Mapping[str, int | None] = {EDITOR: None, VIEWER: 403, FORMER: 404}
OWNERS: Mapping[str, int | None] = {EDITOR: 403, VIEWER: 403, FORMER: 404}
# Only the owner sees the trash. Others get 404.
TRASH: Mapping[str, int | None] = {EDITOR: 404, VIEWER: 404, FORMER: 404}
MEMBERS = (EDITOR, VIEWER, FORMER)

Make = Callable[[World], Any]


@dataclass(frozen=True)
class Case:
    """An operation: its access, the request of the owner and its status."""

    access: Mapping[str, int | None]
    status: int
    body: object | Make = None
    target: Make | None = None
    """Creates the item of the `{id}` in the path. A stranger then gets 404."""
    answers: Mapping[str, int | None] = field(default_factory=dict)
    second: Make | None = None
    """Creates the user of the `{user_id}`, or the reminder of the `{reminder_id}`, in the path."""

    @property
    def is_administrative(self) -> bool:
        """Whether only administrators may do this."""
        return OWNER in self.access

    def sends(self, world: World) -> object:
        """Return the body of the request."""
        return self.body(world) if callable(self.body) else self.body

    def expected(self, caller: str) -> int:
        """Return the status that a caller gets."""
        if self.is_administrative:
            return self.access.get(caller) or self.status
        if caller == STRANGER and self.target:
            return 404
        if caller in MEMBERS and not self.answers.keys() & set(MEMBERS):
            # The operation is not about a task: a member is a stranger.
            caller = STRANGER
            if self.target:
                return 404
        status = {**self.access, **self.answers}.get(caller)
        return self.status if status is None else status


def task(world: World) -> str:
    id_: str = world.owner.task()["id"]
    world.tasks.append(id_)
    return id_


def shared_task(world: World) -> str:
    """Create a task with a member who is none of the callers."""
    id_ = task(world)
    body = {"username": world.stranger_too.username, "role": "viewer"}
    expect(world.owner.post(f"/api/tasks/{id_}/shares/", body), 201)
    return id_


def deleted_task(world: World) -> str:
    """Create a task in the trash, with members."""
    id_ = task(world)
    for kind in (EDITOR, VIEWER):
        body = {"username": world.members[kind].username, "role": kind}
        expect(world.owner.post(f"/api/tasks/{id_}/shares/", body), 201)
    expect(world.owner.delete(f"/api/tasks/{id_}/"), 204)
    return id_


def edited_task(world: World) -> str:
    """Create a task that was edited after it was shared with an editor."""
    id_ = task(world)
    world.member("editor", EDITOR)
    expect(world.owner.patch(f"/api/tasks/{id_}/", {"title": "something else"}), 200)
    return id_


def reminder(world: World) -> str:
    """Create a reminder of the last task, of the owner alone."""
    path = f"/api/tasks/{world.tasks[-1]}/reminders/"
    id_: str = expect(world.owner.post(path, {"at": "2099-01-01T00:00:00Z"}), 201)["id"]
    return id_


def notification(world: World) -> str:
    """Create a notification of the owner, of a task that another user shares."""
    world.stranger_too.share(world.stranger_too.task(), world.owner)
    return str(world.owner.listed("/api/notifications/")[0]["id"])


def last_change(world: World) -> Any:
    """Return the last edit of the last task."""
    history = expect(world.owner.get(f"/api/tasks/{world.tasks[-1]}/history/"), 200)["results"]
    return {"change": next(change["id"] for change in history if change["action"] == "edit")}


def member(world: World) -> str:
    return world.stranger_too.id


def invitation(world: World) -> Any:
    return {"username": world.stranger_too.username, "role": "viewer"}


def category(world: World) -> str:
    id_: str = world.owner.category()["id"]
    return id_


def shared_category(world: World) -> str:
    """Create a category with a member who is none of the callers."""
    id_ = category(world)
    body = {"username": world.stranger_too.username, "role": "viewer"}
    expect(world.owner.post(f"/api/categories/{id_}/shares/", body), 201)
    return id_


def session(world: World) -> str:
    other = world.pair.visitor().login(world.owner)
    devices = expect(other.get("/api/accounts/sessions/"), 200)["results"]
    return str(next(device["id"] for device in devices if device["is_current"]))


def api_token(world: World) -> str:
    body = {"name": "a script", "scopes": ["tasks:read"]}
    id_: str = expect(world.owner.post("/api/accounts/tokens/", {**body, "password": PASSWORD}), 201)["id"]
    return id_


def password(world: World) -> Any:
    return {"password": world.owner.password}


def registration(_: World) -> Any:
    return {"username": new_name(), "password": OTHER_PASSWORD}


def named(_: World) -> Any:
    return {"name": new_name()}


def new_password(world: World) -> Any:
    return {"current_password": world.owner.password, "new_password": OTHER_PASSWORD}


def credentials(world: World) -> Any:
    return {"username": world.owner.username, **password(world)}


def disabling(world: World) -> Any:
    return {**password(world), "code": world.confirm()}


def no_enrolment(status: int) -> Mapping[str, int | None]:
    """The account of a stranger has no second factor."""
    return {STRANGER: status}


IMPORTED = '{"type":"header","format":"tasktracker","version":1}\n'


def import_job(world: World) -> str:
    headers = {"Content-Type": "application/x-ndjson", "Prefer": "respond-async"}
    path = "/api/accounts/me/import/"
    # The previous import of the owner may still be running.
    accepted = until_answered(lambda: world.owner.request("POST", path, content=IMPORTED, headers=headers))
    id_: str = expect(accepted, 202)["id"]
    return id_


def account(world: World) -> str:
    return world.pair.visitor().register().id


def guarded_account(world: World) -> str:
    """Create an account with two-factor authentication, which is that of the owner."""
    world.confirm()
    return world.owner.id


def invite(world: World) -> str:
    id_: str = expect(world.admins.proved(world.pair).post("/api/admin/invites/", {}), 201)["id"]
    return id_


def delivery(world: World) -> str:
    store = Container(settings=load(world.pair.servers[0].environment, None)).store()
    with store.writing(SYSTEM) as work:
        added = Delivery.of(
            DeliveryKind.INVITATION, uuid4(), work.now, mail_domain="example.org", address="a@example.org"
        )
        work.deliveries.add(added)
    store.close()
    return str(added.id)


CASES: Mapping[str, Case] = {
    "adminListDeliveries": Case(ADMIN_READ, 200),
    "adminRetryDelivery": Case(ADMIN_WRITE, 200, target=delivery),
    "adminCancelDelivery": Case(ADMIN_WRITE, 200, target=delivery),
    "adminListUsers": Case(ADMIN_READ, 200),
    "adminCreateUser": Case(ADMIN_WRITE, 201, registration),
    "adminGetUser": Case(ADMIN_READ, 200, target=account),
    "adminEditUser": Case(ADMIN_WRITE, 200, {"is_active": False}, account),
    "adminDeleteUser": Case(ADMIN_WRITE, 204, target=account),
    "adminResetPassword": Case(ADMIN_WRITE, 201, target=account),
    "adminDisableTwoFactor": Case(ADMIN_WRITE, 204, target=guarded_account),
    "adminEndSessions": Case(ADMIN_WRITE, 204, target=account),
    "adminListInvites": Case(ADMIN_READ, 200),
    "adminCreateInvite": Case(ADMIN_WRITE, 201, {"note": "for someone"}),
    "adminRevokeInvite": Case(ADMIN_WRITE, 204, target=invite),
    "adminGetSettings": Case(ADMIN_READ, 200),
    "adminEditSettings": Case(ADMIN_WRITE, 200, {"registration": "open"}),
    "adminListActivity": Case(ADMIN_READ, 200),
    "adminGetOverview": Case(ADMIN_READ, 200),
    "describeService": Case(PUBLIC, 200),
    "register": Case(PUBLIC, 201, registration),
    "login": Case(PUBLIC, 200, credentials),
    "refresh": Case(PUBLIC, 200, lambda world: {"refresh": world.owner.refresh}),
    "verify": Case(PUBLIC, 200, lambda world: {"token": world.owner.access}),
    # Without a body, it ends the session of the bearer token. An API token has no session, and is refused as elsewhere.
    "logout": Case(SESSION, 204),
    "listSessions": Case(SESSION, 200),
    "endOtherSessions": Case(SESSION, 204),
    "endSession": Case(SESSION, 204, target=session),
    "getProfile": Case(SESSION, 200),
    "editProfile": Case(SESSION, 200, {"first_name": "Ada"}),
    "changePassword": Case(SESSION, 204, new_password),
    "confirmPassword": Case(SESSION, 204, password),
    "resetPassword": Case(PUBLIC, 400, {"token": "made up", "new_password": OTHER_PASSWORD}),
    "forgotPassword": Case(PUBLIC, 409, {"username": "ada"}),
    "verifyEmail": Case(PUBLIC, 400, {"token": "made up"}),
    "requestVerification": Case(SESSION, 409),
    "listDeliveries": Case(SESSION, 200),
    "deleteAccount": Case(SESSION, 204, password),
    "listApiTokens": Case(SESSION, 200),
    "createApiToken": Case(SESSION, 201, {"name": "another", "scopes": ["tasks:read"], "password": PASSWORD}),
    "revokeApiToken": Case(SESSION, 204, target=api_token),
    "readTwoFactor": Case(SESSION, 200),
    "renewRecoveryCodes": Case(SESSION, 200, disabling, answers=no_enrolment(409)),
    "enrolTwoFactor": Case(SESSION, 200, password),
    "confirmTwoFactor": Case(SESSION, 200, lambda world: {"code": world.enrol()}, answers=no_enrolment(409)),
    "disableTwoFactor": Case(SESSION, 204, disabling, answers=no_enrolment(409)),
    "listActivity": Case(SESSION, 200),
    "listCategories": Case(READ, 200),
    "createCategory": Case(WRITE, 201, named),
    "getCategory": Case(READ, 200, target=category),
    "replaceCategory": Case(WRITE, 200, named, category),
    "editCategory": Case(WRITE, 200, named, category),
    "deleteCategory": Case(WRITE, 204, target=category),
    "listTasks": Case(READ, 200),
    "createTask": Case(WRITE, 201, {"title": "something"}),
    "getTask": Case(READ, 200, target=task, answers=VIEWERS),
    "replaceTask": Case(WRITE, 200, {"title": "something else"}, task, EDITORS),
    "editTask": Case(WRITE, 200, {"title": "something else"}, task, EDITORS),
    "deleteTask": Case(WRITE, 204, target=task, answers=OWNERS),
    # The access of the members of a category: see tests/contracts/test_category_access.py.
    "listCategoryShares": Case(READ, 200, target=category),
    "shareCategory": Case(WRITE, 201, invitation, category),
    "assignCategoryRole": Case(WRITE, 200, {"role": "editor"}, shared_category, second=member),
    "unshareCategory": Case(WRITE, 204, None, shared_category, second=member),
    "listShares": Case(READ, 200, target=task, answers=VIEWERS),
    "shareTask": Case(WRITE, 201, invitation, task, OWNERS),
    "assignRole": Case(WRITE, 200, {"role": "editor"}, shared_task, OWNERS, second=member),
    "unshareTask": Case(WRITE, 204, None, shared_task, OWNERS, second=member),
    "listReminders": Case(READ, 200, target=task, answers=VIEWERS),
    "createReminder": Case(WRITE, 201, {"at": "2099-01-01T00:00:00Z"}, task, VIEWERS),
    "deleteReminder": Case(WRITE, 204, None, task, dict.fromkeys(MEMBERS, 404), second=reminder),
    "listNotifications": Case(READ, 200),
    "editNotification": Case(WRITE, 200, {"read": True}, notification),
    "readNotifications": Case(WRITE, 200),
    "getPreferences": Case(SESSION, 200),
    "editPreferences": Case(SESSION, 200, {"reminder_hour": 8}),
    "listHistory": Case(READ, 200, target=task, answers=VIEWERS),
    "undoChange": Case(WRITE, 200, last_change, edited_task, EDITORS),
    "listTrash": Case(READ, 200),
    "restoreTask": Case(WRITE, 200, None, deleted_task, TRASH),
    "purgeTask": Case(WRITE, 204, None, deleted_task, TRASH),
    "exportAccount": Case(SESSION, 200),
    "importAccount": Case(SESSION, 200, IMPORTED),
    "listImports": Case(SESSION, 200),
    "readImport": Case(SESSION, 200, target=import_job),
    "listImportedLines": Case(SESSION, 200, target=import_job),
    "pullChanges": Case(READ, 200),
    "pushMutations": Case(WRITE, 200, {"mutations": []}),
    "digest": Case(READ, 200),
    "digestBucket": Case(READ, 200),
    "createTicket": Case(SESSION, 201),
    "followChanges": Case(READ, 200),
    "live": Case(PUBLIC, 200),
    "ready": Case(PUBLIC, 200),
    "explainProblem": Case(PUBLIC, 200),
}


@pytest.fixture(scope="module")
def operations(pairs: NewPair) -> dict[str, tuple[str, str]]:
    """Method and path of every operation in the OpenAPI document."""
    document = expect(pairs("postgresql").visitor().get(SCHEMA), 200)
    return {
        operation["operationId"]: (method.upper(), path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


@pytest.fixture
def world(pair: Pair, stranger: Person, members: Mapping[str, Person], admins: Admins) -> World:
    return World(pair, stranger, members, admins)


@pytest.fixture(scope="module")
def admins(pairs: NewPair) -> Admins:
    """An administrator."""
    return Admins(pairs("postgresql"))


@pytest.fixture(scope="module")
def members(pairs: NewPair) -> Mapping[str, Person]:
    """The members of the owner's tasks, and another stranger."""
    return {kind: pairs("postgresql").visitor().register() for kind in (*MEMBERS, STRANGER)}


@pytest.fixture(scope="module")
def stranger(pairs: NewPair) -> Person:
    return pairs("postgresql").visitor().register()


def call(
    caller: Caller, operations: Mapping[str, tuple[str, str]], name: str, target: str, body: Any, second: str = ""
) -> httpx.Response:
    method, path = operations[name]
    path = path.format(id=target, user_id=second, reminder_id=second, slug="not-found", bucket="00")
    if name == "followChanges":
        method = "HEAD"  # the answer to GET has no end
    if isinstance(body, str):
        return caller.request(method, path, content=body, headers={"Content-Type": "application/x-ndjson"})
    return caller.request(method, path, **({} if body is None else {"json": body}))


def shown(response: httpx.Response) -> tuple[int, str, set[str]]:
    """Return the parts of an answer that could reveal something."""
    return response.status_code, response.text, set(response.headers)


def test_the_matrix_covers_every_operation(operations: Mapping[str, tuple[str, str]]) -> None:
    assert operations.keys() == CASES.keys()


def test_an_operation_on_one_thing_has_a_target(operations: Mapping[str, tuple[str, str]]) -> None:
    assert {name for name, (_, path) in operations.items() if "{id}" in path} == {
        name for name, case in CASES.items() if case.target
    }


# Members differ from strangers only in operations about a task.
MATRIX = [
    (name, caller)
    for name, case in CASES.items()
    for caller in CALLERS
    if (caller not in ADMINS or case.is_administrative)
    and (caller not in MEMBERS or not case.is_administrative)
    and (caller not in MEMBERS or case.answers.keys() & set(MEMBERS) or case.target)
]


# Callers who are refused change nothing, so they call one after the other.
REFUSED = {
    name: [caller for each, caller in MATRIX if each == name and case.expected(caller) in (401, 403, 404)]
    for name, case in CASES.items()
}


@pytest.mark.parametrize(
    ("name", "callers"),
    [(name, [caller]) for name, caller in MATRIX if caller not in REFUSED[name]] + [*REFUSED.items()],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_each_caller_gets_the_expected_status(
    operations: Mapping[str, tuple[str, str]], pair: Pair, world: World, name: str, callers: list[str]
) -> None:
    case = CASES[name]
    if callers == [STRANGER] and not case.target:
        world.stranger = pair.visitor().register()  # the operation may end the stranger's account
    senders = {caller: CALLERS[caller](world) for caller in callers}
    target = case.target(world) if case.target else ""
    body = case.sends(world)
    for caller in callers:
        if caller in MEMBERS and name != "restoreTask":
            CALLERS[caller](world)  # the task exists now
    second = case.second(world) if case.second else ""
    for caller, sender in senders.items():
        require_expected(call(sender, operations, name, target, body, second), case, caller)


def require_expected(response: httpx.Response, case: Case, caller: str) -> None:
    """Require the status that a caller gets, and the kind of a refusal."""
    assert response.status_code == case.expected(caller), f"{caller}: {response.text}"
    if response.status_code == 401:
        assert response.headers["www-authenticate"].startswith("Bearer")
    if response.status_code == 403 and response.content:
        slug = "session-required" if case.access is SESSION or case.is_administrative else "insufficient-scope"
        if case.is_administrative and caller not in (READS, WRITES):
            slug = "confirmation-required" if caller == PLAIN_ADMIN else "admin-required"
        slug = "not-allowed" if caller in MEMBERS else slug
        assert response.json()["type"] == f"/problems/{slug}"


@pytest.mark.parametrize("caller", [STRANGER, FORMER])
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.target and not case.is_administrative])
def test_a_stranger_gets_the_answer_for_a_missing_item(
    operations: Mapping[str, tuple[str, str]], world: World, name: str, caller: str
) -> None:
    case = CASES[name]
    assert case.target
    target = case.target(world)
    body, second = case.sends(world), case.second(world) if case.second else ""
    sender = world.stranger if caller == STRANGER else CALLERS[caller](world)
    theirs = call(sender, operations, name, target, body, second)
    nobodys = call(sender, operations, name, str(uuid4()), body, second)
    assert shown(theirs) == shown(nobodys)
    expect(call(world.owner, operations, name, target, body, second), case.status)  # nothing has changed


def test_a_member_may_leave_a_task(world: World) -> None:
    id_ = task(world)
    for kind in (EDITOR, VIEWER):
        caller = CALLERS[kind](world)
        path = f"/api/tasks/{id_}/shares/{world.members[kind].id}/"
        expect(caller.delete(path), 204)
        expect(caller.get(f"/api/tasks/{id_}/"), 404)
