"""A server with a sample account to look at: `make demo`. Its data are in a temporary folder."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from tests.http import Person, Server, expect, migrated

PASSWORD = "correct horse battery"
CONFLICT = "Choose a date for the party"


def fill(server: Server) -> tuple[Person, str]:
    """Create Alice, who has tasks and a history, and Ben, with whom she shares a category.

    Return Ben and the id of a task of both.
    """
    alice, ben = (server.register(name, password=PASSWORD) for name in ("alice", "ben"))
    home = alice.category("Home", color="#2f7d4f")
    work = alice.category("Work", color="#2f4fc4")
    party = alice.category("Garden party", color="#c2571a")
    alice.share(party, ben)

    def add(person: Person, title: str, days: int | None = None, **fields: Any) -> dict[str, Any]:
        due = None if days is None else (_today() + timedelta(days=days)).isoformat()
        return person.task(title, due_on=due, **fields)

    add(alice, "Pay the electricity bill", -2, category=home["id"], priority=4)
    every_third_day = {"rule": "FREQ=DAILY;INTERVAL=3", "time_zone": "UTC"}
    add(alice, "Water the plants", 0, category=home["id"], recurrence=every_third_day)
    letter = add(alice, "Answer the letter of the bank", 0, category=work["id"], priority=3)
    soon = datetime.now(UTC) + timedelta(minutes=1)
    expect(alice.post(f"/api/tasks/{letter['id']}/reminders/", {"at": soon.isoformat()}), 201)
    report = add(alice, "Write the quarterly report", 1, category=work["id"], priority=3, state="in_progress")
    for title in ("Collect the figures", "Ask Ben to read it"):
        add(alice, title, parent=report["id"])
    add(alice, "Renew the passport", 12, description="- photo\n- the **old passport**\n- [form](https://example.org/)")
    add(ben, "Invite the neighbours", 3, category=party["id"])
    add(ben, "Borrow benches", 5, category=party["id"], priority=3)
    date = add(alice, CONFLICT, 1, category=party["id"])
    expect(ben.patch(f"/api/tasks/{date['id']}/", {"description": "Not the 12th!", "priority": 3}), 200)
    for title in ("Buy stamps", "Repair the bicycle"):
        expect(alice.patch(f"/api/tasks/{add(alice, title)['id']}/", {"state": "done"}), 200)
    expect(alice.delete(f"/api/tasks/{add(alice, 'Call about the old sofa')['id']}/"), 204)
    return ben, date["id"]


def _today() -> date:
    return datetime.now().astimezone().date()


def conflict(server: Server, ben: Person, task: str) -> None:
    """Let Ben change the title of a task while the server cannot be reached at the address of the app."""
    server.stop()
    click.prompt(f"Offline. Change the title of “{CONFLICT}” in the app, then press Enter", "", show_default=False)
    with Server(server.folder, DATABASE_URL=server.environment["DATABASE_URL"]) as other:
        expect(ben.through(other.client).patch(f"/api/tasks/{task}/", {"title": "Choose a Sunday for the party"}), 200)
    server.start()
    click.echo("Online again. Ben has changed it, too, so the app asks which title you want.")


def main() -> None:
    """Serve the sample account until the user presses Ctrl-C."""
    with (
        suppress(click.Abort),
        TemporaryDirectory(prefix="tasktracker-demo-") as folder,
        Server(Path(folder), DATABASE_URL=migrated(f"sqlite:///{folder}/tasks.db")) as server,
    ):
        ben, task = fill(server)
        click.echo(f"Open {server.url}, and sign in as alice or ben with the password: {PASSWORD}")
        click.prompt("Press Enter to see a conflict, or Ctrl-C to end", "", show_default=False)
        conflict(server, ben, task)
        click.prompt("Press Enter to end", "", show_default=False)


if __name__ == "__main__":
    main()
