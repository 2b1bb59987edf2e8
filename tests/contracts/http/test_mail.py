"""Mail over HTTP: pages of links, equal responses, and the pages for developers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import pytest

from tasktracker.adapters.mail.folder import MailFolder
from tasktracker.domain.deliveries.delivery import DeliveryState
from tasktracker.domain.kernel.languages import Language
from tasktracker.entrypoints.http.deliveries import view_delivery
from tasktracker.entrypoints.texts import TEXTS
from tests.contracts.base import SECOND, Seed
from tests.contracts.http.base import invalid, problem
from tests.contracts.test_deliveries import new_delivery
from tests.fakes import START, SYSTEM, SequentialIds
from tests.http import OTHER_PASSWORD, PASSWORD, Api, Person, expect
from tests.mail import parts
from tests.waiting import wait_until

ADDRESS = "grace@example.org"
FORGOT = "/api/accounts/password/forgot/"


@pytest.fixture
def folder(tmp_path: Path) -> MailFolder:
    return MailFolder(tmp_path / "mail")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server in memory that writes mails into a folder."""
    with Api(
        "memory://",
        MAIL_URL=f"folder:{tmp_path / 'mail'}",
        MAIL_FROM="tasks@example.org",
        PUBLIC_URL="http://testserver.local",
    ) as api:
        yield api


def newest_link(folder: MailFolder, number: int) -> str:
    """Wait until there is this number of mails, and return the path of the link in the newest one."""
    names = wait_until(lambda: names if len(names := folder.names()) >= number else None, "no mail is written")
    mail = folder.find(names[0])
    assert mail is not None
    found = re.search(r"http://testserver\.local(/link/\S+)", parts(mail)["plain"])
    assert found is not None
    return found[1]


def test_an_address_is_verified_and_a_password_replaced_by_mailed_links(api: Api, folder: MailFolder) -> None:
    assert expect(api.get("/api/"), 200)["capabilities"]["mail"] is True
    grace = api.register("grace", email=ADDRESS)
    assert (grace.answer["user"]["email"], grace.answer["user"]["pending_email"]) == (None, ADDRESS)
    link = newest_link(folder, 1)
    page = api.get(link)
    assert page.status_code == 200
    assert ADDRESS in page.text
    form = {"token": link.partition("token=")[2]}
    assert f'name="token" value="{form["token"]}">\n<button>{TEXTS[Language.EN]["verify-email.button"]}<' in page.text
    assert TEXTS[Language.EN]["email.done.title"] in api.request("POST", "/link/verify-email", data=form).text
    assert api.request("POST", "/link/verify-email", data=form).status_code == 410
    user = expect(grace.get("/api/accounts/me/"), 200)
    assert (user["email"], user["pending_email"]) == (ADDRESS, None)
    assert user["email_verified_at"] is not None
    event = grace.listed("/api/accounts/me/activity/")[0]
    assert (event["kind"], event["address"]) == ("email_verify", "testclient")
    api.clock.advance(seconds=1)
    expect(api.post(FORGOT, {"username": ADDRESS}), 202)
    form = {"token": newest_link(folder, 2).partition("token=")[2], "new_password": OTHER_PASSWORD}
    assert api.request("POST", "/link/reset-password", data=form).status_code == 200
    expect(api.post("/api/accounts/login/", {"username": ADDRESS, "password": OTHER_PASSWORD}), 200)


def test_a_new_address_is_given_up_by_null_without_a_proof(api: Api, folder: MailFolder) -> None:
    grace = api.register("grace", email=ADDRESS)
    link = newest_link(folder, 1)
    user = expect(grace.get("/api/accounts/me/"), 200)
    assert expect(grace.patch("/api/accounts/me/", {**user, "first_name": "Grace"}), 200)["pending_email"] == ADDRESS
    assert expect(grace.patch("/api/accounts/me/", {"pending_email": None}), 200)["pending_email"] is None
    assert api.get(link).status_code == 410
    form = {"token": link.partition("token=")[2]}
    assert api.request("POST", "/link/verify-email", data=form).status_code == 410


def test_the_activity_of_an_account_shows_that_an_administrator_removed_a_new_address(api: Api, admin: Person) -> None:
    grace = api.register("grace", email=ADDRESS)
    expect(admin.patch(f"/api/admin/users/{grace.id}/", {"email": None}), 200)
    assert expect(grace.get("/api/accounts/me/"), 200)["pending_email"] is None
    assert grace.listed("/api/accounts/me/activity/")[0]["kind"] == "rename"


def test_an_app_verifies_an_address_and_asks_for_another_link(api: Api, folder: MailFolder) -> None:
    grace = api.register("grace", email=ADDRESS)
    newest_link(folder, 1)
    api.clock.advance(seconds=1)
    expect(grace.post("/api/accounts/email/verification/"), 202)
    token = newest_link(folder, 2).partition("token=")[2]
    expect(api.post("/api/accounts/email/verify/", {"token": token}), 204)
    event = grace.listed("/api/accounts/me/activity/")[0]
    assert (event["kind"], event["address"]) == ("email_verify", "testclient")
    invalid(api.post("/api/accounts/email/verify/", {"token": token}), "token")
    problem(grace.post("/api/accounts/email/verification/"), 409, "nothing-to-verify")
    deliveries = grace.listed("/api/accounts/me/deliveries/")
    assert [(each["kind"], each["state"], each["address"]) for each in deliveries] == [
        ("verify-email", "sent", ADDRESS)
    ] * 2
    assert token not in str(deliveries)


def test_an_address_that_is_taken_is_a_page(api: Api, folder: MailFolder) -> None:
    links = []
    for number, name in enumerate(("grace", "ada"), 1):
        api.register(name, email=ADDRESS, language="de")
        links.append(newest_link(folder, number))
        api.clock.advance(seconds=1)
    first, second = ({"token": link.partition("token=")[2]} for link in links)
    assert api.request("POST", "/link/verify-email", data=first).status_code == 200
    taken = api.request("POST", "/link/verify-email", data=second)
    assert taken.status_code == 409
    assert "gehört zu einem anderen Konto" in taken.text


def test_a_forgotten_password_answers_alike_for_every_name(api: Api, folder: MailFolder) -> None:
    grace = api.register("grace", email=ADDRESS)
    form = {"token": newest_link(folder, 1).partition("token=")[2]}
    assert api.request("POST", "/link/verify-email", data=form).status_code == 200
    api.register("unverified", email="x@example.org")
    api.register("disabled")
    api.set_active("disabled", False)
    answers = {}
    for name in ("grace", ADDRESS, "unverified", "disabled", "nobody", "nobody@example.org"):
        response = api.post(FORGOT, {"username": name})
        kept = {key: value for key, value in response.headers.items() if key not in ("x-request-id", "date")}
        answers[name] = (response.status_code, response.content, kept)
    assert len({str(each) for each in answers.values()}) == 1, answers
    assert answers["grace"][0] == 202
    assert PASSWORD not in str(grace.listed("/api/accounts/me/deliveries/"))


def seen_from(api: Api, address: str, path: str, **headers: str) -> httpx.Response:
    """Return the response to a program with this address."""

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(cast(Any, api.app), client=(address, 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(get())


def test_mails_are_shown_to_programs_on_the_same_host_only(api: Api, folder: MailFolder) -> None:
    api.register("grace", email=ADDRESS)
    newest_link(folder, 1)
    (name,) = folder.names()
    listed = seen_from(api, "127.0.0.1", "/dev/mail/")
    assert listed.status_code == 200
    assert f"/dev/mail/{name}/html" in listed.text
    for form in ("html", "plain"):
        shown = seen_from(api, "::1", f"/dev/mail/{name}/{form}")
        assert "grace" in shown.text
        assert "sandbox" in shown.headers["content-security-policy"]
    for path in ("/dev/mail", f"/dev/mail/{name}/html"):
        for address in ("192.0.2.1", "10.0.0.1", "unix"):
            assert seen_from(api, address, path).status_code == 404
        for header in ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "Via"):
            assert seen_from(api, "127.0.0.1", path, **{header: "127.0.0.1"}).status_code == 404
    assert seen_from(api, "127.0.0.1", "/dev/mail/unknown/html").status_code == 404
    for form in ("other", "related"):
        assert seen_from(api, "127.0.0.1", f"/dev/mail/{name}/{form}").status_code == 404


def test_the_pages_of_mails_show_text_as_text(api: Api, folder: MailFolder) -> None:
    markup = "<b>x</b>"
    folder._folder.mkdir()
    text = f'To: "{markup}" <x@example.org>\nSubject: {markup}\nDate: {markup}\n\n{markup}\n'
    for name in "wx":
        (folder._folder / f"{name}.eml").write_text(text)
    assert re.findall("/dev/mail/(.)/html", seen_from(api, "127.0.0.1", "/dev/mail").text) == ["x", "w"], (
        "the newest first"
    )
    for path in ("/dev/mail", "/dev/mail/x/plain"):
        shown = seen_from(api, "127.0.0.1", path).text
        assert markup not in shown
        assert "&lt;b&gt;x&lt;/b&gt;" in shown


def test_without_a_folder_there_are_no_pages_of_mails() -> None:
    with Api("memory://") as api:
        assert seen_from(api, "127.0.0.1", "/dev/mail").status_code == 404


def test_administrators_list_retry_and_cancel_mails(api: Api, folder: MailFolder) -> None:
    grace, admin = api.register("grace", email=ADDRESS), api.register("admin")
    api.promote(admin)
    newest_link(folder, 1)
    (sent,) = [each for each in admin.listed("/api/admin/deliveries/") if each["user"] == grace.id]
    assert (sent["kind"], sent["address"], sent["attempts"]) == ("verify-email", ADDRESS, 1)
    assert (sent["user"], sent["username"]) == (grace.id, "grace")
    assert expect(admin.get("/api/admin/overview/"), 200)["mail"]["is_on"]
    assert sent["next_attempt_at"] is None
    for state, number in (("sent", 1), ("failed", 0)):
        found = expect(admin.get("/api/admin/deliveries/", params={"state": state}), 200)
        assert len(found["results"]) == number
    for action in ("retry", "cancel"):
        problem(admin.post(f"/api/admin/deliveries/{sent['id']}/{action}/"), 409, "delivery-ended")
        problem(admin.post(f"/api/admin/deliveries/{grace.id}/{action}/"), 404, "delivery-not-found")
    assert grace.get("/api/admin/deliveries/").status_code == 403
    events = {each["kind"] for each in admin.listed("/api/admin/activity/")}
    assert "delivery_list" in events
    api.promote(grace)
    expect(grace.get("/api/admin/deliveries/"), 200)
    with api.container.store().writing(SYSTEM) as work:
        work.users.hide(UUID(grace.id), work.now)
    for name, by in (("user", "deliveries"), ("user", "activity"), ("admin", "activity")):
        listed = [each for each in admin.listed(f"/api/admin/{by}/") if each[name] == grace.id]
        assert {each["username" if name == "user" else "admin_username"] for each in listed} == {None}, name


@pytest.fixture
def admin(api: Api) -> Person:
    """An administrator with a recent proof."""
    admin = api.register("admin")
    api.promote(admin)
    expect(admin.post("/api/accounts/me/confirm/", {"password": PASSWORD}), 204)
    return admin


def register_at(api: Api, link: str, language: str = "en", **fields: str) -> httpx.Response:
    """Send the form of an invitation."""
    values = {"token": link.partition("token=")[2], "username": "grace", "email": ADDRESS, "password": PASSWORD}
    headers = {"Accept-Language": language}
    return api.request("POST", link.partition("?")[0], data=values | fields, headers=headers)


def test_an_invited_person_registers_on_a_page(api: Api, folder: MailFolder, admin: Person) -> None:
    expect(admin.patch("/api/admin/settings/", {"registration": "invite"}), 200)
    invite = expect(admin.post("/api/admin/invites/", {"address": ADDRESS}), 201)
    assert (invite["is_mailed"], invite["token"], invite["link"]) == (True, None, None)
    link = newest_link(folder, 1)
    for _ in range(2):  # a GET uses nothing up
        page = api.get(link)
        assert (page.status_code, f'value="{ADDRESS}"' in page.text) == (200, True)
    done = register_at(api, link, "de")
    assert done.status_code == 201
    assert "grace" in done.text
    assert "<form" not in done.text
    assert 'href="/signin#username=grace"' in done.text
    grace = api.person(expect(api.post("/api/accounts/login/", {"username": ADDRESS, "password": PASSWORD}), 200))
    profile = expect(grace.get("/api/accounts/me/"), 200)
    assert (profile["email"], profile["language"]) == (ADDRESS, "de")
    assert [each["is_current"] for each in grace.listed("/api/accounts/sessions/")] == [True]
    assert {each["address"] for each in grace.listed("/api/accounts/me/activity/")} == {"testclient"}
    expect(admin.patch("/api/admin/settings/", {"registration": "closed"}), 200)
    for dead in (api.get(link), register_at(api, link, username="other")):
        assert dead.status_code == 410


def test_what_is_wrong_is_shown_at_its_field_and_uses_nothing_up(api: Api, folder: MailFolder, admin: Person) -> None:
    expect(admin.post("/api/admin/invites/", {"address": ADDRESS}), 201)
    link = newest_link(folder, 1)
    german = TEXTS[Language.DE]
    for fields, status, key in (
        ({"username": "admin"}, 409, "field.username.taken"),
        ({"username": "a b"}, 400, "field.username.error"),
        ({"email": "nobody"}, 400, "field.email.error"),
        ({"password": "short"}, 400, "field.password.error"),
    ):
        values = {"token": link.partition("token=")[2], "username": "grace", "email": ADDRESS, "password": PASSWORD}
        body = {**values, **fields}
        refused = api.request("POST", "/link/invitation", data=body, headers={"Accept-Language": "de"})
        assert (refused.status_code, german[key] in refused.text) == (status, True), refused.text
        assert refused.text.count('aria-invalid="true"') == 1
        assert f'value="{body["username"]}"' in refused.text
        assert f'value="{body["email"]}"' in refused.text
        assert body["password"] not in refused.text.replace("too short", "")
    unverified = register_at(api, link, email="other@example.org")
    assert (unverified.status_code, "other@example.org" in unverified.text) == (201, True)


def test_the_page_of_an_invitation_says_that_registration_is_closed(
    api: Api, folder: MailFolder, admin: Person
) -> None:
    expect(admin.post("/api/admin/invites/", {"address": ADDRESS}), 201)
    link = newest_link(folder, 1)
    expect(admin.patch("/api/admin/settings/", {"registration": "closed"}), 200)
    for closed in (api.get(link, headers={"Accept-Language": "de"}), register_at(api, link, "de")):
        assert closed.status_code == 403
        assert TEXTS[Language.DE]["closed.title"] in closed.text


# ---------------------------------------------------------------- invitations to share


def new_task(owner: Person) -> str:
    return f"/api/tasks/{owner.task()['id']}/shares/"


def new_category(owner: Person) -> str:
    return f"/api/categories/{owner.category()['id']}/shares/"


@pytest.mark.parametrize("new", [new_task, new_category])
def test_an_address_is_invited_and_becomes_a_member(api: Api, folder: MailFolder, new: Callable[[Person], str]) -> None:
    owner = api.register("ada")
    path = new(owner)
    shared = owner.post(path, {"username": ADDRESS, "role": "viewer"}, headers={"Idempotency-Key": "1"})
    pending = expect(shared, 202)
    assert pending == {"id": pending["id"], "email": ADDRESS, "role": "viewer"}
    assert shared.headers["location"] == f"{path}{pending['id']}/"
    again = owner.post(path, {"username": ADDRESS, "role": "viewer"}, headers={"Idempotency-Key": "1"})
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (202, pending, "true")
    assert expect(owner.get(path), 200)["pending"] == [pending]
    link = newest_link(folder, 1)
    page = api.get(link)
    assert page.status_code == 200
    assert "ada shares tasks with you" in page.text
    assert f'value="{ADDRESS}"' in page.text
    assert register_at(api, link).status_code == 201
    assert api.get(link).status_code == 410
    listed = expect(owner.get(path), 200)
    assert ([each["username"] for each in listed["results"]], listed["pending"]) == (["ada", "grace"], [])
    grace = api.person(expect(api.post("/api/accounts/login/", {"username": "grace", "password": PASSWORD}), 200))
    seen = expect(grace.get(path), 200)
    assert (seen["results"], seen["pending"]) == (listed["results"], [])


@pytest.mark.parametrize("new", [new_task, new_category])
def test_an_invitation_is_revoked(api: Api, folder: MailFolder, new: Callable[[Person], str]) -> None:
    owner, other = api.register("ada"), api.register("bob")
    path = new(owner)
    pending = expect(owner.post(path, {"username": ADDRESS, "role": "viewer"}), 202)
    link = newest_link(folder, 1)
    assert other.delete(f"{path}{pending['id']}/").status_code == 404
    problem(owner.put(f"{path}{pending['id']}/", {"role": "editor"}), 404, "member-not-found")
    expect(owner.delete(f"{path}{pending['id']}/"), 204)
    problem(owner.delete(f"{path}{pending['id']}/"), 404, "member-not-found")
    assert expect(owner.get(path), 200)["pending"] == []
    assert api.get(link).status_code == 410


@pytest.mark.parametrize("mode", ["invite", "closed"])
def test_a_share_is_no_invitation_to_the_service(api: Api, folder: MailFolder, admin: Person, mode: str) -> None:
    expect(admin.post(new_task(admin), {"username": ADDRESS, "role": "viewer"}), 202)
    link = newest_link(folder, 1)
    expect(admin.patch("/api/admin/settings/", {"registration": mode}), 200)
    page = api.get(link)
    assert (page.status_code, "admin shares tasks with you" in page.text, "<form" in page.text) == (200, True, False)
    refused = register_at(api, link)
    assert (refused.status_code, refused.text) == (403, page.text)
    assert TEXTS[Language.EN]["share-invitation.not-open.lead"].format(address=ADDRESS) in page.text


def test_sharing_by_address_answers_alike_whether_an_account_has_not_verified_it(api: Api, folder: MailFolder) -> None:
    owner = api.register("ada")
    api.register("grace", email=ADDRESS)
    path = new_task(owner)
    bodies = [
        expect(owner.post(path, {"username": name, "role": "viewer"}), 202) for name in (ADDRESS, "x@example.org")
    ]
    assert [each.keys() for each in bodies] == [{"id", "email", "role"}] * 2


def test_no_title_is_in_a_mail_or_shown_to_administrators(api: Api, folder: MailFolder, admin: Person) -> None:
    ada, title = api.register("ada"), "a secret title"
    path = f"/api/tasks/{ada.task(title)['id']}/shares/"
    expect(ada.post(path, {"username": ADDRESS, "role": "viewer"}), 202)
    newest_link(folder, 1)
    mail = folder.find(folder.names()[0])
    assert mail is not None
    assert title not in str(parts(mail))
    assert title not in str(admin.listed("/api/admin/deliveries/"))


def test_each_time_of_a_mail_is_shown_under_its_name(api: Api) -> None:
    seed = Seed(api.container.store(), api.clock, SequentialIds())
    due = new_delivery(seed, user_id=seed.id(), created_at=START, next_attempt_at=START + SECOND)
    shown = view_delivery(due)
    assert (shown.created_at, shown.next_attempt_at, shown.ended_at) == (START, START + SECOND, None)
    ended = view_delivery(due.ended(DeliveryState.FAILED, START + 2 * SECOND, "no"))
    assert (ended.created_at, ended.next_attempt_at, ended.ended_at) == (START, None, START + 2 * SECOND)
