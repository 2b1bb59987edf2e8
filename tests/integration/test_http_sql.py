"""The HTTP contracts hold on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.http import (
    accounts,
    bad_input,
    categories,
    conventions,
    history,
    idempotency,
    lists,
    put_create,
    sessions,
    shares,
    subtasks,
    sync,
    tasks,
    trash,
)
from tests.contracts.http.base import HttpContract
from tests.http import Api, migrated
from tests.postgres import DatabaseFactory


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sql(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/tasks.db"
    else:
        databases: DatabaseFactory = request.getfixturevalue("postgres_url_factory")
        url = databases.create_database()
    with Api(migrated(url)) as api:
        yield api


class OnSql(HttpContract):
    @pytest.fixture
    def shared(self, sql: Api) -> Api:
        return sql


class TestResponse(OnSql, conventions.ResponseContract):
    pass


class TestPath(OnSql, conventions.PathContract):
    pass


class TestProblem(OnSql, conventions.ProblemContract):
    pass


class TestAuthentication(OnSql, conventions.AuthenticationContract):
    pass


class TestCors(OnSql, conventions.CorsContract):
    pass


class TestService(OnSql, conventions.ServiceContract):
    pass


class TestRegistration(OnSql, accounts.RegistrationContract):
    pass


class TestPassword(OnSql, accounts.PasswordContract):
    pass


class TestProfile(OnSql, accounts.ProfileContract):
    pass


class TestDeletion(OnSql, accounts.DeletionContract):
    pass


class TestDisabledUser(OnSql, accounts.DisabledUserContract):
    pass


class TestBusy(OnSql, accounts.BusyContract):
    pass


class TestLogin(OnSql, sessions.LoginContract):
    pass


class TestRefresh(OnSql, sessions.RefreshContract):
    pass


class TestVerify(OnSql, sessions.VerifyContract):
    pass


class TestLogout(OnSql, sessions.LogoutContract):
    pass


class TestSessions(OnSql, sessions.SessionsContract):
    pass


class TestExpiry(OnSql, sessions.ExpiryContract):
    pass


class TestCategory(OnSql, categories.CategoryContract):
    pass


class TestCategoryName(OnSql, categories.CategoryNameContract):
    pass


class TestCategoryList(OnSql, categories.CategoryListContract):
    pass


class TestCategoryPrivacy(OnSql, categories.CategoryPrivacyContract):
    pass


class TestCategoryVersion(OnSql, categories.CategoryVersionContract):
    pass


class TestTask(OnSql, tasks.TaskContract):
    pass


class TestOverdue(OnSql, tasks.OverdueContract):
    pass


class TestStart(OnSql, tasks.StartContract):
    pass


class TestTaskList(OnSql, tasks.TaskListContract):
    pass


class TestCursor(OnSql, tasks.CursorContract):
    pass


class TestTaskPrivacy(OnSql, tasks.TaskPrivacyContract):
    pass


class TestTaskVersion(OnSql, tasks.TaskVersionContract):
    pass


class TestFirstService(OnSql, tasks.FirstServiceContract):
    pass


class TestTaskOrder(OnSql, lists.TaskOrderContract):
    pass


class TestTaskFilter(OnSql, lists.TaskFilterContract):
    pass


class TestSubtask(OnSql, subtasks.SubtaskContract):
    pass


class TestIdempotency(OnSql, idempotency.IdempotencyContract):
    pass


class TestIdempotencyKey(OnSql, idempotency.IdempotencyKeyContract):
    pass


class TestTaskPutCreate(OnSql, put_create.TaskPutCreateContract):
    pass


class TestCategoryPutCreate(OnSql, put_create.CategoryPutCreateContract):
    pass


class TestShare(OnSql, shares.ShareContract):
    pass


class TestSharedTask(OnSql, shares.SharedTaskContract):
    pass


class TestShareTree(OnSql, shares.ShareTreeContract):
    pass


class TestShareLimit(OnSql, shares.ShareLimitContract):
    pass


class TestTrash(OnSql, trash.TrashContract):
    pass


class TestTrashTree(OnSql, trash.TrashTreeContract):
    pass


class TestHistory(OnSql, history.HistoryContract):
    pass


class TestUndo(OnSql, history.UndoContract):
    pass


class TestBadField(OnSql, bad_input.BadFieldContract):
    pass


class TestBadBody(OnSql, bad_input.BadBodyContract):
    pass


class TestBadPath(OnSql, bad_input.BadPathContract):
    pass


class TestBadQuery(OnSql, bad_input.BadQueryContract):
    pass


class TestPull(OnSql, sync.PullContract):
    pass


class TestPush(OnSql, sync.PushContract):
    pass


class TestDigest(OnSql, sync.DigestContract):
    pass
