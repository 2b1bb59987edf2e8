"""The pages of one-time links, as a browser without script sees them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx
import pyotp
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.accounts.password import MAX_CREDENTIAL_LENGTH
from tasktracker.domain.accounts.user import MAX_USERNAME_LENGTH, MIN_USERNAME_LENGTH
from tasktracker.domain.kernel.languages import Language
from tasktracker.entrypoints.texts import TEXTS
from tests.backends import http_on_memory
from tests.contracts.http.base import NewApi, problem
from tests.fakes import SYSTEM
from tests.http import OTHER_PASSWORD, PASSWORD, Api, Person, expect, make_link, new_name

pytestmark = http_on_memory

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGE = "/link/reset-password"
GERMAN = {"Accept-Language": "fr, de-AT;q=0.9, en;q=0.8"}


def new_link(api: Api, person: Person, kind: LinkKind = LinkKind.RESET_PASSWORD) -> str:
    return make_link(api.container.store(), person.username, kind)


def show(api: Api, token: str, page: str = PAGE, **headers: str) -> httpx.Response:
    return api.get(f"{page}?token={token}", headers=headers)


def send(api: Api, token: str, page: str = PAGE, headers: Mapping[str, str] = {}, **fields: str) -> httpx.Response:
    body = urlencode({"token": token, **fields})
    return api.request("POST", page, content=body, headers={**FORM, **headers})


class _Names(HTMLParser):
    """Collects the elements of a page, and the names of its form's fields."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "input":
            self.fields[values["name"] or ""] = values.get("value") or ""


def parsed(response: httpx.Response) -> _Names:
    names = _Names()
    names.feed(response.text)
    return names


@pytest.mark.parametrize("kind", [LinkKind.RESET_PASSWORD, LinkKind.SET_PASSWORD])
def test_the_form_of_a_link_works_once(api: Api, alice: Person, kind: LinkKind) -> None:
    page = f"/link/{kind}"
    token = new_link(api, alice, kind)
    for _ in range(2):  # a GET uses nothing up
        fields = parsed(show(api, token, page)).fields
        assert fields == {"token": token, "username": alice.username, "new_password": ""}
    done = send(api, token, page, username=alice.username, new_password=OTHER_PASSWORD)
    assert done.status_code == 200
    assert "form" not in parsed(done).tags
    assert f'href="/signin#username={alice.username}"' in done.text
    expect(api.post("/api/accounts/login/", {"username": alice.username, "password": OTHER_PASSWORD}), 200)
    for dead in (show(api, token, page), send(api, token, page, new_password=PASSWORD)):
        assert dead.status_code == 410
        assert "form" not in parsed(dead).tags
        assert f'href="{"/forgot" if kind is LinkKind.RESET_PASSWORD else "/"}"' in dead.text, "the next step"


def test_a_page_has_no_script_and_leaks_nothing(api: Api, alice: Person) -> None:
    token = new_link(api, alice)
    for response in (show(api, token), show(api, "made-up"), send(api, token, new_password="short")):
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        style = response.text.partition("<style>")[2].partition("</style>")[0]
        assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
        assert "script" not in parsed(response).tags
        assert not {"link", "img"} & set(parsed(response).tags), "the page loads nothing"
        assert set(re.findall('href="([^"]*)"', response.text)) <= {"/forgot"}, "and leads to no other server"


@pytest.mark.parametrize(("cookie", "shown"), [("dark", "dark"), ("light", "light"), ('"><b>', None), ("", None)])
@pytest.mark.parametrize("path", ["/no/such/path", "/link/verify-email?token=x", "/problems/not-found"])
def test_a_page_has_the_colors_that_were_chosen_in_the_app(api: Api, path: str, cookie: str, shown: str | None) -> None:
    response = api.get(path, headers={"Accept": "text/html", "Cookie": f"tasktracker-scheme={cookie}"})
    assert "<b>" not in response.text
    found = re.search('<html [^>]*data-scheme="([^"]*)"', response.text)
    assert (found and found[1]) == shown
    assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_what_is_sent_is_never_in_the_page_as_markup_or_as_a_password(api: Api, alice: Person) -> None:
    token = '"><b>x'
    assert "<b>" not in show(api, token).text
    refused = send(api, new_link(api, alice), new_password="<b>short")
    assert (refused.status_code, "short" in refused.text.replace("too short", "")) == (400, False)


def test_markup_in_a_name_is_shown_as_text(new_api: NewApi) -> None:
    api = new_api()
    with api.container.store().writing(SYSTEM) as work:
        _, token = api.container.service_administration().invite(work, {"address": "a&b@example.org"})
    assert token is not None
    shown = show(api, token, "/link/invitation")
    assert 'value="a&amp;b@example.org"' in shown.text
    refused = send(api, token, "/link/invitation", username='"><i>', email='"><i>', password=PASSWORD)
    assert refused.status_code == 400
    assert "<i>" not in refused.text


@pytest.mark.parametrize("field", ["username", "email"])
def test_a_name_or_an_address_of_another_account_is_explained_at_its_field(new_api: NewApi, field: str) -> None:
    api = new_api()
    address = f"{new_name()}@example.org"
    other = api.register(email=address)
    with api.container.store().writing(SYSTEM) as work:
        _, token = api.container.service_administration().invite(work, {})
    assert token is not None
    fields: dict[str, Any] = {"username": new_name(), "email": "", "password": OTHER_PASSWORD}
    taken = {"username": other.username, "email": address}
    form = urlencode(fields | {field: taken[field]})
    refused = api.request("POST", f"/link/invitation?token={token}", content=form, headers=FORM)
    assert refused.status_code == 409
    assert TEXTS[Language.EN][f"field.{field}.taken"] in refused.text
    assert parsed(refused).fields == {**fields, field: taken[field], "token": token, "password": ""}
    done = send(api, token, "/link/invitation", **fields)
    assert (done.status_code, f"as {fields['username']}.</p>" in done.text) == (201, True), "no address to confirm"


def test_parameters_that_others_add_to_the_address_of_a_page_are_ignored(api: Api, alice: Person) -> None:
    token = new_link(api, alice)
    page = f"{PAGE}?utm_source=mail&token={token}&x=%ff&x="
    assert parsed(api.get(page)).fields["token"] == token
    form = urlencode({"new_password": OTHER_PASSWORD})
    assert api.request("POST", page, content=form, headers=FORM).status_code == 200


def test_the_form_knows_the_least_length_of_a_password(new_api: NewApi) -> None:
    api = new_api(PASSWORD_MIN_LENGTH="12")
    token = new_link(api, api.register(password="violet-otter-quarry-48"))
    form = show(api, token).text
    assert 'minlength="12"' in form
    assert re.search('<input id="username"[^>]* readonly', form), "password managers store the password with the name"
    with api.container.store().writing(SYSTEM) as work:
        _, invite = api.container.service_administration().invite(work, {})
    lengths = re.findall('minlength="(.*?)" maxlength="(.*?)"', show(api, invite or "", "/link/invitation").text)
    username = (str(MIN_USERNAME_LENGTH), str(MAX_USERNAME_LENGTH))
    assert lengths == [username, ("12", str(MAX_CREDENTIAL_LENGTH))]


def test_a_refused_password_is_explained_and_does_not_use_the_link_up(api: Api, alice: Person) -> None:
    token = new_link(api, alice)
    refused = send(api, token, new_password="password")
    assert refused.status_code == 400
    assert TEXTS[Language.EN]["field.new_password.error"] in refused.text
    assert send(api, token, new_password=OTHER_PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("fr", "en"),
        ("en, de", "en"),
        (GERMAN["Accept-Language"], "de"),
        ("de;q=0", "en"),
        ("DE", "de"),
        ("en;q=0.3, de;Q=0.4", "de"),
        ("de;q=0.9, en;q=0.5, de-CH;q=0.1", "de"),
        (";;q=x,,de;q=nan", "en"),
    ],
)
def test_a_page_without_a_user_who_chose_one_is_in_the_language_that_the_browser_prefers(
    api: Api, alice: Person, accepted: str, language: str
) -> None:
    unchosen = new_link(api, alice, LinkKind.SET_PASSWORD)
    for token, page, title in ((unchosen, "/link/set-password", "set-password"), ("made-up", PAGE, "dead")):
        shown = show(api, token, page, **{"Accept-Language": accepted})
        assert f'<html lang="{language}">' in shown.text
        texts = TEXTS[Language(language)]
        assert f"<title>{texts[f'{title}.title']} " in shown.text
        assert f" {texts['service']}</title>" in shown.text


def test_the_page_of_a_link_is_in_the_language_of_its_user(api: Api) -> None:
    grace = api.register(language="de")
    token = new_link(api, grace)
    english = {"Accept-Language": "en"}
    for response in (
        show(api, token, **english),
        send(api, token, headers=english, new_password="short"),
        send(api, token, headers=english, new_password=OTHER_PASSWORD),
    ):
        assert '<html lang="de">' in response.text


def test_the_token_is_not_logged(api: Api, alice: Person) -> None:
    token = new_link(api, alice)
    with capture_logs([merge_contextvars]) as logs:
        show(api, token)
        send(api, token, new_password="short")
        send(api, token, new_password=OTHER_PASSWORD)
    assert [entry["route"] for entry in logs if entry["event"] == "request"] == ["/link/{kind}"] * 3
    assert token not in repr(logs)
    assert OTHER_PASSWORD not in repr(logs)


def test_an_unknown_kind_of_link_and_another_form_are_refused(api: Api, alice: Person) -> None:
    problem(api.get("/link/other?token=x"), 404, "unknown-path")
    problem(api.post(PAGE, {"token": new_link(api, alice)}), 415, "unsupported-media-type")
    for odd in (b"new_password=%ff", b"new_password=\xc3\xa9"):
        problem(api.request("POST", PAGE, content=odd, headers=FORM), 400, "invalid-input", "body")
    for page in (PAGE, "/link/invitation", "/link/share-invitation", "/link/unsubscribe"):
        assert api.get(page).status_code == 410, "without a token"


def test_a_link_whose_codes_are_used_up_says_when_to_try_again(new_api: NewApi) -> None:
    api = new_api(THROTTLE="on")
    alice = api.register()
    secret = expect(alice.post("/api/accounts/me/totp/", {"password": PASSWORD}), 200)["secret"]
    expect(alice.post("/api/accounts/me/totp/confirm/", {"code": pyotp.TOTP(secret).at(api.clock.now())}), 200)
    token = new_link(api, alice)
    assert "code" in parsed(show(api, token)).fields
    for _ in range(10):
        wrong = send(api, token, new_password=OTHER_PASSWORD, code="000000")
        assert (wrong.status_code, "field.code" not in wrong.text) == (400, True)
    limited = send(api, token, new_password=OTHER_PASSWORD, code="000000")
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) > 0
    assert TEXTS[Language.EN]["wait.title"] in limited.text
    for header in ("content-security-policy", "referrer-policy"):
        assert limited.headers[header] == show(api, token).headers[header]


def test_a_password_is_replaced_over_the_api_with_a_code(new_api: NewApi) -> None:
    api = new_api()
    alice = api.register()
    secret = expect(alice.post("/api/accounts/me/totp/", {"password": PASSWORD}), 200)["secret"]
    code = pyotp.TOTP(secret).at(api.clock.now())
    code = expect(alice.post("/api/accounts/me/totp/confirm/", {"code": code}), 200)["recovery_codes"][0]
    body = {"token": new_link(api, alice), "new_password": OTHER_PASSWORD}
    problem(api.post("/api/accounts/password/reset/", body), 400, "invalid-input", "code")
    expect(api.post("/api/accounts/password/reset/", {**body, "code": code}), 204)


def test_a_password_is_replaced_over_the_api(api: Api, alice: Person) -> None:
    token = new_link(api, alice)
    expect(api.post("/api/accounts/password/reset/", {"token": token, "new_password": OTHER_PASSWORD}), 204)
    problem(alice.get("/api/accounts/me/"), 401, "session-ended")
    body = problem(
        api.post("/api/accounts/password/reset/", {"token": token, "new_password": OTHER_PASSWORD}),
        400,
        "invalid-input",
        "token",
    )
    assert "used" in body["errors"][0]["message"]


def test_a_form_has_at_most_ten_fields(api: Api) -> None:
    for number, status in ((10, 410), (11, 400)):
        body = urlencode([("token", "unknown")] * number)
        assert api.request("POST", PAGE, content=body, headers=FORM).status_code == status
