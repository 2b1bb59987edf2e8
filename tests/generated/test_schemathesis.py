"""Generated requests get the answers that the OpenAPI document describes."""

from __future__ import annotations

import io
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation.meta import TestPhase

from tasktracker.domain.accounts.invite_service import DEAD_INVITE
from tasktracker.domain.accounts.password_confirmation import CODE_NEEDED
from tasktracker.domain.recurrence.recurrence import HAS_NEXT, NO_PARENT, NOT_DUE, SUBTASK
from tasktracker.domain.removal.passing_on import NOT_AN_EDITOR, UNKNOWN
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.settings import load
from tests.http import PASSWORD, Person, Server, make_link, migrated, new_name
from tests.security.processes import Visitor
from tests.strategies import THOROUGHNESS

pytestmark = pytest.mark.generated
EXAMPLES = 2 * THOROUGHNESS
CONFIG = {
    "cache": {"enabled": False},
    "generation": {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True, "database": "none"},
    "phases": {"stateful": {"generation": {"max-examples": EXAMPLES}}},
}


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[Server]:
    with Server(tmp_path, DATABASE_URL=migrated(database_url)) as server:
        yield server


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


EXPORTED = b'{"type":"header","format":"tasktracker","version":1}\n'
CSV = b"TYPE,CONTENT\ntask,something\n"
IMPORTED = cycle([EXPORTED, CSV, zipped("Home.csv", CSV)])
FILE = "application/octet-stream"


@schemathesis.serializer(FILE)
def file_of(_context: Any, value: Any) -> Any:
    """Return a file as it is; the document's example of one is text."""
    return value.encode() if isinstance(value, str) else value


class Account:
    """A logged-in user. If a request ends the account, another user takes its place."""

    def __init__(self, server: Server, store: Storage) -> None:
        self._store = store
        self._visitor = Visitor(server.client)
        self._person = self._visitor.register()
        self.friend = self._visitor.register()
        self._headers = [self._person.headers["Authorization"]]

    @property
    def person(self) -> Person:
        """The current user."""
        if self._person.get("/api/accounts/me/").status_code == 401:
            self._replace()
        return self._person

    def _replace(self) -> None:
        self._person = self._visitor.register()
        self._headers.append(self._person.headers["Authorization"])

    def complete(self, case: Any) -> None:
        """Insert values that cannot be generated into a valid request: passwords, tokens, codes, ids."""
        label = case.operation.label
        if label.startswith(("POST /api/accounts/me/totp", "POST /api/accounts/password/reset")):
            self._replace()  # by a user without a second factor
        person = self.person
        if case.headers.get("Authorization") in self._headers:
            case.headers["Authorization"] = person.headers["Authorization"]
        if (
            "{id}" in label and case.meta.phase.name is not TestPhase.STATEFUL
        ):  # that phase uses the ids of earlier answers
            parts = label.split("/")
            case.path_parameters["id"] = self._made(parts[parts.index("{id}") - 1], person)
            case.headers.pop("If-Match", None)
            if "{user_id}" in label:
                kind = parts[parts.index("{id}") - 1]
                case.path_parameters["user_id"] = self._share(kind, case.path_parameters["id"], person)
            if "{reminder_id}" in label:
                path = f"/api/tasks/{case.path_parameters['id']}/reminders/"
                case.path_parameters["reminder_id"] = person.post(path, {"before": "PT1H"}).json()["id"]
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = new_name()  # an unused key
        if label == "POST /api/accounts/me/import":
            case.body = next(IMPORTED)
            if case.query:
                case.query.pop("project", None)  # refused unless the file is one of Todoist
        elif isinstance(case.body, dict):
            known = self._known(label, person, case.path_parameters)
            case.body.update({name: known[name] for name in case.body.keys() & known.keys()})

    def _made(self, what: str, person: Person) -> str:
        """Create an item for an operation, and return its id."""
        if what == "sessions":
            return str(person.get("/api/accounts/sessions/").json()["results"][0]["id"])
        body = {"name": new_name(), "scopes": ["tasks:read"]}
        makers: Mapping[str, Callable[[], Mapping[str, Any]]] = {
            "tasks": person.task,
            "trash": lambda: self._deleted(person),
            "categories": person.category,
            "notifications": lambda: self._notified(person),
            "imports": lambda: self._imported(person),
            "tokens": lambda: person.post("/api/accounts/tokens/", {**body, "password": PASSWORD}).json(),
        }
        return str(makers[what]()["id"])

    def _notified(self, person: Person) -> Mapping[str, Any]:
        """Notify the user of a task that a friend shares, and return the notification."""
        username = person.get("/api/accounts/me/").json()["username"]  # a request may have changed it
        self.friend.post(f"/api/tasks/{self.friend.task()['id']}/shares/", {"username": username, "role": "viewer"})
        found: Mapping[str, Any] = person.listed("/api/notifications/")[0]
        return found

    def _imported(self, person: Person) -> Mapping[str, Any]:
        """Start an import, unless one is running, and return one."""
        headers = {"Content-Type": "application/x-ndjson", "Prefer": "respond-async"}
        person.request("POST", "/api/accounts/me/import/", content=EXPORTED, headers=headers)
        found: Mapping[str, Any] = person.get("/api/accounts/me/imports/").json()["results"][0]
        return found

    def _deleted(self, person: Person) -> Mapping[str, Any]:
        task = person.task()
        person.delete(f"/api/tasks/{task['id']}/")
        return task

    def _share(self, kind: str, item_id: str, person: Person) -> str:
        body = {"username": self.friend.username, "role": "viewer"}
        return str(person.post(f"/api/{kind}/{item_id}/shares/", body).json()["user_id"])

    def _change(self, task_id: str, person: Person) -> str:
        person.patch(f"/api/tasks/{task_id}/", {"title": new_name()})
        answer = person.get(f"/api/tasks/{task_id}/history/")
        # In the stateful phase, the task may belong to another user.
        return str(answer.json()["results"][0]["id"] if answer.status_code == 200 else uuid4())

    def _known(self, label: str, person: Person, path: Mapping[str, Any]) -> Mapping[str, Any]:
        known: dict[str, Any] = {
            "category": None,
            "parent": None,
            "version": 1,
            "password": PASSWORD,
            "password2": PASSWORD,
            "current_password": PASSWORD,
            "new_password": PASSWORD,
            "refresh": person.refresh,
            "token": person.access,
        }
        if label == "POST /api/accounts/register":
            known["username"] = new_name()  # most generated ones mix scripts
        elif label == "POST /api/accounts/login":
            known["username"] = person.username
        elif label in ("POST /api/tasks/{id}/shares", "POST /api/categories/{id}/shares"):
            known["username"] = self.friend.username
        elif label == "POST /api/accounts/password/reset":
            known["token"] = make_link(self._store, person.username)
        elif label == "POST /api/tasks/{id}/undo":
            known["change"] = self._change(path["id"], person)
        elif label == "POST /api/accounts/me/totp/confirm":
            known["code"] = self._enrol(person)
        elif label in ("POST /api/accounts/me/totp/disable", "POST /api/accounts/me/totp/recovery-codes"):
            answer = person.post("/api/accounts/me/totp/confirm/", {"code": self._enrol(person)})
            known["code"] = answer.json()["recovery_codes"][0]
        return known

    def _enrol(self, person: Person) -> str:
        answer = person.post("/api/accounts/me/totp/", {"password": PASSWORD})
        return pyotp.TOTP(answer.json()["secret"]).now()


@pytest.fixture
def account(server: Server) -> Iterator[Account]:
    """The user of all requests, who completes the valid ones."""
    store = Container(settings=load(server.environment, None)).store()
    account = Account(server, store)

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        is_valid = case.meta and case.meta.generation.mode is GenerationMode.POSITIVE
        if is_valid:
            account.complete(case)
            if "wait" in (case.query or {}):
                case.query["wait"] = 0  # nothing changes meanwhile: waiting would only take time
        if case.operation.label == "GET /api/events":
            kwargs["timeout"] = 1  # its answer has no end

    schemathesis.hook(before_call)
    yield account
    schemathesis.hooks.unregister(before_call)
    store.close()


def test_answers_are_as_described(server: Server, account: Account) -> None:
    schema = schemathesis.openapi.from_url(
        f"{server.url}/schema/openapi.json", config=SchemathesisConfig.from_dict(CONFIG)
    ).exclude(path_regex=NOT_SENT)

    @schema.auth()
    class Auth:
        def get(self, case: Any, context: Any) -> str:
            return account.person.access

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    answers: dict[str, Counter[int]] = defaultdict(Counter)
    failures = []
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.FatalError), event.exception
        assert not isinstance(event, events.NonFatalError), str(event.info)
        if not isinstance(event, events.ScenarioFinished):
            continue
        recorder = event.recorder
        for case_id, interaction in recorder.interactions.items():
            operation = recorder.cases[case_id].value.operation
            # Other methods are sent to the same path, too.
            if interaction.response is not None and interaction.request.method == operation.method.upper():
                answers[operation.label][interaction.response.status_code] += 1
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if (
                    check.status is Status.FAILURE
                    and not is_beyond_schema(check.name, recorder.interactions.get(case_id))
                    and not (check.name == "ensure_resource_availability" and is_by_another(recorder, case_id))
                ):
                    info = check.failure_info
                    assert info is not None
                    failures.append(f"{check.name}: {info.failure}\n{info.code_sample}")
    print({name: dict(counts) for name, counts in answers.items()})  # noqa: T201
    assert not failures, "\n\n".join(sorted(failures))
    assert not any(status >= 500 for counts in answers.values() for status in counts)
    assert len(answers) == schema.statistic.operations.selected
    # Each operation has succeeded at least once.
    refused = [name for name, counts in answers.items() if not any(status < 300 for status in counts)]
    assert set(refused) <= NEED_MAIL


# Refused by a server without mail; their own tests send them.
NEED_MAIL = {"POST /api/accounts/email/verification", "POST /api/accounts/password/forgot"}
# The access matrix sends operations of administrators. The token for an address is in a mail.
NOT_SENT = r"^/api/admin/|^/api/accounts/email/verify$"

# Reasons to refuse a request that its schema allows: no schema can express them.
BEYOND_SCHEMA = {
    # Python knows more white space than the regular expressions of a schema.
    ("name", "must not be empty"),
    ("title", "must not be empty"),
    # Schemas know neither the properties of characters nor grapheme clusters.
    *((field, "must contain a visible character") for field in ("name", "title", "device")),
    ("title", "must be at most 200 characters long"),
    ("username", "must not contain invisible characters"),
    ("username", "must be written in one script; only Latin may be mixed with Chinese, Japanese or Korean"),
    ("username", "must not have the same mark twice or more than 4 marks on one letter"),
    ("username", "may contain letters with their marks, digits and .+-_ only"),
    ("username", "must be 3 to 150 characters long"),
    # The pattern is ignored for a generated valid header.
    ("If-Match", 'must be * or entity tags, as in "7"'),
    ("If-None-Match", 'must be * or entity tags, as in "7"'),
    ("If-Match", "cannot be combined with If-None-Match: *"),
    ("category", "is not one of your categories"),
    ("code", "is wrong"),
    ("code", CODE_NEEDED),
    ("cursor", "is not a cursor of this user for this list with these filters"),
    # A schema could say that at most one of two has a value, but then generated clients have no class for a task.
    *((one, f"cannot be set together with {other}") for one, other in (("due_on", "due_date"), ("due_date", "due_on"))),
    *((each.field, each.message) for each in (NOT_DUE, SUBTASK, NO_PARENT, HAS_NEXT)),
    ("recurrence.time_zone", "must be an IANA time zone name, as in Europe/Vienna"),
    ("expires_at", "must be in the future"),
    ("at", "must be in the future"),
    ("at", "cannot be set together with before"),
    ("at", "is required, unless before is set"),
    *((name, "is set for this task already") for name in ("at", "before")),
    ("before", "must be at most 366 days"),
    ("invite", DEAD_INVITE),
    ("password", "is wrong"),
    ("current_password", "is wrong"),
    ("password2", "must be the same as password"),
    ("refresh", "is required"),  # unless it is in the cookie
    ("time_zone", "must be an IANA time zone name, as in Europe/Vienna"),
}
GUESSABLE = "is too easy to guess"
NUL = "must not contain NUL characters"  # of any text


def is_by_another(recorder: Any, case_id: str) -> bool:
    """Return whether an item was created by another user, because a session has ended since."""
    asker, parent = recorder.interactions.get(case_id), recorder.cases[case_id].parent_id
    maker = recorder.interactions.get(parent)
    return (
        not asker
        or not maker
        or asker.request.headers.get("Authorization") != maker.request.headers.get("Authorization")
    )


def is_beyond_schema(check: str, interaction: Any) -> bool:
    """Return whether a valid request was refused for a reason that no schema can express."""
    if check == "negative_data_rejection" and interaction and "/me/import/" in interaction.request.uri:
        return True  # any file is a string
    if check == "response_schema_conformance" and interaction and "/api/events" in interaction.request.uri:
        return True  # it takes the schema of the whole stream, which is text, for that of each event
    if check != "positive_data_acceptance" or interaction is None or interaction.response is None:
        return False
    response = interaction.response
    if response.status_code == 412:
        return True
    if "/me/import/" in interaction.request.uri and response.status_code == 400:
        return {error["field"] for error in response.json()["errors"]} == {"body"}  # the file has another format
    refused = [(error["field"], error["message"]) for error in response.json().get("errors", [])]
    return bool(refused) and all(
        (field, message) in BEYOND_SCHEMA
        or field == "recurrence.rule"  # a language of its own
        or field == "recurrence.start"  # a day or a time, which no format says
        or message == NUL
        or message.startswith((GUESSABLE, NOT_AN_EDITOR, UNKNOWN))
        for field, message in refused
    )
