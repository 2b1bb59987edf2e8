"""The client: a copy of a user's data on a device that may be offline."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from tasktracker_client.digest import bucket_of, buckets_of
from tasktracker_client.errors import CursorExpired, NotUnderstood, Offline, Refused, Unavailable, UnknownItem
from tasktracker_client.http import Api
from tasktracker_client.local import LocalCopy
from tasktracker_client.model import (
    Change,
    Issue,
    Item,
    ItemType,
    Mutation,
    Op,
    Page,
    Result,
    Status,
    SyncReport,
    Verification,
)
from tasktracker_client.stream import Backoff, Event, events

BATCH = 100
PAGE = 200
ATTEMPTS = 5
POLL_SECONDS = 30.0
PATHS = {ItemType.TASK: "/tasks", ItemType.CATEGORY: "/categories"}
COMPUTED = "is_overdue"  # depends on the current time, so it is not stored


class Replica:
    """A user's tasks and categories in a file: usable offline, and synchronized when the server is reachable.

    Several threads may use it: one can follow the server while others edit.
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
        """Open the copy in a file. A missing file is created.

        `api_url` is the URL of the API, such as http://127.0.0.1:8000/api. `token` is an API token; to use a password,
        call `login`. The file stores the tokens, so a reopened copy stays logged in.
        """
        self._local = LocalCopy(path)
        self._api = Api(api_url, self._local, client, sleep)
        self._syncing = threading.RLock()
        if token is not None:
            self._local.set(access=token, refresh=None)

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

    def register(self, username: str, password: str, **more: Any) -> None:
        """Create an account and log in."""
        self._api.open_session("/accounts/register/", {"username": username, "password": password, **more})

    def login(self, username: str, password: str, **more: Any) -> None:
        """Log in. `more` may contain `device` and `code`. Raises WrongUser if the copy belongs to another user."""
        self._api.open_session("/accounts/login/", {"username": username, "password": password, **more})

    def logout(self) -> None:
        """End the session. The copy and the edits are kept."""
        self._api.close_session()

    # ----------------------------------------------------------------- tasks

    def tasks(self) -> Sequence[Item]:
        """Return all tasks."""
        return self._local.view(ItemType.TASK)

    def task(self, id: str) -> Item:
        """Return a task. Raises UnknownItem."""
        return self._one(ItemType.TASK, id)

    def create_task(self, **fields: Any) -> str:
        """Create a task and return its id."""
        return self._create(ItemType.TASK, fields)

    def edit_task(self, id: str, **fields: Any) -> None:
        """Set fields of a task. Raises UnknownItem."""
        self._local.edit(ItemType.TASK, Op.UPDATE, id, fields)

    def complete(self, id: str) -> None:
        """Mark a task as done. Raises UnknownItem."""
        self.edit_task(id, state="done")

    def delete(self, id: str) -> None:
        """Move a task to the trash. Raises UnknownItem."""
        self._local.edit(ItemType.TASK, Op.DELETE, id, {})

    def restore(self, id: str) -> None:
        """Restore a task from the trash."""
        self._local.edit(ItemType.TASK, Op.RESTORE, id, {})

    # ------------------------------------------------------------ categories

    def categories(self) -> Sequence[Item]:
        """Return all categories."""
        return self._local.view(ItemType.CATEGORY)

    def category(self, id: str) -> Item:
        """Return a category. Raises UnknownItem."""
        return self._one(ItemType.CATEGORY, id)

    def create_category(self, **fields: Any) -> str:
        """Create a category and return its id."""
        return self._create(ItemType.CATEGORY, fields)

    def edit_category(self, id: str, **fields: Any) -> None:
        """Set fields of a category. Raises UnknownItem."""
        self._local.edit(ItemType.CATEGORY, Op.UPDATE, id, fields)

    def delete_category(self, id: str) -> None:
        """Delete a category. Raises UnknownItem."""
        self._local.edit(ItemType.CATEGORY, Op.DELETE, id, {})

    def _create(self, type: ItemType, fields: dict[str, Any]) -> str:
        target = str(uuid4())
        self._local.edit(type, Op.CREATE, target, fields)
        return target

    def _one(self, type: ItemType, id: str) -> Item:
        for item in self._local.view(type, id):
            return item
        raise UnknownItem(id)

    # --------------------------------------------------------------- syncing

    @property
    def pending(self) -> Sequence[Mutation]:
        """The edits that the server has not confirmed yet."""
        return self._local.outbox()

    def issues(self) -> Sequence[Issue]:
        """Return the edits that the server did not accept, until they are dismissed."""
        return self._local.issues()

    def dismiss(self, *issues: Issue) -> None:
        """Remove edits that the server did not accept from `issues`."""
        self._local.dismiss([issue.mutation for issue in issues])

    def sync(self) -> SyncReport:
        """Send all edits and fetch all changes. Raises SyncError; the steps completed before it remain in effect."""
        with self._syncing:
            report = SyncReport()
            self._push(report)
            self._pull(report)
            return report

    def _push(self, report: SyncReport) -> None:
        limit = BATCH
        while batch := self._local.next_batch(limit):
            results: Sequence[Result]
            try:
                answer = self._api.post("/sync/", {"mutations": [mutation.body for mutation in batch]})
            except Refused as refused:
                if refused.status not in (400, 413):
                    raise
                # One edit makes the request invalid or too large. Find it by halving the batch.
                if len(batch) > 1:
                    limit = len(batch) // 2
                    continue
                results = [Result(mutation=batch[0].id, status=Status.REJECTED, version=None, problem=refused.problem)]
            else:
                results = self._results(answer, batch)
            limit = min(BATCH, limit * 2)
            for result in results:
                report.applied += result.status is Status.APPLIED
                report.merged += result.status is Status.MERGED
                report.duplicates += result.status is Status.DUPLICATE
            for issue in self._local.settle(results):
                (report.conflicts if issue.status is Status.CONFLICT else report.rejections).append(issue)

    @staticmethod
    def _results(answer: Any, batch: Sequence[Mutation]) -> Sequence[Result]:
        try:
            results = [Result.read(each) for each in answer["results"]]
        except (KeyError, TypeError, ValueError):
            raise NotUnderstood("The results of the edits cannot be read.") from None
        if [result.mutation for result in results] != [mutation.id for mutation in batch]:
            raise NotUnderstood("The results do not match the edits that were sent.")
        return results

    def _pull(self, report: SyncReport) -> None:
        while True:
            cursor = self._local.cursor
            try:
                answer = self._api.get("/sync/", limit=PAGE, **({"cursor": cursor} if cursor else {}))
            except CursorExpired:
                if cursor is None:
                    raise
                self._local.start_over(cursor)
                report.started_over = True
                continue
            try:
                page = Page.read(answer)
            except (KeyError, TypeError, ValueError):
                raise NotUnderstood("The page of changes cannot be read.") from None
            if self._local.apply(page, cursor):
                report.pulled += len(page.changes)
                if not page.has_more:
                    return

    # ------------------------------------------------------------- following

    def follow(
        self,
        stop: threading.Event,
        on_sync: Callable[[SyncReport], object] = lambda _: None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Follow the stream of changes until `stop` is set, and reconnect when it breaks.

        It returns after the server's next message, which takes at most 20 seconds.

        `on_sync` receives the report of each sync, and may set `stop`. If the server has no stream, it is polled every
        `poll_seconds`. If the server is unreachable, it retries. Raises LoginRequired and Refused.
        """
        backoff = Backoff()
        while not stop.is_set():
            delay = 0.0
            try:
                on_sync(self.sync())
                if not stop.is_set():
                    self._listen(stop, on_sync, backoff)
            except Unavailable as unavailable:
                delay = unavailable.retry_after
            except (Offline, NotUnderstood, CursorExpired):
                pass  # retried; after an expired cursor, the next sync starts over
            except Refused as refused:
                if refused.status not in (404, 409):  # there is no stream, or too many are open
                    raise
                stop.wait(poll_seconds)
                continue
            stop.wait(backoff.next(delay))

    def _listen(self, stop: threading.Event, on_sync: Callable[[SyncReport], object], backoff: Backoff) -> None:
        with self._api.stream("/events/", self._local.cursor) as lines:
            for event in events(lines):
                backoff.reset()
                if not stop.is_set() and event is not None and not self._includes(event):
                    on_sync(self.sync())
                if stop.is_set():
                    return

    def _includes(self, event: Event) -> bool:
        """Return whether the copy already includes the change of an event, such as this device's own edit."""
        with suppress(ValueError, KeyError, TypeError):
            data = json.loads(event.data)
            known = self._local.version(data["type"], data["id"])
            if data["op"] == "delete":
                return known is None
            return known is not None and known >= data["version"]
        return False

    # ------------------------------------------------------------- verifying

    def verify(self) -> Verification:
        """Fetch all changes, then compare digests with the server. Edits that were not sent are ignored."""
        with self._syncing:
            self._pull(SyncReport())
            found = self._compare()
            for _ in range(ATTEMPTS):
                if found.is_in_sync:
                    break
                between = SyncReport()
                self._pull(between)
                if not between.pulled:
                    break
                # The server's data has changed during the comparison.
                found = self._compare()
            return found

    def _compare(self) -> Verification:
        versions = self._local.versions()
        mine = buckets_of(versions)
        answer = self._api.get("/sync/digest/")
        try:
            count, theirs = int(answer["count"]), dict(answer["buckets"])
        except (KeyError, TypeError, ValueError):
            raise NotUnderstood("The digest cannot be read.") from None
        names = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
        return Verification(len(versions), count, names)

    def repair(self) -> Verification:
        """Fetch only the items that differ from the server's, and return the result of a new comparison."""
        with self._syncing:
            for bucket in self.verify().buckets:
                self._repair_bucket(bucket)
            return self.verify()

    def _repair_bucket(self, bucket: str) -> None:
        mine = {item[:2]: item[2] for item in self._local.versions() if bucket_of(item[1]) == bucket}
        answer = self._api.get(f"/sync/digest/{bucket}/")
        try:
            theirs = {(ItemType(each["type"]), each["id"]): each["version"] for each in answer["items"]}
        except (KeyError, TypeError, ValueError):
            raise NotUnderstood("The bucket cannot be read.") from None
        differing = [key for key, version in theirs.items() if mine.get(key) != version]
        found = [change for key in differing if (change := self._fetch(*key))]
        self._local.repair(mine.keys() - theirs.keys(), found)

    def _fetch(self, type: ItemType, id: str) -> Change | None:
        try:
            data = dict(self._api.get(f"{PATHS[type]}/{id}/"))
        except Refused as refused:
            if refused.status == 404:
                return None  # deleted meanwhile, which the next page reports
            raise
        data.pop(COMPUTED, None)
        return Change(type, id, data["version"], data)
