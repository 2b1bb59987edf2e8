"""A device that uses the Python client, for tests that are written in JavaScript. Commands come line by line."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from tasktracker_client import Category, Recurrence, Replica, Task, UnknownItem

DAILY: Recurrence = {"rule": "FREQ=DAILY", "time_zone": "UTC"}


def edit(replica: Replica, chance: random.Random) -> None:
    """Make a random edit, if the chosen item exists."""
    choose = chance.choice
    task = choose([each.id for each in replica.tasks()] or ["none"])
    category = choose([each.id for each in replica.categories()] or ["none"])
    word = choose("abcdefgh")
    actions: list[Callable[[], object]] = [
        lambda: replica.create_task(title=word, category=None if category == "none" else category),
        lambda: replica.edit_task(task, title=word),
        lambda: replica.edit_task(task, due_on=choose([None, date(2027, 3, 1)])),
        lambda: replica.edit_task(task, description=word, priority=choose([1, 2, 3, 4])),
        lambda: replica.complete(task),
        lambda: replica.edit_task(task, due_on=date(2027, 3, 1), recurrence=DAILY),
        lambda: replica.delete(task),
        lambda: replica.restore(task),
        lambda: replica.create_category(name=f"{word} {chance.random()}"),
        lambda: replica.edit_category(category, color=choose([None, "#112233"])),
        lambda: replica.delete_category(category),
    ]
    with suppress(UnknownItem):
        choose(actions)()


def state(replica: Replica) -> Mapping[str, Any]:
    """Return all items, and whether they are those of the server."""
    items: list[Task | Category] = [*replica.tasks(), *replica.categories()]
    return {
        "items": {
            item.id: {name: value for name, value in item.data.items() if name != "created_by"} for item in items
        },
        "in_sync": replica.verify().is_in_sync,
    }


def main() -> None:
    """Log in, and do what each line of the standard input says."""
    url, file, username, password, seed = sys.argv[1:]
    chance = random.Random(int(seed))
    with Replica(file, f"{url}/api") as replica:
        replica.login(username, password)
        for line in sys.stdin:
            answer: Any = None
            match line.strip():
                case "edit":
                    edit(replica, chance)
                case "sync":
                    replica.sync()
                case "state":
                    answer = state(replica)
            print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
