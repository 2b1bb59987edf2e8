"""The reference client when it or the server is killed, and the documentation of the client."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import tasktracker_client
from tasktracker_client import Replica, SyncError, SyncReport
from tasktracker_client.digest import bucket_of, buckets_of
from tasktracker_client.items import ItemType
from tests.contracts.http.base import everything
from tests.http import PASSWORD, Person, Server, clean_environment
from tests.waiting import PATIENCE, wait_until

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "sync.md").read_text(encoding="utf-8")
README = (REPOSITORY / "src" / "tasktracker_client" / "README.md").read_text(encoding="utf-8")

BUSY_CLIENT = """
import sys
from tasktracker_client import Replica

replica = Replica(sys.argv[1], sys.argv[2])
print("ready", flush=True)
for number in range(10_000):
    task = replica.create_task(title=f"{sys.argv[3]} {number}")
    print(task, flush=True)
    replica.edit_task(task, description="edited")
    if number % 3 == 2:
        replica.sync()
"""


SHARING_CLIENT = """
import sys
from tasktracker_client import Replica

path, url, shared, name, field = sys.argv[1:]
with Replica(path, url) as replica:
    print("ready", flush=True)
    sys.stdin.readline()  # both begin at once
    for number in range(30):
        task = replica.create_task(f"{name} {number}")
        replica.edit_task(task, description="edited")
        replica.edit_task(shared, **{field: f"{name} {number}"})
        if number % 3 == 2:
            replica.sync()
        if number % 5 == 4:
            replica.delete(task)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        yield server


@pytest.fixture
def ada(server: Server) -> Person:
    return server.register()


@pytest.fixture
def new_replica(server: Server, ada: Person, tmp_path: Path) -> Iterator[Callable[[str], Replica]]:
    replicas = []

    def new(name: str) -> Replica:
        replica = Replica(tmp_path / f"{name}.db", f"{server.url}/api")
        replicas.append(replica)
        replica.login(ada.username, ada.password, device=name)
        return replica

    yield new
    for replica in replicas:
        replica.close()


def test_a_killed_client_loses_no_edit_and_repeats_none(
    server: Server, ada: Person, new_replica: Callable[[str], Replica], tmp_path: Path
) -> None:
    replica = new_replica("phone")
    made: list[str] = []
    for turn in range(6):
        arguments = [str(tmp_path / "phone.db"), f"{server.url}/api", str(turn)]
        with subprocess.Popen(
            [sys.executable, "-c", BUSY_CLIENT, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment({}),
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.15 + 0.07 * turn)
            process.kill()
            made += [line.strip() for line in process.stdout if line.endswith("\n")]
    assert made
    assert set(made) <= {task.id for task in replica.tasks()}
    assert replica.sync().is_clean
    assert replica.verify().is_in_sync
    stored = everything(ada)["tasks"]
    assert set(made) <= {task["id"] for task in stored}
    assert len({task["title"] for task in stored}) == len(stored), "an edit was repeated"
    # In each turn, all tasks but the last were edited.
    assert sum(task["description"] == "edited" for task in stored) >= len(stored) - 6


def test_two_processes_on_one_file_lose_no_edit(
    server: Server, ada: Person, new_replica: Callable[[str], Replica], tmp_path: Path
) -> None:
    replica = new_replica("phone")
    shared = replica.create_task("shared")
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [
                        sys.executable,
                        "-c",
                        SHARING_CLIENT,
                        str(tmp_path / "phone.db"),
                        f"{server.url}/api",
                        shared,
                        *each,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    env=clean_environment({}),
                )
            )
            for each in (("one", "title"), ("other", "description"))
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            print(file=process.stdin, flush=True)
        assert [process.communicate(timeout=PATIENCE)[1] for process in processes] == ["", ""]
    assert replica.sync().is_clean
    assert not replica.issues()
    assert replica.verify().is_in_sync
    stored = {task["title"]: task["description"] for task in ada.listed("/api/tasks/")}
    kept = {f"{name} {number}": "edited" for name in ("one", "other") for number in range(30) if number % 5 != 4}
    assert stored.pop("one 29") == "other 29", "an edit of the shared task was lost"
    assert stored == kept
    deleted = {f"{name} {number}" for name in ("one", "other") for number in range(4, 30, 5)}
    assert {task["title"] for task in ada.listed("/api/trash/")} == deleted


def test_a_follower_reconnects_to_a_restarted_server(server: Server, new_replica: Callable[[str], Replica]) -> None:
    phone, laptop = new_replica("phone"), new_replica("laptop")
    stop = threading.Event()

    def on_sync(_: SyncReport) -> None:
        if "last" in titles():
            stop.set()

    def titles() -> set[str]:
        return {task.title for task in phone.tasks()}

    def wait_for(title: str) -> None:
        wait_until(lambda: title in titles(), lambda: f"{title} does not arrive: {server.log}")

    thread = threading.Thread(target=phone.follow, args=(stop, on_sync), daemon=True)
    thread.start()
    laptop.create_task(title="first")
    laptop.sync()
    wait_for("first")
    server.kill()
    laptop.create_task(title="while it is gone")
    server.start()
    laptop.sync()
    wait_for("while it is gone")
    phone.create_task(title="mine")
    laptop.create_task(title="last")
    laptop.sync()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    laptop.sync()
    assert {task.title for task in laptop.tasks()} == titles() == {"first", "while it is gone", "mine", "last"}


class TestDocumentation:
    @pytest.fixture
    def blocks(self, server: Server, ada: Person) -> dict[str, str]:
        """The code of the page by its language, with the address of the server and the user's name and password."""
        page = README
        for old, new in {
            "http://127.0.0.1:8000": server.url,
            '"ada"': f'"{ada.username}"',
            '"correct horse battery"': f'"{PASSWORD}"',
        }.items():
            assert old in page
            page = page.replace(old, new)
        found = re.findall(r"^```(\w+)\n(.*?)^```\n", page, re.M | re.S)
        assert [language for language, _ in found] == ["text", "python", "bash"], "a block is not tested"
        return dict(found)

    @staticmethod
    def run(folder: Path, *command: str) -> str:
        result = subprocess.run(
            command, cwd=folder, env=clean_environment({}), capture_output=True, text=True, timeout=PATIENCE
        )
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    def test_the_example_runs(self, blocks: dict[str, str], tmp_path: Path) -> None:
        assert self.run(tmp_path, sys.executable, "-c", blocks["python"]) == "Buy milk True\n2 0 2\nTrue\n"

    def test_the_example_creates_a_token_for_the_client(
        self, blocks: dict[str, str], server: Server, ada: Person, tmp_path: Path
    ) -> None:
        answer = self.run(tmp_path, "bash", "-euo", "pipefail", "-c", blocks["bash"])
        with Replica(tmp_path / "script.db", f"{server.url}/api", token=json.loads(answer)["token"]) as replica:
            replica.create_task("Call")
            assert replica.sync().applied == 1
            assert replica.username == ada.username

    def test_it_names_every_method_and_error(self) -> None:
        public = {name for name in dir(Replica) if not name.startswith("_") and name != "close"}
        words = set(re.findall(r"\w+", README))
        assert public <= words
        kinds = [kind for kind in vars(tasktracker_client).values() if isinstance(kind, type)]
        errors = {kind.__name__ for kind in kinds if issubclass(kind, SyncError)}
        assert errors - {"CursorExpired"} <= words  # a full state that has expired is a fault of the server

    def test_its_example_of_a_digest_is_right(self) -> None:
        found = re.search(r"version (\d+) of the task `(.+?)` is `(..)`, and its\s+hash is `(\w{64})`", PAGE)
        assert found
        version, task, bucket, digest = found.groups()
        assert bucket_of(task) == bucket
        assert buckets_of([(ItemType.TASK, task, int(version))]) == {bucket: digest}
        # By hand, as the page says.
        assert hashlib.sha256(task.encode()).hexdigest()[:2] == bucket
        assert hashlib.sha256(f"task {task} {version}\n".encode()).hexdigest() == digest
