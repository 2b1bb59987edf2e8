"""The representations of entities: each field has the value of its own name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from tasktracker.domain.accounts.quota import Quotas, Usage
from tasktracker.domain.accounts.session import Session
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import AuthEvent, Kind, Outcome
from tasktracker.domain.administration.account import AccountSummary
from tasktracker.domain.api_tokens.api_token import ApiToken
from tasktracker.domain.categories.category import Category, CategoryMember
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.history.change import Change, FieldChange
from tasktracker.domain.kernel.actors import Scope, SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import FieldError, InvalidInput
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.portability.import_job import ImportedLine, ImportJob, JobState, LineOutcome
from tasktracker.domain.portability.report import Counts, Finding, ImportReport, TaskCounts
from tasktracker.domain.recurrence.recurrence import Recurrence
from tasktracker.domain.sync.mutation import Mutation, MutationOp
from tasktracker.entrypoints.http.activity import view_event
from tasktracker.entrypoints.http.admin_service import view_admin_event
from tasktracker.entrypoints.http.admin_users import view_account
from tasktracker.entrypoints.http.api_tokens import view_api_token
from tasktracker.entrypoints.http.categories import view_category
from tasktracker.entrypoints.http.history import view_change
from tasktracker.entrypoints.http.import_jobs import view_job, view_line, view_report
from tasktracker.entrypoints.http.push import MutationBody, _fingerprint, read_mutation
from tasktracker.entrypoints.http.sessions import view_session
from tests.fakes import START

A, B, C, D, E = (UUID(int=number) for number in range(1, 6))


def at(number: int) -> datetime:
    return START + timedelta(seconds=number)


def shown(number: int) -> str:
    return f"2026-03-01T12:00:{number:02}Z"


SESSION = Session(
    id=A,
    user_id=B,
    device="phone",
    created_at=at(1),
    rotated_at=at(2),
    idle_until=at(3),
    ends_at=at(4),
    address="192.0.2.1",
    user_agent="browser",
    used_at=at(5),
)
USER = User(
    id=A,
    username="grace",
    email="old@example.org",
    pending_email="new@example.org",
    email_verified_at=at(1),
    is_admin=True,
    is_active=False,
    password_hash="",
    created_at=at(2),
)
ACCOUNT = AccountSummary(
    user=USER, has_two_factor=True, last_seen_at=at(3), sessions=4, usage=Usage(5, 6, 7), quotas=Quotas(8, 9, 10)
)
EVENT = AuthEvent(
    id=A,
    at=at(1),
    kind=Kind.DISABLE,
    outcome=Outcome.FAILURE,
    user_id=B,
    session_id=C,
    address="192.0.2.1",
    admin_id=D,
    subject=E,
    detail="grace",
)
TOKEN = ApiToken(
    id=A,
    user_id=B,
    name="script",
    scopes=frozenset(Scope),
    secret_hash=b"",
    created_at=at(1),
    expires_at=at(2),
    last_used_at=at(3),
)
CATEGORY = Category(
    id=A,
    user_id=B,
    name="Home",
    description="At home",
    color="#112233",
    members=(CategoryMember(C, Role.EDITOR, at(4)), CategoryMember(D, Role.VIEWER, at(5), is_ready=True)),
    created_at=at(1),
    updated_at=at(2),
    version=3,
)
JOB = ImportJob(
    id=A,
    user_id=B,
    state=JobState.RUNNING,
    dry_run=True,
    size=3,
    read=2,
    lines=1,
    created_at=at(1),
    updated_at=at(2),
)
DAILY, WEEKLY = (Recurrence(rule=f"FREQ={each}", time_zone="UTC") for each in ("DAILY", "WEEKLY"))
SHOWN_DAILY, SHOWN_WEEKLY = (
    {"rule": each.rule, "time_zone": "UTC", "from": "due", "start": None} for each in (DAILY, WEEKLY)
)
CHANGE = Change(
    id=A,
    task_id=B,
    at=at(1),
    made_at=at(2),
    action=Action.EDIT,
    version=3,
    actor=C,
    session_id=D,
    token_id=E,
    fields={"due_date": FieldChange(at(3), at(4)), "recurrence": FieldChange(DAILY, WEEKLY)},
)
CHANGED = {
    "id": str(A),
    "at": shown(1),
    "made_at": shown(2),
    "action": "edit",
    "version": 3,
    "actor": {"id": str(C), "username": "grace"},
    "session_id": str(D),
    "token_id": str(E),
    "fields": {
        "due_date": {"before": shown(3), "after": shown(4)},
        "recurrence": {"before": SHOWN_DAILY, "after": SHOWN_WEEKLY},
    },
}
LATE = datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))  # after the last moment in UTC
PUSHED = MutationBody(id=A, type=ItemType.TASK, op=MutationOp.DELETE, target=B, base_version=3)
ERRORS, NOTICES = (FieldError("title", "wrong"),), (FieldError("parent", "moved"), FieldError("due_on", "left out"))
LINE = ImportedLine(
    position=1,
    file="a.csv",
    number=2,
    type=ItemType.TASK,
    outcome=LineOutcome.CREATED,
    item=A,
    errors=ERRORS,
    notices=NOTICES,
)
REPORT = ImportReport(
    True,
    Counts(1, 2, 3, 4),
    TaskCounts(5, 6, 7, 8, 9, 10),
    11,
    [Finding(12, "title", "wrong", "a.csv")],
    [Finding(13, "parent", "moved")],
    14,
)
SHOWN_SESSION = {
    "id": str(A),
    "device": "phone",
    "created_at": shown(1),
    "last_refreshed_at": shown(2),
    "expires_at": shown(3),
    "address": "192.0.2.1",
    "user_agent": "browser",
    "last_used_at": shown(5),
}
SHOWN_EVENT = {"id": str(A), "at": shown(1), "kind": "disable", "outcome": "failure"}
SHOWN_CATEGORY = {
    "id": str(A),
    "name": "Home",
    "description": "At home",
    "color": "#112233",
    "owner": str(B),
    "members": [{"user_id": str(C), "role": "editor"}, {"user_id": str(D), "role": "viewer"}],
    "created_at": shown(1),
    "updated_at": shown(2),
    "version": 3,
}
SHOWN_JOB = {
    "id": str(A),
    "state": "running",
    "dry_run": True,
    "size": 3,
    "read": 2,
    "lines": 1,
    "created_at": shown(1),
    "updated_at": shown(2),
    "report": None,
    "problem": None,
}
VIEWS: list[tuple[Callable[[], object], dict[str, Any]]] = [
    (lambda: view_session(SESSION, SessionActor(B, A, 1)), {**SHOWN_SESSION, "is_current": True}),
    (lambda: view_session(SESSION, SessionActor(B, C, 1)), {**SHOWN_SESSION, "is_current": False}),
    (
        lambda: view_account(ACCOUNT),
        {
            "id": str(A),
            "username": "grace",
            "email": "old@example.org",
            "pending_email": "new@example.org",
            "email_verified_at": shown(1),
            "is_active": False,
            "is_admin": True,
            "two_factor": True,
            "created_at": shown(2),
            "last_seen_at": shown(3),
            "sessions": 4,
            "tasks": 5,
            "categories": 6,
            "bytes": 7,
            "max_tasks": 8,
            "max_categories": 9,
            "max_bytes": 10,
        },
    ),
    (lambda: view_event(EVENT), {**SHOWN_EVENT, "session_id": None, "address": None, "by_admin": True}),
    (
        lambda: view_event(replace(EVENT, subject=None)),
        {**SHOWN_EVENT, "session_id": str(C), "address": "192.0.2.1", "by_admin": False},
    ),
    (
        lambda: view_admin_event(EVENT, {B: "grace", D: "root"}),
        {
            **SHOWN_EVENT,
            "user": str(B),
            "username": "grace",
            "admin": str(D),
            "admin_username": "root",
            "subject": str(E),
            "detail": "grace",
            "session_id": str(C),
            "address": "192.0.2.1",
        },
    ),
    (lambda: view_category(CATEGORY, B), {**SHOWN_CATEGORY, "role": "owner", "ready": True}),
    (lambda: view_category(CATEGORY, C), {**SHOWN_CATEGORY, "role": "editor", "ready": False}),
    (lambda: view_category(CATEGORY, D), {**SHOWN_CATEGORY, "role": "viewer", "ready": True}),
    (
        lambda: view_api_token(TOKEN),
        {
            "id": str(A),
            "name": "script",
            "scopes": sorted(Scope),
            "created_at": shown(1),
            "expires_at": shown(2),
            "last_used_at": shown(3),
        },
    ),
    (lambda: view_change(CHANGE, {C: "grace"}), CHANGED),
    # Of deleted accounts, nothing is shown that could distinguish them.
    (lambda: view_change(CHANGE, {}), {**CHANGED, "actor": None, "session_id": None, "token_id": None}),
    (lambda: view_job(JOB), SHOWN_JOB),
    (
        lambda: view_job(replace(JOB, problem=b'{"title":"No"}')),
        {**SHOWN_JOB, "problem": {"title": "No"}},
    ),
    # An earlier release has stored a report without some counts.
    (
        lambda: view_job(replace(JOB, report=b'{"categories":{"created":1},"tasks":{"created":2,"passed_over":3}}')),
        {
            **SHOWN_JOB,
            "report": {"categories": {"created": 1, "passed_over": 0}, "tasks": {"created": 2, "passed_over": 3}},
        },
    ),
    (
        lambda: view_line(LINE),
        {
            "line": 2,
            "type": "task",
            "outcome": "created",
            "id": str(A),
            "errors": [{"field": "title", "message": "wrong"}],
            "notices": [{"field": "parent", "message": "moved"}, {"field": "due_on", "message": "left out"}],
            "file": "a.csv",
        },
    ),
    (
        lambda: view_line(ImportedLine(position=1, number=2, type=None, outcome=LineOutcome.SKIPPED)),
        {"line": 2, "type": None, "outcome": "skipped", "id": None, "errors": [], "notices": []},
    ),
    (
        lambda: view_report(REPORT),
        {
            "dry_run": True,
            "categories": {"created": 1, "unchanged": 2, "mapped": 3, "passed_over": 4},
            "tasks": {"created": 5, "unchanged": 6, "mapped": 7, "passed_over": 8, "in_trash": 9, "restored": 10},
            "skipped": 11,
            "errors": [{"line": 12, "field": "title", "message": "wrong", "file": "a.csv"}],
            "notices": [{"line": 13, "field": "parent", "message": "moved"}],
            "omitted": 14,
        },
    ),
]


@pytest.mark.parametrize(("view", "expected"), VIEWS)
def test_each_field_of_a_view_is_that_of_its_name(view: Callable[[], object], expected: dict[str, Any]) -> None:
    assert msgspec.json.decode(msgspec.json.encode(view())) == expected


def test_a_mutation_is_read_completely() -> None:
    made_at = at(1).astimezone(timezone(timedelta(hours=1)))
    data = {"title": "x", "due_date": "2026-03-01T12:00:02Z"}
    body = msgspec.structs.replace(PUSHED, op=MutationOp.UPDATE, own=[C], made_at=made_at, data=data)
    read = {"type": ItemType.TASK, "op": MutationOp.UPDATE, "base_version": 3, "own": [C], "made_at": at(1)}
    expected = Mutation(
        id=A, fingerprint=_fingerprint(body), target=B, data={"title": "x", "due_date": at(2)}, **cast(Any, read)
    )
    assert repr(read_mutation(body)) == repr(expected), "times are in UTC"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"data": {"title": "x"}}, "data"),
        ({"op": MutationOp.RESTORE, "data": {"title": "x"}}, "data"),
        ({"made_at": LATE}, "made_at"),
        ({"op": MutationOp.UPDATE, "data": {"x": 1}, "made_at": LATE}, "data.x"),
    ],
)
def test_an_error_of_a_mutation_is_part_of_it(change: dict[str, Any], field: str) -> None:
    error = read_mutation(msgspec.structs.replace(PUSHED, **change)).error
    assert isinstance(error, InvalidInput)
    assert [each.field for each in error.errors] == [field]


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"own": [C]}, True),  # a device may know more of its mutations
        ({"made_at": None}, True),
        ({"made_at": START}, False),
        ({"data": {"title": "ü", "state": "done"}}, True),
        ({"data": {"state": "done", "title": None}}, False),
        ({"base_version": 4}, False),
        ({"target": C}, False),
        ({"op": MutationOp.RESTORE}, False),
        ({"type": ItemType.CATEGORY}, False),
    ],
)
def test_a_mutation_that_is_sent_again_with_other_content_is_another_one(change: dict[str, Any], is_same: bool) -> None:
    body = msgspec.structs.replace(PUSHED, data={"state": "done", "title": "ü"})
    assert (_fingerprint(msgspec.structs.replace(body, **change)) == _fingerprint(body)) is is_same
