"""The texts of the browser app for what the server says: none is missing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import tasktracker
from tasktracker.domain.activity.event import Kind, Outcome
from tasktracker.domain.deliveries.delivery import DeliveryKind, DeliveryState
from tasktracker.domain.jobs.job import JobKind
from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.portability.import_job import JobState, LineOutcome
from tasktracker.entrypoints.http.notifications import MailState
from tasktracker.entrypoints.http.web_files import contents

PROGRAM = Path(tasktracker.__file__).parent
SOURCES = ("domain", "adapters/sql", "adapters/mail")
EXCEPTIONS = {
    "is not supported for a {}": "of mutations that the app does not send",
}
"""What people do not see in the app, with the reason."""
BASES = {"error": "the base of all", "code-required": "the app asks for the code"}
"""Problems without a text."""


def texts(language: str) -> dict[str, str]:
    """Return all texts of a language."""
    files = [text.decode() for name, text in contents().items() if re.fullmatch(rf"texts/(\w+/)?{language}\.js", name)]
    return {key: text for file in files for key, text in re.findall(r'^  "(.+?)": "(.*)",$', file, re.M)}


def words(node: ast.expr, names: dict[str, str]) -> Iterator[str]:
    """Return the texts that an expression may have, with `{}` for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in names:
        yield names[node.id]
    elif isinstance(node, ast.IfExp):
        yield from words(node.body, names)
        yield from words(node.orelse, names)
    elif isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else "{}" for each in node.values]
        yield re.sub(r"(\{\})+", "{}", "".join(map(str, parts)))


def said() -> Iterator[str]:
    """Return what the code says of fields, and of mails that were not sent."""
    paths = [path for folder in SOURCES for path in (PROGRAM / folder).rglob("*.py")]
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assigned = [
            each for each in ast.walk(tree) if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
        ]
        names = {each.targets[0].id: text for each in assigned for text in words(each.value, {})}  # type: ignore[attr-defined]
        for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
            match ast.unparse(call.func), call.args:
                case ("FieldError" | "InvalidInput.of", [_, message, *_]) | ("Refused" | "NotSent", [message, *_]):
                    yield from words(message, names)


def kinds(of: type[DomainError]) -> Iterator[str]:
    """Return the kinds of problems."""
    yield of.slug
    for each in of.__subclasses__():
        yield from kinds(each)


def test_what_the_server_says_of_fields_and_mails_is_there_in_german() -> None:
    found = {re.sub(r"^\{\}; ", "was cut at {} characters; ", each) for each in said()}
    assert len(found) > 90
    assert found - set(texts("de")) == set(EXCEPTIONS)


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_kind_of_what_the_server_returns_has_a_text(language: str) -> None:
    known = texts(language)
    values: dict[str, Iterable[str]] = {
        "kind": Kind,
        "outcome": Outcome,
        "mail": DeliveryKind,
        "preferences.mail": [each for each in MailState if each is not MailState.READY],
        "delivery": DeliveryState,
        "job": JobKind,
        "import.state": JobState,
        "import.line": LineOutcome,
    }
    assert [f"{name}.{each}" for name, all_ in values.items() for each in all_ if f"{name}.{each}" not in known] == []


def test_every_kind_of_problem_has_a_german_text() -> None:
    known = texts("de")
    assert {each for each in kinds(DomainError) if each not in known and f"error.{each}" not in known} == set(BASES)
