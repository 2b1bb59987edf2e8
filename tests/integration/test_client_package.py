"""The client can be had without the server."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from email.parser import Parser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "src" / "tasktracker_client"


def wheel_of(folder: Path, project: Path) -> Path:
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet", "--wheel-dir")
    result = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, folder, project], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_of(tmp_path_factory.mktemp("client"), PACKAGE)


def modules() -> set[str]:
    return {f"tasktracker_client/{path.name}" for path in PACKAGE.glob("*.py")} | {"tasktracker_client/py.typed"}


def project(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def test_its_wheel_is_the_package_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as file:
        assert {name for name in file.namelist() if ".dist-info/" not in name} == modules()


def test_it_needs_httpx_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as file:
        metadata = Parser().parsestr(file.read("tasktracker_client-0.1.0.dist-info/METADATA").decode())
    assert metadata.get_all("Requires-Dist") == ["httpx>=0.28"]
    assert metadata["Name"] == "tasktracker-client"


def test_it_works_where_the_server_is_not(wheel: Path, tmp_path: Path) -> None:
    script = """
import sys
sys.modules["tasktracker"] = None  # whoever imports it fails
sys.path.insert(0, sys.argv[1])
from tasktracker_client import Offline, Replica
assert ".whl" in sys.modules["tasktracker_client"].__file__
with Replica(sys.argv[2], "http://127.0.0.1:1/api", token="none") as replica:
    replica.create_task(title="Call")
    try:
        replica.sync()
    except Offline:
        print([task["title"] for task in replica.tasks()], len(replica.pending))
"""
    result = subprocess.run(
        [sys.executable, "-I", "-c", script, wheel, tmp_path / "copy.db"], capture_output=True, text=True
    )
    assert (result.stdout, result.stderr) == ("['Call'] 1\n", "")


def test_it_is_in_the_wheel_of_the_server_too_for_the_demonstration(tmp_path: Path) -> None:
    with ZipFile(wheel_of(tmp_path, REPOSITORY)) as file:
        assert {name for name in file.namelist() if name.startswith("tasktracker_client/")} == modules()


def test_both_say_the_same_of_it() -> None:
    client, server = project(PACKAGE), project(REPOSITORY)
    for name in ("version", "requires-python", "license", "authors"):
        assert client[name] == server[name]
    assert set(client["dependencies"]) <= set(server["dependencies"])
