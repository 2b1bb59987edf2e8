"""The browser app as it is served: its page, its files, and the pages for people on other paths."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

import tasktracker
from tasktracker.domain.kernel.errors import TaskNotFound
from tasktracker.domain.reminders.reminder import MAX_BEFORE, MAX_REMINDERS
from tasktracker.entrypoints.http import web_files
from tasktracker.entrypoints.http.web import ROUTES
from tasktracker.entrypoints.http.web_files import closure, contents
from tests.contracts.http.base import problem
from tests.http import Api

FOLDER = Path(tasktracker.__file__).parents[1] / "tasktracker_web"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
REFERENCE = re.compile(r'(?:href|src)="([^"]+)"')


def references(page: httpx.Response) -> list[str]:
    return REFERENCE.findall(page.text)


@pytest.mark.parametrize(
    "path",
    ["/", "/today", "/upcoming", "/board", "/done", "/trash", "/list/01a20693-460b-77ba-b22d-dc40a09c36dd", "/signin/"],
)
def test_every_route_of_the_app_answers_with_its_page(api: Api, path: str) -> None:
    page = api.get(path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.text == api.get("/all").text
    policy = page.headers["content-security-policy"]
    for each in ("script-src 'self';", "require-trusted-types-for 'script'", "frame-ancestors 'none'"):
        assert each in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/", "/all", "/docs"])
def test_parameters_that_others_add_to_the_address_of_a_page_are_ignored(api: Api, path: str) -> None:
    page = api.get(f"{path}?utm_source=mail&x=%ff")
    assert (page.status_code, page.content) == (200, api.get(path).content)


def test_the_routes_of_the_server_are_those_of_the_app() -> None:
    [paths] = re.findall(r"PATHS = (\[.*\])", (FOLDER / "router.js").read_text(encoding="utf-8"))
    assert [each.replace(":str", "") for each in ROUTES] == json.loads(paths)


def test_the_limits_of_reminders_are_those_of_the_app() -> None:
    code = (FOLDER / "reminders.js").read_text(encoding="utf-8")
    assert f"MAX_REMINDERS = {MAX_REMINDERS};" in code
    assert f"MAX_DAYS = {MAX_BEFORE.days};" in code


def test_every_reference_of_the_page_exists(api: Api) -> None:
    found = references(api.get("/"))
    assert len(found) == len(set(found)) > 20
    for url in found:
        assert api.get(url).status_code == 200, url


def test_the_page_loads_every_style_and_every_module_of_the_first_view_at_once(api: Api) -> None:
    version = next(url for url in references(api.get("/")) if url.endswith("/main.js")).split("/")[2]
    loaded = {url.removeprefix(f"/assets/{version}/") for url in references(api.get("/"))}
    assert {"styles.css", *closure("main.js")} <= loaded
    for style in (FOLDER / "styles").glob("*.css"):
        assert style.read_bytes() in contents()["styles.css"], style
    assert "sync/copy.js" in loaded
    for part in (
        "vendor/marked.js",
        "views/board.js",
        "views/pane.js",
        "views/settings/settings.js",
        "views/admin/",
        "styles/later/",
        "texts/settings/",
    ):
        assert not [name for name in loaded if name.startswith(part)]  # on demand


def test_a_file_is_compressed_only_if_that_makes_it_smaller() -> None:
    assert web_files.Asset.of(b"x", "text/css").compressed is None


def test_a_file_is_compressed_if_the_client_accepts_that(api: Api) -> None:
    accepting = {"GZIP": True, "br, gzip ; Q=0.001": True, "gzip;q=1.0": True}
    for codings, is_compressed in {"": False, "br;q=1, gzip; q=0.000": False, "x-gzip": False, **accepting}.items():
        assert ("content-encoding" in api.get("/sw.js", headers={"Accept-Encoding": codings}).headers) is is_compressed


def test_a_file_is_immutable_and_compressed(api: Api) -> None:
    url = next(url for url in references(api.get("/")) if url.endswith("/vendor/preact.js"))
    plain = api.get(url, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert plain.content == (FOLDER / "vendor" / "preact.js").read_bytes()
    assert "immutable" in plain.headers["cache-control"]
    assert "content-encoding" not in plain.headers
    compressed = api.get(url, headers={"Accept-Encoding": "br, gzip"})
    assert compressed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in compressed.headers["vary"]
    assert compressed.content == plain.content
    assert int(compressed.headers["content-length"]) < len(plain.content) / 2


@pytest.mark.parametrize(
    "path",
    [
        "/assets/another/main.js",
        "/assets/VERSION/",
        "/assets/VERSION/index.html",
        "/assets/VERSION/sw.js",
        "/assets/VERSION/styles/base.css",
        "/assets/VERSION/vendor/README.md",
        "/assets/VERSION/../pyproject.toml",
        "/assets/VERSION/..%2f..%2ftasktracker/__init__.py",
        "/assets/VERSION/%00",
    ],
)
def test_no_other_file_and_no_other_version_is_served(api: Api, path: str) -> None:
    version = next(url for url in references(api.get("/")) if url.endswith("/main.js")).split("/")[2]
    problem(api.get(path.replace("VERSION", version)), 404, "unknown-path")


def test_the_service_worker_keeps_every_file_and_knows_every_route(api: Api) -> None:
    worker = api.get("/sw.js")
    assert worker.headers["cache-control"] == "no-store"
    assert "connect-src 'self'" in worker.headers["content-security-policy"]  # it fetches what it keeps
    assert worker.headers["content-type"].startswith("text/javascript")
    shell = json.loads(worker.text.splitlines()[0].removeprefix("const SHELL = ").removesuffix(";"))
    # The order does not depend on the file system.
    assert [url.split("/", 3)[3] for url in shell["assets"]] == sorted(contents())
    assert {"", "today", "task"} <= set(shell["routes"])


@pytest.mark.parametrize("name", ["index.html", "sw.js", "manifest.webmanifest", "main.js"])
def test_a_change_of_any_file_changes_the_version(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before, read, found = web_files._version.__wrapped__(), web_files._read, contents()
    changed = {each: content + b"\n" * (each == name) for each, content in found.items()}
    monkeypatch.setattr(web_files, "contents", lambda: changed)
    monkeypatch.setattr(web_files, "_read", lambda each: read(each) + "\n" * (each == name))
    assert web_files._version.__wrapped__() != before


def test_only_paths_with_a_version_are_immutable(api: Api) -> None:
    paths = [
        route.path
        for route in api.app.litestar.routes
        if "GET" in getattr(route, "methods", ()) and "{" not in route.path
    ]
    assert {"/", "/sw.js", "/manifest.webmanifest", "/favicon.ico", "/docs"} <= set(paths)
    for path in (*paths, "/docs/assets/swagger-ui.css", "/problems/unknown-path"):
        caching = api.get(path).headers["cache-control"]
        assert "immutable" not in caching, path
        assert int((re.findall(r"max-age=(\d+)", caching) or ["0"])[0]) <= 86400, path


def test_the_app_can_be_installed(api: Api) -> None:
    manifest = api.get("/manifest.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    for icon in manifest.json()["icons"]:
        answer = api.get(urljoin("/manifest.webmanifest", icon["src"]))
        assert (answer.status_code, answer.headers["content-type"]) == (200, icon["type"])
        assert len(answer.content) < 10_000
    icon = api.get("/favicon.ico")
    assert (icon.headers["content-type"], icon.headers["cache-control"]) == ("image/x-icon", "public, max-age=86400")


def test_all_paths_are_below_that_of_the_public_url(api: Api) -> None:
    with api.beside(PUBLIC_URL="https://example.org/tasks") as below:
        for url in references(below.get("/tasks/today")):
            assert url.startswith("/tasks/"), url
            assert below.get(url).status_code == 200
        manifest = below.get("/tasks/manifest.webmanifest").json()
        assert [manifest[name] for name in ("id", "start_url", "scope")] == ["/tasks/", "/tasks/today", "/tasks/"]
        assert '"base": "/tasks"' in below.get("/tasks/sw.js").text
        assert 'href="/tasks/"' in below.get("/tasks/nothing", headers=BROWSER).text


def test_a_person_who_opens_an_unknown_path_sees_a_page_that_leads_to_the_app(api: Api) -> None:
    page = api.get("/nothing", headers={**BROWSER, "Accept-Language": "de"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Diese Seite gibt es nicht" in page.text
    assert '<a href="/">Zu Ihren Aufgaben</a>' in page.text
    problem(api.get("/nothing"), 404, "unknown-path")
    problem(api.post("/docs", headers=BROWSER), 405, "method-not-allowed")


def test_a_person_who_opens_the_type_of_a_problem_sees_a_page(api: Api) -> None:
    page = api.get("/problems/task-not-found", headers=BROWSER)
    assert page.status_code == 200
    assert f"<h1>There is no such task (status 404)</h1>\n<p>{TaskNotFound.__doc__}</p>" in page.text
    assert "(status 404)</h1>" in api.get("/problems/unknown-path", headers=BROWSER).text
    unknown = api.get("/problems/nothing", headers=BROWSER)
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "text/html; charset=utf-8")
    text = f"There is no such task (status 404).\n\n{TaskNotFound.__doc__}\n"
    assert api.get("/problems/task-not-found").text == text
    assert api.get("/problems/unknown-path").text.endswith(" (status 404).\n")


def test_the_compressed_size_of_the_first_view_stays_small(api: Api) -> None:
    urls = [url for url in references(api.get("/")) if url.endswith((".js", ".css"))]
    size = sum(len(gzip.compress(api.get(url).content)) for url in urls)
    assert size < 120_000
