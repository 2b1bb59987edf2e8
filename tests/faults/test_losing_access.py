"""A user loses the access to a shared category while writing to it through two processes: no write commits later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.load import IS_FULL
from tests.faults.losing import (
    Writes,
    changes_by,
    delete_account,
    last_sequences,
    require_as_answered,
    require_no_later_change,
)
from tests.faults.rows import opened
from tests.http import expect
from tests.security.processes import Pair
from tests.waiting import wait_until

ENDINGS = ("unshare", "demote", "leave", "delete member", "delete owner", "delete category")
WRITES = 200 if IS_FULL else 60
ROUNDS = 2 if IS_FULL else 1


@pytest.fixture
def pair(tmp_path: Path, url: str) -> Iterator[Pair]:
    with Pair(tmp_path, url, THROTTLE="off") as pair:
        yield pair


def test_no_write_commits_after_the_access_has_ended(pair: Pair) -> None:
    for ending in ENDINGS * ROUNDS:
        require_no_write_after(pair, ending)


def require_no_write_after(pair: Pair, ending: str) -> None:
    owner, editor, viewer, heir = (pair.visitor(number).register() for number in range(4))
    category = owner.category()
    path = f"/api/categories/{category['id']}/"
    shares = f"{path}shares/{editor.id}/"
    for person, role in ((editor, "editor"), (viewer, "viewer"), (heir, "editor")):
        owner.share(category, person, role)
    wait_until(lambda: expect(viewer.get(path), 200)["ready"], "the member does not become ready")
    ways: dict[str, Callable[[], object]] = {
        "unshare": lambda: expect(owner.delete(shares), 204),
        "demote": lambda: expect(owner.put(shares, {"role": "viewer"}), 200),
        "leave": lambda: expect(editor.delete(shares), 204),
        "delete member": lambda: delete_account(editor),
        "delete owner": lambda: delete_account(owner),
        "delete category": lambda: expect(owner.delete(path), 204),
    }
    loser = owner if ending == "delete owner" else editor
    writes = Writes(pair, loser, owner, category["id"], WRITES)
    before: list[tuple[object, ...]] = []
    with opened(pair.url) as rows:

        def end() -> None:
            ways[ending]()
            before.extend(changes_by(rows, loser))

        ended = writes.run(end)
        accepted = [write for write in writes.done if write.is_accepted]
        assert accepted, "the access ended before the first write"
        assert not [write for write in accepted if write.began > ended]
        require_no_later_change(rows, before, loser)
        require_as_answered(rows, writes.done, loser)
        if ending in ("unshare", "demote", "leave"):
            # The feed of another member counts both in the order of their commits.
            last = last_sequences(rows, viewer)
            assert last["task"] < last["category"], "a write was committed after the role had ended"
        rows.wait_for_jobs()
        require_no_later_change(rows, before, loser)
        require_as_answered(rows, writes.done, loser)
