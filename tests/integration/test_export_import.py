"""Exports and imports over HTTP on each storage, and with a server process whose clients disconnect."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tasktracker.domain.portability.import_job import ImportJob, JobState
from tests.contracts.http.base import invalid, problem
from tests.fakes import START, SYSTEM
from tests.http import (
    PASSWORD,
    Api,
    Person,
    Server,
    bearer,
    clean_environment,
    expect,
    migrated,
    run,
    tasktracker_command,
    until_answered,
)
from tests.postgres import DatabaseFactory
from tests.security.processes import at_once
from tests.waiting import wait_until

EXPORT, IMPORT = "/api/accounts/me/export/", "/api/accounts/me/import/"
IMPORTS = "/api/accounts/me/imports/"
NDJSON, CSV = "application/x-ndjson", "text/csv"
SAMPLE = Path(__file__).parents[1] / "fixtures" / "todoist.csv"
HEADER = {"type": "header", "format": "tasktracker", "version": 2}


def as_described(api: Api) -> Api:
    """Compare answers with the OpenAPI document. NDJSON, which is no JSON document, is compared here."""

    def check(response: httpx.Response) -> None:
        if not response.request.url.path.startswith((EXPORT, IMPORT, IMPORTS)):
            return
        if response.headers.get("content-type") != NDJSON:
            api.documentation.check(response)
            return
        operation = api.documentation.operation(response.request)
        assert operation is not None
        described = operation["responses"]["200"]
        assert NDJSON in described["content"]
        assert all(name in response.headers for name in described["headers"])

    api.client.event_hooks["response"] = [check]
    return api


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    if request.param == "memory":
        url = "memory://"
    elif request.param == "sqlite":
        url = migrated(f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/tasks.db")
    else:
        databases: DatabaseFactory = request.getfixturevalue("postgres_url_factory")
        url = databases.create_migrated_database()
    with Api(url, IMPORT_MAX_BYTES="500000", THROTTLE="off") as api:
        yield as_described(api)


@pytest.fixture
def alice(shared: Api) -> Person:
    return shared.register()


@pytest.fixture
def bob(shared: Api) -> Person:
    return shared.register()


def upload(person: Person, content: Any, media_type: str = NDJSON, query: str = "", **more: Any) -> httpx.Response:
    return person.request("POST", IMPORT + query, content=content, headers={"Content-Type": media_type}, **more)


def ndjson(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.content.splitlines()]


def counts(**some: int) -> dict[str, int]:
    return {"created": 0, "unchanged": 0, "mapped": 0, "passed_over": 0, "in_trash": 0, "restored": 0, **some}


def filled(person: Person) -> None:
    """Create categories and tasks of every kind."""
    home = person.category("Home", color="#1e90ff", description="where the heart is")
    parent = person.task("parent", category=home["id"], due_date="2026-05-01T10:00:00.123456Z", priority=4)
    child = person.task("child", parent=parent["id"], start_on="2026-05-02", state="done", description="as\nwritten 🌱")
    person.task("grandchild", parent=child["id"])
    gone = person.task("gone", parent=parent["id"])
    person.task("gone with it", parent=gone["id"])
    expect(person.delete(f"/api/tasks/{gone['id']}/"), 204)
    expect(person.patch(f"/api/tasks/{parent['id']}/", {"title": "edited"}), 200)


def test_an_import_restores_an_export_on_another_server(shared: Api, alice: Person, tmp_path: Path) -> None:
    filled(alice)
    response = alice.get(EXPORT)
    exported = lines(response)
    assert response.headers["content-type"] == NDJSON
    name = f"tasktracker-{shared.clock.now().date()}.ndjson"
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert "content-length" not in response.headers
    assert [line["type"] for line in exported] == ["header", "profile", "category", *["task"] * 5, "end"]
    with Api(migrated(f"sqlite:///{tmp_path}/other.db")) as other:
        carol = as_described(other).register()
        dry = expect(upload(carol, response.content, query="?dry_run=true"), 200)
        assert lines(carol.get(EXPORT))[2:-1] == []
        report = expect(upload(carol, response.content), 200)
        assert dry == report | {"dry_run": True}
        assert report["tasks"] == counts(created=5)
        assert (report["skipped"], report["errors"], report["notices"], report["omitted"]) == (0, [], [], 0)
        key = json.dumps
        names = {"owner": carol.username, "created_by": carol.username}
        expected = [line | {name: names[name] for name in names.keys() & line.keys()} for line in exported[2:]]
        assert sorted(lines(carol.get(EXPORT))[2:], key=key) == sorted(expected, key=key)
        again = expect(upload(carol, response.content), 200)
        assert again["tasks"] == counts(unchanged=5)
        assert again["categories"] == {"created": 0, "unchanged": 1, "mapped": 0, "passed_over": 0}
        # Imported tasks can be edited, restored and listed.
        task = next(task for task in carol.listed("/api/tasks/") if task["title"] == "edited")
        assert task["version"] == 2
        expect(carol.patch(f"/api/tasks/{task['id']}/", {"title": "edited again"}, headers={"If-Match": '"2"'}), 200)
        (gone,) = carol.listed("/api/trash/")
        expect(carol.post(f"/api/tasks/{gone['id']}/restore/"), 200)
        assert len(carol.titles()) == 5
        assert len(carol.listed(f"/api/tasks/{gone['id']}/history/")) == 2


def test_the_tasks_of_another_user_get_new_ids(alice: Person, bob: Person) -> None:
    filled(alice)
    exported = alice.get(EXPORT).content
    report = expect(upload(bob, exported), 200)
    assert report["tasks"] == counts(created=5, mapped=5)
    assert report["categories"] == {"created": 1, "unchanged": 0, "mapped": 1, "passed_over": 0}
    again = expect(upload(bob, exported), 200)
    assert (again["tasks"]["created"], again["tasks"]["unchanged"]) == (0, 5)
    assert sorted(alice.titles()) == sorted(bob.titles())
    tasks = {task["title"]: task for task in bob.listed("/api/tasks/")}
    assert tasks["child"]["parent"] == tasks["edited"]["id"]
    assert tasks["edited"]["category"] == bob.listed("/api/categories/")[0]["id"]


def test_two_concurrent_imports_of_one_file_import_it_once(shared: Api, alice: Person) -> None:
    other = shared.login(alice)
    content = ndjson(HEADER, *({"type": "task", "id": str(uuid4()), "title": "x"} for _ in range(300)))
    answers = at_once([partial(upload, person, content) for person in (alice, other)])
    assert sorted(answer.status_code for answer in answers) in ([200, 200], [200, 503])
    assert len(alice.titles("limit=200")) == 300


def test_a_todoist_file_can_be_imported(alice: Person) -> None:
    report = expect(upload(alice, SAMPLE.read_bytes(), f"{CSV}; charset=utf-8"), 200)
    assert (report["tasks"]["created"], report["categories"]["created"], report["skipped"]) == (12, 1, 2)
    assert report["errors"][0] == {"line": 21, "field": "PRIORITY", "message": "must be 1 to 4"}
    assert expect(upload(alice, SAMPLE.read_bytes(), CSV), 200)["tasks"]["created"] == 0


def test_a_row_in_a_time_zone_without_a_name_is_imported(alice: Person) -> None:
    head = "TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE\n"
    rows = "task,Z,,4,1,,,2026-04-24,en,UTC\ntask,A,,4,1,,,2026-04-24 at 10:00,en,GMT+2\n"
    assert expect(upload(alice, head + rows, CSV, "?project=Work"), 200)["tasks"] == counts(created=2)
    due = {task["title"]: (task["due_on"], task["due_date"]) for task in alice.listed("/api/tasks/")}
    assert due == {"Z": ("2026-04-24", None), "A": (None, "2026-04-24T08:00:00Z")}
    assert [each["name"] for each in alice.listed("/api/categories/")] == ["Work"]
    # The project belongs to the identity.
    assert expect(upload(alice, head + rows, CSV, "?project=Home"), 200)["tasks"] == counts(created=2)
    invalid(upload(alice, head + rows, CSV, "?project="), "project")


def test_a_backup_of_todoist_is_imported_from_its_zip_file(alice: Person) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("Home [12345678].csv", "Work.csv"):
            archive.writestr(name, "TYPE,CONTENT\ntask,same\ntask,\n")
    report = expect(upload(alice, file.getvalue(), "application/zip"), 200)
    assert report["tasks"] == counts(created=2)
    assert [each["file"] for each in report["errors"]] == ["Home [12345678].csv", "Work.csv"]
    assert {each["name"] for each in alice.listed("/api/categories/")} == {"Home", "Work"}
    invalid(upload(alice, file.getvalue()[:-30], "application/zip"), "body")


def test_an_import_reports_what_is_in_the_trash_and_restores_it_on_request(alice: Person) -> None:
    filled(alice)
    parent = next(task for task in alice.listed("/api/tasks/") if task["title"] == "edited")
    exported = alice.get(EXPORT).content
    expect(alice.delete(f"/api/tasks/{parent['id']}/"), 204)
    left = expect(upload(alice, exported), 200)
    assert left["tasks"] == counts(in_trash=3, unchanged=2)
    assert [("trash" in each["message"]) for each in left["notices"]] == [True] * 3
    dry = expect(upload(alice, exported, query="?restore=true&dry_run=true"), 200)
    restored = expect(upload(alice, exported, query="?restore=true"), 200)
    assert dry == {**restored, "dry_run": True}
    assert restored["tasks"] == counts(restored=3, unchanged=2)
    assert alice.get(EXPORT).content.count(b'"trashed_at":null') == 3
    child = next(task for task in alice.listed("/api/tasks/") if task["title"] == "child")
    assert child["parent"] == parent["id"]


def test_a_report_that_an_earlier_release_stored_is_complete(shared: Api, alice: Person) -> None:
    earlier = {name: number for name, number in counts(created=2).items() if name != "passed_over"}
    report = {"dry_run": False, "skipped": 0, "errors": [], "notices": [], "omitted": 0, "tasks": earlier}
    report["categories"] = {name: earlier[name] for name in ("created", "unchanged", "mapped")}
    times = {"created_at": START, "updated_at": START}
    job = ImportJob(id=uuid4(), user_id=UUID(alice.id), dry_run=False, size=9, **times)  # type: ignore[arg-type]
    with shared.container.store().writing(SYSTEM) as work:
        work.import_jobs.add(job.end(JobState.DONE, START, report=json.dumps(report).encode()))
    # Compared with the OpenAPI document, too.
    found = expect(alice.get(f"{IMPORTS}{job.id}/"), 200)
    assert found["report"]["tasks"] == counts(created=2)
    assert expect(alice.get(IMPORTS), 200)["results"] == [found]


def test_errors_are_reported_by_line(alice: Person) -> None:
    bad = {"type": "task", "id": str(uuid4()), "title": "", "priority": 9}
    report = expect(upload(alice, ndjson(HEADER, bad) + b"\xff\n"), 200)
    assert sorted((each["line"], each["field"]) for each in report["errors"]) == [
        (2, "priority"),
        (2, "title"),
        (3, "line"),
    ]
    assert report["skipped"] == 2


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "", "text/csv; charset=iso-8859-1"])
def test_other_content_types_are_refused(alice: Person, media_type: str) -> None:
    body = problem(upload(alice, b"x", media_type), 415, "unsupported-media-type")
    accepted = "application/octet-stream or application/x-ndjson or application/zip or text/csv"
    assert body["detail"] == f"The body must be sent as {accepted}, in UTF-8."


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}\n", b"TYPE,CONTENT\n"])
def test_a_file_that_is_no_export_is_refused(alice: Person, content: bytes) -> None:
    invalid(upload(alice, content), "body")


def test_query_parameters_are_read_strictly(alice: Person) -> None:
    invalid(upload(alice, ndjson(HEADER), query="?dry=true"), "dry")
    invalid(upload(alice, ndjson(HEADER), query="?dry_run=maybe"), "dry_run")


def test_a_file_that_is_too_large_is_refused_with_and_without_its_length(alice: Person) -> None:
    problem(upload(alice, b"x" * 500_001), 413, "body-too-large")
    problem(upload(alice, iter([b"x" * 100_000] * 6)), 413, "body-too-large")
    invalid(upload(alice, b"x" * 500_000), "body")
    invalid(upload(alice, iter([b"x" * 100_000] * 5)), "body")
    # The limit of imports is higher than that of other bodies.
    large = {"type": "task", "id": str(uuid4()), "title": "x", "description": "x" * 10_000}
    assert expect(upload(alice, ndjson(HEADER, *[large] * 40)), 200)["tasks"]["unchanged"] == 39


def test_exports_and_imports_need_a_session(shared: Api, alice: Person) -> None:
    made = expect(
        alice.post(
            "/api/accounts/tokens/", {"name": "script", "scopes": ["tasks:read", "tasks:write"], "password": PASSWORD}
        ),
        201,
    )
    token = next(value for value in made.values() if isinstance(value, str) and len(value) > 40)
    for headers, status, slug in ((bearer(token), 403, "session-required"), ({}, 401, "not-authenticated")):
        problem(shared.get(EXPORT, headers=headers), status, slug)
        problem(shared.request("POST", IMPORT, content=b"", headers=headers), status, slug)
    other = shared.login(alice)
    expect(alice.post("/api/accounts/logout/"), 204)
    problem(alice.get(EXPORT), 401, "session-ended")
    problem(upload(alice, b"x" * 500_001), 401, "session-ended")  # before a file is received
    assert lines(other.get(EXPORT))


def test_the_number_of_transfers_is_limited(shared: Api, alice: Person, bob: Person) -> None:
    with shared.beside(TRANSFERS="1") as one:
        as_described(one)
        with one.app.services.transfers.slot(uuid4()):
            problem(alice.through(one.client).get(EXPORT), 503, "busy")
        assert lines(alice.through(one.client).get(EXPORT))
        # Each transfer frees its slot.
        for _ in range(3):
            assert lines(bob.through(one.client).get(EXPORT))
            expect(upload(bob.through(one.client), ndjson(HEADER)), 200)


def test_head_has_the_content_type_of_get(alice: Person) -> None:
    response = alice.head(EXPORT)
    assert response.status_code == 200
    assert response.headers["content-type"] == NDJSON


# ------------------------------------------- imports after the response

ASYNC = {"Prefer": "respond-async"}


def upload_async(person: Person, content: Any, media_type: str = NDJSON, query: str = "") -> httpx.Response:
    headers = {"Content-Type": media_type, **ASYNC}
    return person.request("POST", IMPORT + query, content=content, headers=headers)


def ended(person: Person, accepted: httpx.Response) -> dict[str, Any]:
    """Return the import of an answer 202 when it has ended."""
    assert accepted.status_code == 202, accepted.text
    assert accepted.headers["preference-applied"] == "respond-async"
    path = accepted.headers["location"]
    assert path == f"{IMPORTS}{accepted.json()['id']}/"
    found: dict[str, Any] = {}

    def has_ended() -> bool:
        found.update(expect(person.get(path), 200))
        return bool(found["state"] != "running")

    wait_until(has_ended, "the import does not end")
    return found


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_import_can_continue_after_its_response(alice: Person, dry_run: bool) -> None:
    good, bad = ({"type": "task", "id": str(uuid4()), "title": title} for title in ("good", ""))
    content = ndjson(HEADER, good, bad, {"type": "end"})
    query = f"?dry_run={str(dry_run).lower()}"
    accepted = upload_async(alice, content, "application/octet-stream" if dry_run else NDJSON, query)
    assert (accepted.json()["state"], accepted.json()["report"]) == ("running", None)
    job = ended(alice, accepted)
    assert (job["state"], job["dry_run"], job["problem"]) == ("done", dry_run, None)
    assert (job["size"], job["read"], job["lines"]) == (len(content), len(content), 2)
    assert (job["report"]["tasks"]["created"], job["report"]["skipped"]) == (1, 1)
    assert alice.titles() == ([] if dry_run else ["good"])
    assert alice.listed(IMPORTS) == [job]
    created = {"line": 2, "type": "task", "outcome": "created", "id": good["id"], "errors": [], "notices": []}
    lines = f"{IMPORTS}{job['id']}/lines/"
    first = expect(alice.get(lines, params={"limit": 1}), 200)
    second = expect(alice.get(lines, params={"limit": 1, "cursor": first["next_cursor"]}), 200)
    assert first["results"] == [created]
    assert second["next_cursor"] is None
    assert expect(alice.get(lines, params={"outcome": "skipped"}), 200)["results"] == second["results"]
    (skipped,) = second["results"]
    assert (skipped["line"], skipped["id"], [each["field"] for each in skipped["errors"]]) == (3, None, ["title"])
    # The report is that of a request without the header.
    again = expect(until_answered(lambda: upload(alice, content, query=query)), 200)
    assert again.keys() == job["report"].keys()
    assert again["errors"] == job["report"]["errors"]


def test_an_import_that_fails_after_its_response_shows_why(alice: Person) -> None:
    job = ended(alice, upload_async(alice, b"TYPE,CONTENT\n"))
    assert (job["state"], job["report"], job["problem"]["type"]) == ("failed", None, "/problems/invalid-input")
    assert [error["field"] for error in job["problem"]["errors"]] == ["body"]


def test_only_a_preference_for_it_makes_an_import_continue_after_its_response(alice: Person) -> None:
    for prefer, status in (
        ("return=minimal", 200),
        ("respond-sync", 200),
        ("wait=5", 200),
        ("return=minimal, Respond-Async; x=1", 202),
    ):
        headers = {"Content-Type": NDJSON, "Prefer": prefer}
        answer = alice.request("POST", IMPORT, content=ndjson(HEADER), headers=headers)
        assert answer.status_code == status
        if status == 202:
            assert ended(alice, answer)["state"] == "done"


def test_a_refused_file_starts_no_import(alice: Person) -> None:
    problem(upload_async(alice, b"x", "text/plain"), 415, "unsupported-media-type")
    problem(upload_async(alice, b"x" * 500_001), 413, "body-too-large")
    invalid(upload_async(alice, b"x", query="?dry_run=maybe"), "dry_run")
    assert alice.listed(IMPORTS) == []


def test_imports_after_the_response_are_private_and_need_a_session(shared: Api, alice: Person, bob: Person) -> None:
    job = ended(alice, upload_async(alice, ndjson(HEADER)))
    paths = (f"{IMPORTS}{job['id']}/", f"{IMPORTS}{job['id']}/lines/")
    assert bob.listed(IMPORTS) == []
    for path in paths:
        problem(bob.get(path), 404, "import-not-found")
    for scope in ("tasks:read", "tasks:write"):
        made = expect(
            alice.post("/api/accounts/tokens/", {"name": scope, "scopes": [scope], "password": PASSWORD}), 201
        )
        for path in (*paths, IMPORTS):
            problem(shared.get(path, headers=bearer(made["token"])), 403, "session-required")
        headers = {"Content-Type": NDJSON, **ASYNC, **bearer(made["token"])}
        problem(shared.request("POST", IMPORT, content=ndjson(HEADER), headers=headers), 403, "session-required")
    assert len(alice.listed(IMPORTS)) == 1
    invalid(alice.get(f"{IMPORTS}x/"), "id")
    invalid(alice.get(f"{paths[1]}?outcome=lost"), "outcome")


def test_a_server_that_stops_interrupts_its_imports(
    shared: Api, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = ndjson(HEADER, {"type": "task", "id": str(uuid4()), "title": "task"}, {"type": "end"})
    with shared.beside() as one:
        transfers, imports = one.app.services.transfers, one.container.imports()
        import_once = imports._import_once

        def import_when_stopping(*arguments: Any, **more: Any) -> Any:
            wait_until(transfers.is_stopping, "the server does not stop")
            return import_once(*arguments, **more)

        monkeypatch.setattr(imports, "_import_once", import_when_stopping)
        person = alice.through(one.client)
        accepted = upload_async(person, content)
        assert accepted.status_code == 202
        problem(upload_async(person, content), 503, "busy")
        # Another process refuses it, too.
        problem(upload_async(alice, content), 503, "busy")
    assert ended(alice, accepted)["state"] == "interrupted"
    job = ended(alice, upload_async(alice, content))
    assert (job["state"], job["report"]["tasks"]["unchanged"]) == ("done", 1)


# --------------------------------------------------------- a server process


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), THROTTLE="off", TRANSFERS="1") as server:
        yield server


def test_a_client_that_disconnects_frees_its_slot_and_connection(server: Server) -> None:
    person = server.register()
    records = [
        {"type": "task", "id": str(uuid4()), "title": f"task {number}", "description": "x" * 5000}
        for number in range(2500)
    ]
    assert expect(upload(person, ndjson(HEADER, *records)), 200)["tasks"]["created"] == 2500
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            request = f"GET {EXPORT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.access}\r\n\r\n"
            connection.sendall(request.encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
            problem(person.get(EXPORT), 503, "busy")
            # The running export blocks only other exports.
            expect(person.get("/api/tasks/"), 200)
            problem(person.get(EXPORT), 503, "busy")
        response = until_answered(lambda: person.get(EXPORT))
        assert lines(response)[-1] == {"type": "end", "categories": 0, "tasks": 2500}
    assert "[error]" not in server.log


def on_a_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command with its messages on a terminal, and return its status and the messages."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [tasktracker_command(), *arguments],
        cwd=folder,
        env=clean_environment({}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as command:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the other end was closed
            while part := os.read(ours, 4096):
                seen += part
    os.close(ours)
    return command.returncode, seen.decode()


def test_commands_export_and_import(server: Server, tmp_path: Path) -> None:
    person, other = server.register(), server.register()
    filled(person)
    folder = server.folder
    ended, shown = on_a_terminal(folder, "export", person.username, "--output", str(tmp_path / "all.ndjson"))
    assert ended == 0, shown
    assert "exporting  [---" in shown
    assert "#]  100%" in shown
    assert (tmp_path / "all.ndjson").read_bytes().count(b"\n") == 9
    to_stdout = run(folder, "export", person.username)
    assert to_stdout.stdout.splitlines()[1:] == (tmp_path / "all.ndjson").read_text().splitlines()[1:]
    dry = run(folder, "import", other.username, str(tmp_path / "all.ndjson"), "--dry-run")
    assert "tasks: would create 5, 5 of them with a new id; 0 already existed" in dry.stdout
    assert other.titles() == []
    real = run(folder, "import", other.username, str(tmp_path / "all.ndjson"))
    assert (real.returncode, real.stderr.count("importing")) == (0, 1)
    assert len(other.titles()) == 3
    ended, shown = on_a_terminal(folder, "import", other.username, str(SAMPLE))
    assert ended == 1
    assert "importing  [---" in shown
    assert "#]  100%" in shown
    assert "line 21: PRIORITY must be 1 to 4" in shown
    unknown = run(folder, "export", "unknown")
    assert (unknown.returncode, unknown.stderr) == (1, "Error: There is no such user.\n")
    empty = run(folder, "import", other.username, "/dev/null", "--format", "ndjson")
    assert empty.returncode == 1
    assert "body must begin with a line" in empty.stderr


def test_an_exported_file_is_private_and_may_be_a_link(server: Server, tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target.ndjson"
    target.write_text("old")
    target.chmod(0o644)
    link.symlink_to(target)
    assert run(server.folder, "export", server.register().username, "-o", str(link)).returncode == 0
    assert (link.is_symlink(), target.stat().st_mode & 0o777) == (True, 0o600)
    assert target.read_bytes().count(b"\n") == 3


def test_a_command_imports_a_project_named_by_its_file_and_restores_tasks(server: Server, tmp_path: Path) -> None:
    person = server.register()
    file = tmp_path / "Garden [220474322].csv"
    file.write_text("TYPE,CONTENT\ntask,Dig\n")
    expect(upload(person, file.read_bytes(), CSV, "?project=Garden"), 200)
    (task,) = person.listed("/api/tasks/")
    expect(person.delete(f"/api/tasks/{task['id']}/"), 204)
    left = run(server.folder, "import", person.username, str(file))
    assert "tasks left in the trash: 1" in left.stdout
    restored = run(server.folder, "import", person.username, str(file), "--restore")
    assert "tasks restored: 1" in restored.stdout
    assert person.titles() == ["Dig"]


def test_a_command_deletes_expired_tasks(server: Server) -> None:
    person = server.register()
    old = {"type": "task", "title": "old", "trashed_at": "2020-01-01T00:00:00Z"}
    gone = [{**old, "id": str(uuid4())} for _ in range(3)]
    expect(upload(person, ndjson(HEADER, *gone)), 200)
    person.task("new")
    assert [run(server.folder, "sweep", *most).stdout for most in (["--limit", "2"], [])] == [
        "removed 2\n",
        "removed 1\n",
    ]
    assert person.listed("/api/trash/") == []
    assert person.titles() == ["new"]
