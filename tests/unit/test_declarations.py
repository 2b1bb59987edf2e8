"""Declarations that must match: fields of entities, and registries of synced types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

import msgspec
import pytest

from tasktracker.adapters.memory.tables import Data
from tasktracker.adapters.sql import feed as sql_feed
from tasktracker.domain.accounts.user import USER, User, UserFields
from tasktracker.domain.api_tokens.api_token import API_TOKEN, ApiToken, ApiTokenFields
from tasktracker.domain.categories.category import CATEGORY, Category, CategoryFields
from tasktracker.domain.feed.items import SYNCED_TYPES, ItemType
from tasktracker.domain.kernel.fields import EditableFields
from tasktracker.domain.notifications.notification import NOTIFICATION, Notification, NotificationFields
from tasktracker.domain.notifications.preferences import PREFERENCES, PreferenceFields, Preferences
from tasktracker.domain.portability import ndjson
from tasktracker.domain.reminders.reminder import REMINDER, Reminder, ReminderFields
from tasktracker.domain.sync.mutation import MutationOp
from tasktracker.domain.sync.service import DEFAULT_TYPES
from tasktracker.domain.tasks.task import TASK, Task, TaskFields
from tasktracker.entrypoints.http import changes, push
from tasktracker.entrypoints.http.accounts import EditProfile, Register, UserView
from tasktracker.entrypoints.http.api_tokens import ApiTokenView, CreateApiToken
from tasktracker.entrypoints.http.categories import CategoryView, CreateCategory, EditCategory, ReplaceCategory
from tasktracker.entrypoints.http.notifications import (
    EditNotification,
    EditPreferences,
    NotificationView,
    PreferencesView,
)
from tasktracker.entrypoints.http.reminders import CreateReminder, ReminderView
from tasktracker.entrypoints.http.task_schemas import CreateTask, EditTask, ReplaceTask, TaskData, TaskView
from tasktracker_client.items import DEFAULTS as CLIENT_DEFAULTS
from tasktracker_client.items import ItemType as ClientItemType
from tests.fakes import App

EDITABLE: Mapping[type, tuple[EditableFields[Any], type]] = {
    Task: (TASK, TaskFields),
    Category: (CATEGORY, CategoryFields),
    User: (USER, UserFields),
    ApiToken: (API_TOKEN, ApiTokenFields),
    Reminder: (REMINDER, ReminderFields),
    Notification: (NOTIFICATION, NotificationFields),
    Preferences: (PREFERENCES, PreferenceFields),
}
BODIES: Mapping[type, tuple[type[msgspec.Struct], ...]] = {
    Task: (CreateTask, ReplaceTask, EditTask),
    Category: (CreateCategory, ReplaceCategory, EditCategory),
    User: (Register, EditProfile),
    ApiToken: (CreateApiToken,),
    Reminder: (CreateReminder,),
    Notification: (EditNotification,),
    Preferences: (EditPreferences,),
}
VIEWS: Mapping[type, tuple[type[msgspec.Struct], ...]] = {
    Task: (TaskData, TaskView),
    Category: (CategoryView,),
    User: (UserView,),
    ApiToken: (ApiTokenView,),
    Reminder: (ReminderView,),
    Notification: (NotificationView,),
    Preferences: (PreferencesView,),
}
NOT_SHOWN = {
    Task: {"root", "root_category", "members", "list_members", "occurrence", "trashed_at", "trashed_with"},
    Category: {"user_id", "field_versions"},
    User: {"password_hash", "is_active", "version"},
    ApiToken: {"user_id", "secret_hash"},
    Reminder: {"user_id", "fired_for"},
    Notification: {"user_id"},
    Preferences: {"user_id"},
}
"""Fields that clients do not see, or see in another form."""

every_entity = pytest.mark.parametrize("entity", EDITABLE, ids=lambda entity: entity.__name__)


@every_entity
def test_a_caller_can_pass_exactly_the_editable_fields(entity: type) -> None:
    editable, typed = EDITABLE[entity]
    assert get_type_hints(typed) == editable.types


@every_entity
def test_a_body_has_exactly_the_editable_fields(entity: type) -> None:
    editable, _ = EDITABLE[entity]
    for body in BODIES[entity]:
        names = set(body.__struct_fields__)
        assert set(editable.names) <= names, body
        assert not {field.name for field in fields(entity)} - set(editable.names) - read_only(body) & names, body


def read_only(body: type[msgspec.Struct]) -> set[str]:
    """Return the fields of a body that the server ignores or uses otherwise."""
    hints = get_type_hints(body, include_extras=True)
    ignored = {name for name, hint in hints.items() if "readOnly" in repr(hint)}
    return ignored | {"version", "pending_email"}  # a precondition, and an address that null gives up


@every_entity
def test_a_view_shows_every_field_that_is_not_hidden(entity: type) -> None:
    for view in VIEWS[entity]:
        missing = {field.name for field in fields(entity)} - set(view.__struct_fields__)
        assert missing == NOT_SHOWN[entity], view


def test_the_client_has_a_default_for_every_synced_field() -> None:
    synced = {ClientItemType.TASK: TaskData, ClientItemType.CATEGORY: CategoryView}
    assert {type_: {*defaults, "id", "version"} for type_, defaults in CLIENT_DEFAULTS.items()} == {
        type_: set(view.__struct_fields__) for type_, view in synced.items()
    }
    for editable, type_ in ((TASK, ClientItemType.TASK), (CATEGORY, ClientItemType.CATEGORY)):
        defaults = {name: msgspec.to_builtins(value) for name, value in editable.defaults.items()}
        assert {name: CLIENT_DEFAULTS[type_][name] for name in defaults} == defaults


def test_every_editable_field_is_read_from_an_export() -> None:
    for line, editable in ((ndjson._TASK, TASK), (ndjson._CATEGORY, CATEGORY)):
        assert set(editable.names) <= set(line)


# ------------------------------------------------------------------ synced types


def test_clients_that_name_no_types_get_those_of_the_first_release() -> None:
    assert {each.value for each in DEFAULT_TYPES} == {"task", "category"}


def test_every_synced_type_is_in_every_registry() -> None:
    types = set(ItemType)
    mutations = App.in_memory().pushing.mutations
    with_data = {
        (type_, op) for type_ in types for op in (MutationOp.CREATE, MutationOp.UPDATE) if mutations[type_].of(op)
    }
    assert {each.type for each in SYNCED_TYPES} == types
    assert set(Data().synced) == types
    assert set(sql_feed.SYNCED_ROWS) == types
    assert set(mutations) == types
    assert set(changes.VIEWS) == types
    assert set(push.BODIES) == with_data
    assert {each.value for each in ClientItemType} == {each.value for each in DEFAULT_TYPES}
