"""The application under a path, behind a proxy that removes the path or leaves it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tasktracker.entrypoints.setting_values import RESERVED
from tests.http import PASSWORD, Api, bearer, expect


@pytest.fixture(scope="module")
def served() -> Iterator[Api]:
    with Api("memory://", PUBLIC_URL="https://example.org/tasks") as api:
        yield api


@pytest.mark.parametrize("path", ["/tasks", ""])
def test_requests_with_and_without_the_path_are_served(served: Api, path: str) -> None:
    client = served.client
    body = {"username": f"ada{len(path)}", "password": PASSWORD}
    access = expect(client.post(f"{path}/user/register/", json=body), 201)["access"]
    headers = bearer(access)
    created = client.post(f"{path}/api/tasks/", json={"title": "a"}, headers=headers)
    task = expect(created, 201)
    assert created.headers["location"] == f"/tasks/api/tasks/{task['id']}/"
    expect(client.post(f"{path}/api/tasks/", json={"title": "b"}, headers=headers), 201)
    page = client.get(f"{path}/api/tasks/?limit=1", headers=headers)
    found = re.fullmatch(r'<(/tasks/api/tasks/?\?.*)>; rel="next"', page.headers["link"])
    assert found, page.headers["link"]
    for link in (created.headers["location"], found[1]):
        expect(client.get(link if path else link.removeprefix("/tasks"), headers=headers), 200)


def test_the_path_without_a_slash_is_the_root(served: Api) -> None:
    assert served.client.get("/tasks").content == served.client.get("/tasks/").content


def test_a_path_with_which_another_path_begins_is_refused(served: Api) -> None:
    paths = [route.path.strip("/").split("/") for route in served.app.litestar.routes]
    assert {first for first, *more in paths if more} <= RESERVED


def test_a_path_that_only_begins_like_it_is_another(served: Api) -> None:
    expect(served.client.get("/tasksapi/"), 404)
    expect(served.client.get("/tasks/tasks/api/"), 404)


@pytest.mark.parametrize("path", ["/nothing/here", "/problems/not-found"])
def test_a_page_links_to_the_app_below_the_path(served: Api, path: str) -> None:
    page = served.client.get(f"/tasks{path}", headers={"Accept": "text/html"}).text
    assert 'href="/tasks/"' in page


def test_the_documentation_uses_the_path(served: Api) -> None:
    page = served.client.get("/tasks/docs").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    for source in sources:
        assert source.startswith("/tasks/docs/")
        assert served.client.get(source.removeprefix("/tasks")).status_code == 200
    assert expect(served.client.get("/tasks/schema/openapi.json"), 200)["servers"] == [{"url": "/tasks"}]
