"""Sending edits, fetching changes, and comparing the copy with the server."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from tasktracker_client.digest import bucket_of, buckets_of
from tasktracker_client.errors import CursorExpired, NotUnderstood, Refused, understanding
from tasktracker_client.http import Api
from tasktracker_client.items import ItemType
from tasktracker_client.local import LocalCopy
from tasktracker_client.model import Change, Mutation, Page, Result, Status, SyncReport, Verification

BATCH = 100
PAGE = 200
ATTEMPTS = 5
PATHS = {ItemType.TASK: "/tasks", ItemType.CATEGORY: "/categories"}
COMPUTED = "is_overdue"  # depends on the current time, so it is not stored


class Syncer:
    """Keeps a copy in sync with the server. Each method raises SyncError."""

    def __init__(self, local: LocalCopy, api: Api) -> None:
        self._local = local
        self._api = api
        self._lock = threading.RLock()

    def sync(self) -> SyncReport:
        """Send all edits and fetch all changes."""
        with self._lock:
            report = SyncReport()
            self._push(report)
            self._pull(report)
            if report.started_over and self._local.has_unsent:
                self._push(report)  # edits that a restored backup may not have
                self._pull(report)
            return report

    def _push(self, report: SyncReport) -> None:
        limit = BATCH
        while batch := self._local.next_batch(limit):
            results: Sequence[Result]
            try:
                answer = self._api.call("POST", "/sync/", json={"mutations": [mutation.body for mutation in batch]})
            except Refused as refused:
                if not _is_of_mutations(refused):
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
            lists = {Status.CONFLICT: report.conflicts, Status.PARTIAL: report.partial}
            for issue in self._local.settle(results):
                lists.get(issue.status, report.rejections).append(issue)

    @staticmethod
    def _results(answer: object, batch: Sequence[Mutation]) -> Sequence[Result]:
        with understanding("the results of the edits"):
            results = [Result.read(each) for each in answer["results"]]  # type: ignore[index]
        if [result.mutation for result in results] != [mutation.id for mutation in batch]:
            raise NotUnderstood("The results do not match the edits that were sent.")
        return [result.of(mutation) for result, mutation in zip(results, batch, strict=True)]

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
            with understanding("the page of changes"):
                page = Page.read(answer)
            if self._local.apply(page, cursor):
                report.pulled += len(page.changes)
                if not page.has_more:
                    return

    # ------------------------------------------------------------- verifying

    def verify(self) -> Verification:
        """Fetch all changes, then compare digests with the server."""
        with self._lock:
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
        with understanding("the digest"):
            count, theirs = int(answer["count"]), dict(answer["buckets"])
        names = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
        return Verification(len(versions), count, names)

    def repair(self) -> Verification:
        """Fetch only the items that differ from the server's, and return the result of a new comparison."""
        with self._lock:
            for bucket in self.verify().buckets:
                self._repair_bucket(bucket)
            return self.verify()

    def _repair_bucket(self, bucket: str) -> None:
        mine = {item[:2]: item[2] for item in self._local.versions() if bucket_of(item[1]) == bucket}
        answer = self._api.get(f"/sync/digest/{bucket}/")
        with understanding("the bucket"):
            known = set(ItemType)
            items = [each for each in answer["items"] if each["type"] in known]
            theirs = {(ItemType(each["type"]), each["id"]): each["version"] for each in items}
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
        with understanding("the item"):
            return Change(type, id, int(data["version"]), data)


def _is_of_mutations(refused: Refused) -> bool:
    """Whether a request was refused because of a mutation in it."""
    if refused.status != 400:
        return refused.status == 413
    errors = refused.problem.get("errors")
    fields = [str(each.get("field")) for each in errors or () if isinstance(each, dict)]
    return any(field.startswith("mutations[") for field in fields)
