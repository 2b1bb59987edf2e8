"""Edits of several devices that prevent one another: no edit is lost, and no refused edit causes the loss of others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tasktracker_client import Replica, Status
from tests.http import Api, Person
from tests.integration.phones import URL, Phone, api_token, in_sync
from tests.line import Line


class TestOneToken:
    """Two files that use one API token are two devices."""

    @pytest.fixture
    def devices(self, api: Api, ada: Person, tmp_path: Path) -> Iterator[list[Replica]]:
        token = api_token(ada)
        ada.task("one")
        devices = [
            Replica(tmp_path / f"{name}.db", URL, token=token, client=httpx.Client(transport=Line(api.client)))
            for name in ("first", "second")
        ]
        for device in devices:
            device.sync()
        yield devices
        for device in devices:
            device.close()

    def test_an_edit_does_not_overwrite_that_of_the_other_device(self, devices: list[Replica], ada: Person) -> None:
        first, second = devices
        [task] = first.tasks()
        first.edit_task(task.id, title="D1")
        second.edit_task(task.id, title="D2")
        assert first.sync().applied == 1
        [issue] = second.sync().conflicts
        assert (issue.conflicts["title"].yours, issue.conflicts["title"].theirs) == ("D2", "D1")
        assert ada.titles() == ["D1"]

    def test_a_deletion_does_not_delete_what_the_other_device_edited(self, devices: list[Replica], ada: Person) -> None:
        first, second = devices
        [task] = first.tasks()
        first.edit_task(task.id, title="D1")
        first.sync()
        second.delete(task.id)
        assert len(second.sync().conflicts) == 1
        assert ada.titles() == ["D1"]


def test_two_devices_that_create_one_category_share_it_with_all_tasks(phone: Phone, laptop: Phone, ada: Person) -> None:
    for device, name in ((phone, "Work"), (laptop, "work")):
        work = device.create_category(name)
        task = device.create_task(f"{name} task", category=work)
        device.create_task(f"{name} subtask", parent=task, category=work)
    assert phone.sync().is_clean
    report = laptop.sync()
    assert [issue.data for issue in report.rejections] == [{"name": "work"}]
    assert (report.conflicts, report.partial) == ([], [])
    in_sync(phone, laptop)
    [category] = ada.listed("/api/categories/")
    tasks = ada.listed("/api/tasks/")
    assert [task["category"] for task in tasks] == [category["id"]] * 4
    assert phone.titles() == laptop.titles() == ["Work subtask", "Work task", "work subtask", "work task"]


def test_a_task_in_a_category_that_was_deleted_meanwhile_stays(phone: Phone, laptop: Phone) -> None:
    home = phone.create_category("Home")
    in_sync(phone, laptop)
    laptop.create_task("mine", category=home)
    phone.delete_category(home)
    phone.sync()
    [issue] = laptop.sync().partial
    assert (issue.status, issue.data) == (Status.PARTIAL, {"category": home})
    assert laptop.titles() == ["mine"]
    laptop.resend(issue, {"category": laptop.create_category("New home")})
    assert laptop.sync().is_clean
    in_sync(phone, laptop)


def test_a_subtask_of_a_parent_that_was_deleted_meanwhile_stays(phone: Phone, laptop: Phone) -> None:
    parent = phone.create_task("parent")
    in_sync(phone, laptop)
    laptop.create_task("child", parent=parent)
    phone.delete(parent)
    phone.sync()
    [issue] = laptop.sync().partial
    assert issue.data == {"parent": parent}
    in_sync(phone, laptop)
    assert laptop.titles() == ["child"]


def test_a_subtask_of_a_parent_that_was_rejected_stays(phone: Phone) -> None:
    parent = phone.create_task(" ")
    child = phone.create_task("child", parent=parent)
    report = phone.sync()
    assert [issue.target for issue in report.rejections] == [parent]
    assert [(issue.target, issue.data) for issue in report.partial] == [(child, {"parent": parent})]
    assert phone.titles() == ["child"]
    for issue in phone.issues():
        phone.resend(issue, {"title": "parent"} if issue.target == parent else None)
    assert phone.sync().is_clean
    in_sync(phone)
    assert phone.task(child).parent == parent


def test_a_task_was_done_when_the_device_says_so(api: Api, phone: Phone, ada: Person) -> None:
    task = ada.task("one")
    phone.sync()
    at = datetime.fromisoformat(task["created_at"]) + timedelta(minutes=5)
    api.clock.advance(timedelta(minutes=10))
    phone.complete(task["id"])
    phone.sql(f"UPDATE outbox SET made_at = '{at.isoformat()}'")
    assert phone.sync().is_clean
    assert phone.task(task["id"]).completed_at == at
