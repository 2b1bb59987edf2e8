"""The client: a copy of a user's data on a device that may be offline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict, Unpack
from uuid import uuid4

import httpx

from tasktracker_client.errors import InvalidArgument, InvalidEdit, UnknownItem
from tasktracker_client.following import Following, OnSync
from tasktracker_client.http import Api, check_arguments
from tasktracker_client.items import Category, CategoryEdit, CategoryFields, Id, ItemType, Task, TaskEdit, TaskFields
from tasktracker_client.local import LocalCopy
from tasktracker_client.model import Issue, Mutation, Op, SyncReport, Verification
from tasktracker_client.online import Online, uuid
from tasktracker_client.syncer import Syncer

POLL_SECONDS = 30.0


class Login(TypedDict, total=False):
    """More about a login: the name of the device, and a code of two-factor authentication."""

    device: str
    code: str


class Profile(TypedDict, total=False):
    """More about a new user. `time_zone` is an IANA name, `language` is `en` or `de`.

    `invite` is the token of an invitation, for servers on which registration needs one.
    """

    email: str
    first_name: str
    last_name: str
    time_zone: str
    language: str
    invite: str


class Replica(Online):
    """A user's tasks and categories in a file: usable offline, and synchronized when the server is reachable.

    Several threads may use it, and several processes may use one file. Every method raises SyncError only.
    """

    def __init__(
        self,
        path: Path | str,
        api_url: str,
        *,
        token: str | None = None,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open the copy in a file. A missing file is created. Raises InvalidArgument and LocalStoreError.

        `api_url` is the URL of the API, such as http://127.0.0.1:8000/api. `token` is an API token. To use a password,
        call `login` instead. The file stores the tokens, so a reopened copy stays logged in. A copy belongs to one user
        of one server: a token of another user raises WrongUser, and another server WrongServer, before any edit is
        sent.
        """
        check_arguments(path, api_url, token)
        self._local = LocalCopy(path)
        self._api = Api(api_url, self._local, token, client, sleep)
        self._syncer = Syncer(self._local, self._api)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and the connections."""
        self._api.close()
        self._local.close()

    # -------------------------------------------------------------- sessions

    def register(self, username: str, password: str, **more: Unpack[Profile]) -> None:
        """Create an account and log in. Raises WrongUser if the copy already has a user."""
        self._api.register({"username": username, "password": password, **more})

    def login(self, username: str, password: str, **more: Unpack[Login]) -> None:
        """Log in. Raises WrongServer or WrongUser if the copy belongs to another server or user."""
        self._api.login({"username": username, "password": password, **more})

    def logout(self) -> None:
        """End the session. The copy and the edits are kept."""
        self._api.logout()

    @property
    def username(self) -> str | None:
        """The name of the user to whom the copy belongs, or None before the first login or sync."""
        return self._local.get("username")

    def reset(self, *, discard_edits: bool = False) -> None:
        """Empty the copy, so that it can be used for any user of any server. The session is not ended.

        Raises EditsPending if the copy has edits or issues, unless `discard_edits`.
        """
        self._local.reset(discard_edits=discard_edits)
        self._api.forget()

    # ----------------------------------------------------------------- tasks

    def tasks(self) -> Sequence[Task]:
        """Return all tasks."""
        return [item for item in self._local.view(ItemType.TASK) if isinstance(item, Task)]

    def task(self, id: Id) -> Task:
        """Return a task. Raises UnknownItem."""
        for item in self._local.view(ItemType.TASK, uuid(id)):
            if isinstance(item, Task):
                return item
        raise UnknownItem(str(id))

    def create_task(self, title: str, *, id: Id | None = None, **fields: Unpack[TaskFields]) -> str:
        """Create a task and return its id, which the caller may choose. Raises InvalidEdit."""
        return self._create(ItemType.TASK, id, {"title": title, **fields})

    def edit_task(self, id: Id, **fields: Unpack[TaskEdit]) -> None:
        """Set fields of a task. Raises UnknownItem and InvalidEdit."""
        self._local.edit(ItemType.TASK, Op.UPDATE, uuid(id), fields)

    def complete(self, id: Id) -> None:
        """Mark a task as done. Raises UnknownItem."""
        self.edit_task(id, state="done")

    def delete(self, id: Id) -> None:
        """Move a task to the trash. Raises UnknownItem."""
        self._local.edit(ItemType.TASK, Op.DELETE, uuid(id), {})

    def restore(self, id: Id) -> None:
        """Restore a task from the trash."""
        self._local.edit(ItemType.TASK, Op.RESTORE, uuid(id), {})

    # ------------------------------------------------------------ categories

    def categories(self) -> Sequence[Category]:
        """Return all categories."""
        return [item for item in self._local.view(ItemType.CATEGORY) if isinstance(item, Category)]

    def category(self, id: Id) -> Category:
        """Return a category. Raises UnknownItem."""
        for item in self._local.view(ItemType.CATEGORY, uuid(id)):
            if isinstance(item, Category):
                return item
        raise UnknownItem(str(id))

    def create_category(self, name: str, *, id: Id | None = None, **fields: Unpack[CategoryFields]) -> str:
        """Create a category and return its id, which the caller may choose. Raises InvalidEdit.

        If the server has a category with this name, the existing category is used instead, also for tasks in which the
        returned id is set.
        """
        return self._create(ItemType.CATEGORY, id, {"name": name, **fields})

    def edit_category(self, id: Id, **fields: Unpack[CategoryEdit]) -> None:
        """Set fields of a category. Raises UnknownItem and InvalidEdit."""
        self._local.edit(ItemType.CATEGORY, Op.UPDATE, uuid(id), fields)

    def delete_category(self, id: Id) -> None:
        """Delete a category. Raises UnknownItem."""
        self._local.edit(ItemType.CATEGORY, Op.DELETE, uuid(id), {})

    def _create(self, type: ItemType, id: Id | None, fields: Mapping[str, object]) -> str:
        try:
            target = str(uuid4()) if id is None else uuid(id)
        except UnknownItem:
            raise InvalidEdit(f"An id must be a UUID, not {id!r}.") from None
        self._local.edit(type, Op.CREATE, target, fields)
        return target

    # --------------------------------------------------------------- syncing

    @property
    def pending(self) -> Sequence[Mutation]:
        """The edits that the server has not confirmed yet."""
        return self._local.outbox()

    def sync(self) -> SyncReport:
        """Send all edits and fetch all changes. If it raises SyncError, the completed steps remain in effect."""
        return self._syncer.sync()

    def issues(self) -> Sequence[Issue]:
        """Return the edits that the server did not accept as a whole, until they are dismissed or resent."""
        return self._local.issues()

    def dismiss(self, *issues: Issue) -> None:
        """Remove issues."""
        self._local.dismiss([_checked(issue).mutation for issue in issues])

    def resend(self, issue: Issue, changes: TaskEdit | CategoryEdit | None = None) -> str:
        """Make the edit of an issue again, with the values in `changes` if given, and remove the issue.

        The edit is based on the item's current version. If the item does not exist any more, it is created again with
        its last values. Return the id of the item. Raises InvalidEdit, and UnknownItem if the issue is gone.
        """
        return self._local.resend(_checked(issue), changes or {})

    def follow(
        self, stop: threading.Event, on_sync: OnSync = lambda _: None, poll_seconds: float = POLL_SECONDS
    ) -> None:
        """Stay in sync until `stop` is set: edits are sent, and changes of others are fetched, at once.

        The call returns within a second after `stop` was set. `on_sync` receives the report of each sync, in another
        thread, and may set `stop`. If the server has no stream, the call polls it every `poll_seconds`. If the server
        is unreachable, the call retries. Raises LoginRequired, Refused, WrongServer, WrongUser and LocalStoreError.
        """
        Following(self._local, self._api, self._syncer, on_sync, poll_seconds).run(stop)

    def verify(self) -> Verification:
        """Fetch all changes, then compare digests with the server. Edits that were not sent are ignored."""
        return self._syncer.verify()

    def repair(self) -> Verification:
        """Fetch only the items that differ from the server's, and return the result of a new comparison."""
        return self._syncer.repair()


def _checked(issue: Issue) -> Issue:
    if not isinstance(issue, Issue):
        raise InvalidArgument("An issue of this copy is needed.")
    return issue
