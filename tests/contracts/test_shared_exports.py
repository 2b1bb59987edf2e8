"""Exports and imports of accounts with shared categories."""

from __future__ import annotations

import io
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from tasktracker.domain.categories.category import Category
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.portability import export_service
from tasktracker.domain.portability.export_service import ExportService
from tasktracker.domain.portability.import_service import FileFormat, ImportService
from tasktracker.domain.portability.report import Counts, ImportReport, TaskCounts
from tasktracker.domain.tasks.task import Task
from tests.device import Device
from tests.fakes import CALENDAR, CHARACTERS, App
from tests.unit.base import register


def create(app: App, actor: SessionActor, title: str, **fields: Any) -> Task:
    return app.do(actor, app.tasks.create, {"title": title, **fields})  # type: ignore[typeddict-item]


def shared(app: App, owner: SessionActor, name: str, *members: str, role: Role = Role.EDITOR) -> Category:
    category = app.do(owner, app.categories.create, {"name": name})
    for each in members:
        app.do(owner, app.category_sharing.share, category.id, each, role)
    app.jobs.run_all()
    return category


def export(app: App, actor: SessionActor) -> bytes:
    return b"".join(ExportService(store=app.store).export(actor))


def lines_of(raw: bytes, type_: str) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in raw.splitlines()]
    return {line.get("title", line.get("name")): line for line in lines if line["type"] == type_}


def import_file(
    app: App, actor: SessionActor, raw: bytes, file_format: FileFormat = FileFormat.NDJSON, *, dry_run: bool = False
) -> ImportReport:
    imports = ImportService(store=app.store, characters=CHARACTERS, calendar=CALENDAR, batch_size=2)
    return imports.import_file(actor, io.BytesIO(raw), file_format, dry_run=dry_run)


def import_tasks(app: App, actor: SessionActor, *tasks: dict[str, Any]) -> ImportReport:
    return import_lines(app, actor, *({"type": "task", **task} for task in tasks))


def import_lines(app: App, actor: SessionActor, *records: dict[str, Any]) -> ImportReport:
    lines = [{"type": "header", "format": "tasktracker", "version": 3}, *records, {"type": "end"}]
    return import_file(app, actor, "\n".join(json.dumps(each, default=str) for each in lines).encode())


def test_an_export_marks_what_the_user_created_in_categories_of_others(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    category, unused = shared(app, alice, "Groceries", "bob"), shared(app, alice, "Office", "bob")
    own = create(app, bob, "own")
    milk = create(app, bob, "milk", category=category.id)
    below = create(app, bob, "oat milk", parent=milk.id)
    create(app, alice, "of alice", category=category.id)
    create(app, alice, "also", category=unused.id)
    deleted = create(app, bob, "eggs", category=category.id)
    app.do(alice, app.trash.delete, deleted.id)
    raw = export(app, bob)
    categories, tasks = lines_of(raw, "category"), lines_of(raw, "task")
    assert set(categories) == {"Groceries"}
    assert (categories["Groceries"]["own"], categories["Groceries"]["owner"]) == (False, "alice")
    assert categories["Groceries"]["members"] == []
    assert {title: (each["own"], each["owner"], each["created_by"]) for title, each in tasks.items()} == {
        "own": (True, "bob", "bob"),
        **dict.fromkeys(("milk", "oat milk", "eggs"), (False, "alice", "bob")),
    }
    assert {tasks[title]["category"] for title in ("milk", "oat milk", "eggs")} == {str(category.id)}
    assert (tasks["oat milk"]["id"], tasks["own"]["id"]) == (str(below.id), str(own.id))
    assert json.loads(raw.splitlines()[-1]) == {"type": "end", "categories": 1, "tasks": 4}


def test_an_export_names_the_members_of_own_categories_and_who_created_a_task(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    category = shared(app, alice, "Groceries", "bob")
    create(app, bob, "milk", category=category.id)
    raw = export(app, alice)
    line = lines_of(raw, "category")["Groceries"]
    assert (line["own"], line["owner"], line["members"]) == (True, "alice", [{"username": "bob", "role": "editor"}])
    milk = lines_of(raw, "task")["milk"]
    assert (milk["own"], milk["owner"], milk["created_by"]) == (True, "alice", "bob")


def test_an_export_does_not_name_the_members_of_the_tasks_of_others(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    register(app, "carol")
    milk = create(app, bob, "milk", category=shared(app, alice, "Groceries", "bob").id)
    app.do(alice, app.sharing.share, milk.id, "carol", Role.VIEWER)
    assert lines_of(export(app, bob), "task")["milk"]["members"] == []


def test_an_export_has_nothing_that_the_user_no_longer_sees(app: App, alice: SessionActor, bob: SessionActor) -> None:
    left, demoted = shared(app, alice, "Left", "bob"), shared(app, alice, "Demoted", "bob")
    create(app, bob, "there", category=left.id)
    create(app, bob, "here", category=demoted.id)
    deleted = create(app, bob, "deleted", category=demoted.id)
    app.do(alice, app.trash.delete, deleted.id)
    app.do(alice, app.category_sharing.unshare, left.id, bob.user_id)
    app.do(alice, app.category_sharing.assign, demoted.id, bob.user_id, Role.VIEWER)
    raw = export(app, bob)
    assert (set(lines_of(raw, "category")), set(lines_of(raw, "task"))) == ({"Demoted"}, {"here"})


def test_an_import_passes_over_what_belongs_to_others(app: App, alice: SessionActor, bob: SessionActor) -> None:
    category = shared(app, alice, "Groceries", "bob")
    create(app, bob, "own")
    create(app, bob, "milk", category=category.id)
    carol = register(app, "carol")
    raw = export(app, bob)
    for dry_run in (True, False):
        report = import_file(app, carol, raw, dry_run=dry_run)
        assert (report.categories.passed_over, report.tasks.passed_over) == (1, 1)
        assert (report.categories.created, report.tasks.created, report.skipped) == (0, 1, 0)
        assert [(each.field, "alice" in each.message) for each in report.notices] == [("own", True)] * 2
    raw = export(app, carol)
    assert (set(lines_of(raw, "category")), set(lines_of(raw, "task"))) == (set(), {"own"})


def test_an_import_matches_the_tasks_that_the_user_owns_and_not_those_created(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    milk = create(app, bob, "milk", category=shared(app, alice, "Groceries", "bob").id)
    record = {"id": milk.id, "title": "milk"}
    for actor, unchanged, mapped in ((alice, 1, 0), (bob, 0, 1)):
        report = import_tasks(app, actor, record)
        assert (report.tasks.unchanged, report.tasks.created, report.tasks.mapped) == (unchanged, mapped, mapped)


def test_an_import_matches_own_categories_only(app: App, alice: SessionActor, bob: SessionActor) -> None:
    category = shared(app, alice, "Groceries", "bob")
    record = {"type": "category", "id": category.id, "name": "groceries"}
    filed = {"type": "task", "id": uuid4(), "title": "milk", "category": category.id}
    assert [each.field for each in import_lines(app, bob, filed).errors] == ["category"]
    report = import_lines(app, bob, record, filed)
    assert (report.categories.created, report.categories.mapped, report.tasks.created) == (1, 1, 1)
    report = import_file(app, bob, b"TYPE,CONTENT\nsection,Groceries\ntask,eggs\n", FileFormat.TODOIST)
    assert (report.categories.unchanged, report.skipped) == (1, 0)
    assert set(lines_of(export(app, bob), "task")) == {"milk", "eggs"}
    assert lines_of(export(app, alice), "task") == {}


def test_a_todoist_section_named_like_a_category_of_another_is_a_new_category(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    shared(app, alice, "Groceries", "bob")
    raw = b"TYPE,CONTENT\nsection,Groceries\ntask,eggs\nsection,Home\ntask,oats\n"
    report = import_file(app, bob, raw, FileFormat.TODOIST)
    assert (report.categories, report.tasks) == (Counts(created=2), TaskCounts(created=2))
    assert lines_of(export(app, alice), "task") == {}
    report = import_file(app, alice, raw, FileFormat.TODOIST)
    assert (report.categories, report.tasks) == (Counts(created=1, unchanged=1), TaskCounts(created=2))


def test_a_task_imported_into_an_own_shared_category_is_seen_by_its_members(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    category = shared(app, alice, "Groceries", "bob")
    device = Device(app.sync, bob)
    device.catch_up()
    top, below = uuid4(), uuid4()
    report = import_tasks(
        app, alice, {"id": top, "title": "milk", "category": category.id}, {"id": below, "title": "oat", "parent": top}
    )
    assert (report.tasks.created, report.notices) == (2, [])
    for id_ in (top, below):
        task = app.see(bob, app.tasks.get, id_)
        assert (task.owner, task.root_category) == (alice.user_id, category.id)
        assert app.see(bob, app.history.list, id_).changes.items[0].fields["category"].after == category.id
    device.catch_up()
    assert {item for type_, item in device.items if type_ is ItemType.TASK} == {top, below}


def test_an_imported_subtask_follows_the_category_of_its_topmost_task(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    category, home = shared(app, alice, "Groceries", "bob"), shared(app, alice, "Home")
    inside = create(app, alice, "inside", category=category.id)
    outside = create(app, alice, "outside", category=home.id)
    moved: dict[str, tuple[UUID, UUID]] = {
        "to another": (inside.id, home.id),
        "into a shared one": (outside.id, category.id),
        "to its own": (inside.id, category.id),
        "to an unshared one": (outside.id, home.id),
    }
    tasks = [{"id": uuid4(), "title": title, "parent": of, "category": in_} for title, (of, in_) in moved.items()]
    report = import_tasks(app, alice, *tasks)
    assert (report.tasks.created, [(each.line, each.field) for each in report.notices]) == (
        4,
        [(2, "category"), (3, "category")],
    )
    exported = lines_of(export(app, alice), "task")
    assert {title: exported[title]["category"] for title in moved} == {
        "to another": str(category.id),
        "into a shared one": None,
        "to its own": str(category.id),
        "to an unshared one": str(home.id),
    }
    assert {task["title"] for task in exported.values() if task["category"] == str(category.id)} == {
        "inside",
        "to another",
        "to its own",
    }


def test_an_export_has_the_own_categories_of_every_page(
    app: App, alice: SessionActor, bob: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_service, "PAGE", 1)
    for name in ("A", "C"):
        shared(app, alice, name, "bob")
        app.do(bob, app.categories.create, {"name": name + name})
    assert set(lines_of(export(app, bob), "category")) == {"AA", "CC"}
    category = shared(app, alice, "Groceries", "bob")
    for title in ("milk", "eggs", "oats"):
        create(app, bob, title, category=category.id)
    found = [json.loads(line) for line in export(app, bob).splitlines()]
    names = [each["name"] for each in found if each["type"] == "category"]
    assert (names, found[-1]) == (["AA", "CC", "Groceries"], {"type": "end", "categories": 3, "tasks": 3})
