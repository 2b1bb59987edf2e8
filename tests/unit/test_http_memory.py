"""The HTTP contracts hold on memory."""

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
from tests.http import Api


@pytest.fixture(scope="module")
def memory() -> Iterator[Api]:
    with Api("memory://") as api:
        yield api


class InMemory(HttpContract):
    @pytest.fixture
    def shared(self, memory: Api) -> Api:
        return memory


class TestResponse(InMemory, conventions.ResponseContract):
    pass


class TestPath(InMemory, conventions.PathContract):
    pass


class TestProblem(InMemory, conventions.ProblemContract):
    pass


class TestAuthentication(InMemory, conventions.AuthenticationContract):
    pass


class TestCors(InMemory, conventions.CorsContract):
    pass


class TestService(InMemory, conventions.ServiceContract):
    pass


class TestRegistration(InMemory, accounts.RegistrationContract):
    pass


class TestPassword(InMemory, accounts.PasswordContract):
    pass


class TestProfile(InMemory, accounts.ProfileContract):
    pass


class TestDeletion(InMemory, accounts.DeletionContract):
    pass


class TestDisabledUser(InMemory, accounts.DisabledUserContract):
    pass


class TestBusy(InMemory, accounts.BusyContract):
    pass


class TestLogin(InMemory, sessions.LoginContract):
    pass


class TestRefresh(InMemory, sessions.RefreshContract):
    pass


class TestVerify(InMemory, sessions.VerifyContract):
    pass


class TestLogout(InMemory, sessions.LogoutContract):
    pass


class TestSessions(InMemory, sessions.SessionsContract):
    pass


class TestExpiry(InMemory, sessions.ExpiryContract):
    pass


class TestCategory(InMemory, categories.CategoryContract):
    pass


class TestCategoryName(InMemory, categories.CategoryNameContract):
    pass


class TestCategoryList(InMemory, categories.CategoryListContract):
    pass


class TestCategoryPrivacy(InMemory, categories.CategoryPrivacyContract):
    pass


class TestCategoryVersion(InMemory, categories.CategoryVersionContract):
    pass


class TestTask(InMemory, tasks.TaskContract):
    pass


class TestOverdue(InMemory, tasks.OverdueContract):
    pass


class TestStart(InMemory, tasks.StartContract):
    pass


class TestTaskList(InMemory, tasks.TaskListContract):
    pass


class TestCursor(InMemory, tasks.CursorContract):
    pass


class TestTaskPrivacy(InMemory, tasks.TaskPrivacyContract):
    pass


class TestTaskVersion(InMemory, tasks.TaskVersionContract):
    pass


class TestFirstService(InMemory, tasks.FirstServiceContract):
    pass


class TestTaskOrder(InMemory, lists.TaskOrderContract):
    pass


class TestTaskFilter(InMemory, lists.TaskFilterContract):
    pass


class TestSubtask(InMemory, subtasks.SubtaskContract):
    pass


class TestIdempotency(InMemory, idempotency.IdempotencyContract):
    pass


class TestIdempotencyKey(InMemory, idempotency.IdempotencyKeyContract):
    pass


class TestTaskPutCreate(InMemory, put_create.TaskPutCreateContract):
    pass


class TestCategoryPutCreate(InMemory, put_create.CategoryPutCreateContract):
    pass


class TestShare(InMemory, shares.ShareContract):
    pass


class TestSharedTask(InMemory, shares.SharedTaskContract):
    pass


class TestShareTree(InMemory, shares.ShareTreeContract):
    pass


class TestShareLimit(InMemory, shares.ShareLimitContract):
    pass


class TestTrash(InMemory, trash.TrashContract):
    pass


class TestTrashTree(InMemory, trash.TrashTreeContract):
    pass


class TestHistory(InMemory, history.HistoryContract):
    pass


class TestUndo(InMemory, history.UndoContract):
    pass


class TestBadField(InMemory, bad_input.BadFieldContract):
    pass


class TestBadBody(InMemory, bad_input.BadBodyContract):
    pass


class TestBadPath(InMemory, bad_input.BadPathContract):
    pass


class TestBadQuery(InMemory, bad_input.BadQueryContract):
    pass


class TestPull(InMemory, sync.PullContract):
    pass


class TestPush(InMemory, sync.PushContract):
    pass


class TestDigest(InMemory, sync.DigestContract):
    pass
