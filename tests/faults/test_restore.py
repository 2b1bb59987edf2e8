"""A backup that is made under load and restored into another database, beside a device with newer edits."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from tasktracker_client import Op, Replica, Status
from tests.faults.load import SETTINGS, Load
from tests.http import PASSWORD, Server, bearer, expect, new_name, run
from tests.http import SETTINGS as FAST
from tests.integration.phones import api_token
from tests.integration.test_backups import PROGRAMS
from tests.postgres import URL_VARIABLE
from tests.postgres_supervisor import free_port
from tests.waiting import wait_until

MAIL = {"MAIL_FROM": "tasks@example.org", "PUBLIC_URL": "http://tasks.example.org"}
DELIVERIES = "/api/accounts/me/deliveries/"


@pytest.fixture
def other_url(url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of another, empty database of the same kind."""
    if url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'other.db'}"
    other: str = request.getfixturevalue("empty_database_url")
    return other


def command(folder: Path, url: str, *arguments: str) -> str:
    """Run a command on a database, and return its output."""
    path = os.environ["PATH"] if URL_VARIABLE in os.environ else f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    done = run(folder, *arguments, DATABASE_URL=url, PATH=path, **FAST)
    assert done.returncode == 0, done
    return done.stdout


def test_a_restored_backup_has_what_was_answered_before_it_and_admits_nothing_old(
    tmp_path: Path, url: str, other_url: str
) -> None:
    backup, mails = tmp_path / "backup", tmp_path / "mails"
    no_relay = f"smtp://127.0.0.1:{free_port()}?tls=off"
    server = Server(tmp_path, DATABASE_URL=url, MAIL_URL=no_relay, **MAIL, **SETTINGS)
    with server, closing(Replica(tmp_path / "phone", f"{server.url}/api")) as phone:
        ada = server.register(email=f"{new_name()}@example.org")
        phone.login(ada.username, PASSWORD)
        same, edited, deleted = (phone.create_task(title) for title in ("same", "edited", "deleted"))
        phone.sync()
        token, ticket = api_token(ada), expect(ada.post("/api/events/tickets/"), 201)["ticket"]
        link = command(tmp_path, url, "users", "password-reset", ada.username).split("token=")[1].strip()
        invite = command(tmp_path, url, "invites", "create").split()[-1]
        with Load(server) as load:
            acknowledged = [dict(writer.acknowledged) for writer in load.writers]
            command(tmp_path, url, "backup", str(backup))
            load.progress()
            phone.edit_task(edited, title="newer")
            phone.delete(deleted)
            made = phone.create_task("made after the backup")
            assert phone.sync().is_clean
        due = {each["id"]: each["kind"] for each in expect(ada.get(DELIVERIES), 200)["results"]}
        offline = phone.create_task("offline")
        server.stop()

        command(tmp_path, other_url, "restore", str(backup), "--yes", "--api-tokens=revoke")
        server.environment |= {"DATABASE_URL": other_url, "MAIL_URL": f"folder:{mails}", "REGISTRATION": "invite"}
        server.start()

        for writer, before in zip(load.writers, acknowledged, strict=True):
            person = server.login(writer.person)
            restored = {task["id"]: task["version"] for task in person.listed("/api/tasks/")}
            assert all(restored[id_] >= version for id_, (_, version) in before.items())
            assert restored.keys() <= writer.acknowledged.keys()
        expect(ada.get("/api/tasks/"), 401)
        expect(server.post("/api/accounts/refresh/", {"refresh": ada.refresh}), 401)
        expect(server.get("/api/tasks/", headers=bearer(token)), 401)
        expect(server.get("/api/events/", params={"ticket": ticket}), 401)
        assert server.get("/link/reset-password", params={"token": link}).status_code == 410
        expect(
            server.post("/api/accounts/register/", {"username": new_name(), "password": PASSWORD, "invite": invite}),
            400,
        )

        phone.login(ada.username, PASSWORD)
        assert phone.sync().started_over
        lost = {(issue.target, issue.op) for issue in phone.issues() if issue.status is Status.LOST}
        assert lost == {(edited, Op.UPDATE), (deleted, Op.DELETE), (made, Op.CREATE)}
        assert {task.id for task in phone.tasks()} == {same, edited, deleted, offline}
        for issue in phone.issues():
            phone.resend(issue)
        assert phone.sync().is_clean
        assert phone.verify().is_in_sync
        assert sorted(task.title for task in phone.tasks()) == ["made after the backup", "newer", "offline", "same"]

        ada = server.login(ada)
        expect(ada.post("/api/accounts/email/verification/"), 202)

        def states() -> dict[str, str]:
            return {each["id"]: each["state"] for each in expect(ada.get(DELIVERIES), 200)["results"]}

        wait_until(lambda: "sent" in states().values(), lambda: f"no mail is sent: {states()}", server.process)
        assert "verify-email" in due.values()
        assert {states()[id_] for id_ in due} == {"skipped"}
        assert len(list(mails.iterdir())) == list(states().values()).count("sent") == 1
