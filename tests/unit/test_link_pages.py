"""The parts of the pages of one-time links."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.accounts.password import MAX_CREDENTIAL_LENGTH
from tasktracker.domain.kernel.errors import (
    Busy,
    EmailTaken,
    FieldError,
    InvalidInput,
    RegistrationClosed,
    TooManyRequests,
    UserNotFound,
)
from tasktracker.domain.kernel.languages import Language
from tasktracker.entrypoints.http.invitation_links import _refused
from tasktracker.entrypoints.http.link_pages import form_field, password_field, refusal, sign_in, with_errors
from tasktracker.entrypoints.http.pages import Page, PageField
from tasktracker.entrypoints.texts import TEXTS


def test_a_field_has_its_label_value_hint_and_limits() -> None:
    texts = TEXTS[Language.DE]
    field = password_field("new_password", Language.DE, 12)
    assert (field.name, field.label) == ("new_password", texts["field.new_password"])
    assert field.attributes == {
        "type": "password",
        "autocomplete": "new-password",
        "required": "",
        "minlength": "12",
        "maxlength": str(MAX_CREDENTIAL_LENGTH),
    }
    assert field.hint == texts["field.new_password.hint"].format(minimum=12)
    field = form_field("username", Language.DE, {"required": ""}, value="grace", hint="a hint")
    assert field == PageField("username", texts["field.username"], {"required": ""}, "grace", "a hint")


def test_errors_are_shown_at_their_fields_in_the_language_of_the_page() -> None:
    names, texts = ("username", "new_password", "code"), TEXTS[Language.DE]
    page = Page(language=Language.DE, title="", lead="", fields=[PageField(name, name, {}) for name in names])
    error = InvalidInput(*(FieldError(name, "x") for name in names[:2]))
    shown = [(each.name, each.error) for each in with_errors(page, error).fields]
    assert shown == [*((name, texts[f"field.{name}.error"]) for name in names[:2]), ("code", "")]


def test_a_link_that_ends_while_its_form_is_sent_is_refused_in_the_language_of_the_page() -> None:
    page = Page(language=Language.DE, title="", lead="", fields=[PageField("username", "", {})])
    error = InvalidInput(FieldError("username", "x"), FieldError("invite", "x"))
    refused: Any = _refused(page, error, "/")
    assert (refused.status_code, refused._page.language, refused._page.fields) == (410, Language.DE, ())


def test_the_name_to_sign_in_with_is_escaped() -> None:
    assert sign_in("/below/", "a&b c") == "/below/signin#username=a%26b+c"


@pytest.mark.parametrize(
    ("error", "kind", "key", "status"),
    [
        (InvalidInput.of("token", "x"), None, "dead", 410),
        (InvalidInput.of("token", "x"), LinkKind.VERIFY_EMAIL, "dead", 410),
        (InvalidInput.of("token", "x"), LinkKind.RESET_PASSWORD, "dead", 410),
        (EmailTaken(), LinkKind.VERIFY_EMAIL, "taken", 409),
        (RegistrationClosed(), None, "closed", 403),
        (TooManyRequests(timedelta(seconds=7)), LinkKind.RESET_PASSWORD, "wait", 429),
        (Busy(), LinkKind.RESET_PASSWORD, "wait", 503),
    ],
)
def test_each_refusal_of_a_link_has_its_page(error: Any, kind: LinkKind | None, key: str, status: int) -> None:
    response: Any = refusal(error, Language.EN, "/below/", kind)
    seconds = getattr(error, "retry_after", None)
    texts = TEXTS[Language.EN]
    title, lead = (texts[f"{key}.{name}"].format(seconds=seconds) for name in ("title", "lead"))
    page = Page(language=Language.EN, title=title, lead=lead, home="/below/")
    if key == "dead" and kind is LinkKind.RESET_PASSWORD:
        page = replace(page, home="/below/forgot", link=texts["new-link"])
    assert (response.status_code, response._page) == (status, page)
    assert response.headers.get("Retry-After") == (None if seconds is None else str(seconds))


def test_another_error_of_a_link_is_raised_again() -> None:
    with pytest.raises(UserNotFound):
        refusal(UserNotFound(), Language.EN, "/")
