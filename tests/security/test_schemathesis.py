"""Requests made up from the OpenAPI document, and whether the answers are what it says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pyotp
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation.meta import TestPhase

from tests.http import PASSWORD, Person, Server, migrated, new_name
from tests.postgres import DatabaseFactory
from tests.security.processes import THIS_CODE, Visitor

EXAMPLES = 5
CONFIG = {
    "cache": {"enabled": False},
    "generation": {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True, "database": "none"},
    "phases": {"stateful": {"generation": {"max-examples": EXAMPLES}}},
}


@pytest.fixture(params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url_factory: DatabaseFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("described")
    url = f"sqlite:///{folder}/tasks.db" if request.param == "sqlite" else postgres_url_factory.create_database()
    # So many logins in so little time would be an attack.
    with Server(folder, **{**THIS_CODE, "DATABASE_URL": migrated(url), "THROTTLE": "off"}) as server:
        yield server


class Account:
    """Somebody who is logged in whatever the requests do to them: one who is gone is followed by another."""

    def __init__(self, server: Server) -> None:
        self._visitor = Visitor(server.client)
        self._person = self._visitor.register()
        self._headers = [self._person.headers["Authorization"]]

    @property
    def person(self) -> Person:
        """Whoever it is now."""
        if self._person.get("/api/accounts/me/").status_code == 401:
            self._replace()
        return self._person

    def _replace(self) -> None:
        self._person = self._visitor.register()
        self._headers.append(self._person.headers["Authorization"])

    def complete(self, case: Any) -> None:
        """Put into a valid request what nobody can make up: the password, tokens, codes, the id of a session."""
        label = case.operation.label
        if label.startswith("POST /api/accounts/me/totp/"):
            self._replace()  # by somebody whose second factor is off
        person = self.person
        if case.headers.get("Authorization") in self._headers:
            case.headers["Authorization"] = person.headers["Authorization"]
        if "{id}" in label and case.meta.phase.name is not TestPhase.STATEFUL:  # which goes by ids of its own
            case.path_parameters["id"] = self._made(label.split("/")[-3], person)
            case.headers.pop("If-Match", None)
        if isinstance(case.body, dict):
            known = self._known(label, person)
            case.body.update({name: known[name] for name in case.body.keys() & known.keys()})

    def _made(self, what: str, person: Person) -> str:
        """Make one of what an operation is about, and return its id."""
        if what == "sessions":
            return str(person.get("/api/accounts/sessions/").json()["results"][0]["id"])
        body = {"name": new_name(), "scopes": ["tasks:read"]}
        made = {
            "tasks": person.task,
            "categories": person.category,
            "tokens": lambda: person.post("/api/accounts/tokens/", body).json(),
        }[what]()
        return str(made["id"])

    def _known(self, label: str, person: Person) -> Mapping[str, Any]:
        known: dict[str, Any] = {
            "category": None,
            "version": 1,
            "password": PASSWORD,
            "password2": PASSWORD,
            "current_password": PASSWORD,
            "new_password": PASSWORD,
            "refresh": person.refresh,
            "token": person.access,
        }
        if label == "POST /api/accounts/login/":
            known["username"] = person.username
        elif label == "POST /api/accounts/me/totp/confirm/":
            known["code"] = self._enrol(person)
        elif label == "POST /api/accounts/me/totp/disable/":
            answer = person.post("/api/accounts/me/totp/confirm/", {"code": self._enrol(person)})
            known["code"] = answer.json()["recovery_codes"][0]
        return known

    def _enrol(self, person: Person) -> str:
        answer = person.post("/api/accounts/me/totp/", {"password": PASSWORD})
        return pyotp.TOTP(answer.json()["secret"]).now()


@pytest.fixture
def account(server: Server) -> Iterator[Account]:
    """Who sends the requests, and completes those that are to be accepted."""
    account = Account(server)

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        is_valid = case.meta and case.meta.generation.mode is GenerationMode.POSITIVE
        if is_valid and (isinstance(case.body, dict) or case.method == "DELETE"):
            account.complete(case)

    schemathesis.hook(before_call)
    yield account
    schemathesis.hooks.unregister(before_call)


def test_answers_are_as_described(server: Server, account: Account) -> None:
    schema = schemathesis.openapi.from_url(
        f"{server.url}/schema/openapi.json", config=SchemathesisConfig.from_dict(CONFIG)
    )

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
        assert not isinstance(event, events.NonFatalError), event.info
        if not isinstance(event, events.ScenarioFinished):
            continue
        recorder = event.recorder
        for case_id, interaction in recorder.interactions.items():
            operation = recorder.cases[case_id].value.operation
            # Other methods are tried on the same path, too.
            if interaction.response is not None and interaction.request.method == operation.method.upper():
                answers[operation.label][interaction.response.status_code] += 1
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.status is Status.FAILURE and not is_beyond_schema(
                    check.name, recorder.interactions.get(case_id)
                ):
                    info = check.failure_info
                    assert info is not None
                    failures.append(f"{check.name}: {info.failure}\n{info.code_sample}")
    print({name: dict(counts) for name, counts in answers.items()})  # noqa: T201
    assert not failures, "\n\n".join(sorted(failures))
    assert not any(status >= 500 for counts in answers.values() for status in counts)
    assert len(answers) == schema.statistic.operations.total
    # Each has been used, and not only been refused.
    assert [name for name, counts in answers.items() if not any(status < 300 for status in counts)] == []


# Why a request may be refused that its schema allows: what no schema can say.
BEYOND_SCHEMA = {
    # Its pattern is not heeded where all it has to be is valid.
    ("If-Match", 'must be * or entity tags, as in "7"'),
    ("If-None-Match", 'must be * or entity tags, as in "7"'),
    ("category", "names no category of yours"),
    ("code", "is wrong"),
    ("cursor", "is not a cursor of this list, with these filters, given to this user"),
    ("expires_at", "must lie in the future"),
    ("password", "is wrong"),
    ("current_password", "is wrong"),
    ("password", "is required to change the username or the e-mail address"),
    ("password2", "must be the same as password"),
    ("time_zone", "must be an IANA time zone name, as in Europe/Vienna"),
}
GUESSABLE = "is too easy to guess"
NUL = "must not contain NUL characters"  # of any text


def is_beyond_schema(check: str, interaction: Any) -> bool:
    """Whether a valid request was refused for what no schema can say of it."""
    if check != "positive_data_acceptance" or interaction is None or interaction.response is None:
        return False
    response = interaction.response
    if response.status_code == 412:
        return True
    refused = [(error["field"], error["message"]) for error in response.json().get("errors", [])]
    return bool(refused) and all(
        (field, message) in BEYOND_SCHEMA or message == NUL or message.startswith(GUESSABLE)
        for field, message in refused
    )
