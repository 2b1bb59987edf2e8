"""The server and the client are separate distributions that share no file."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from email.message import Message
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
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_of(tmp_path_factory.mktemp("client"), PACKAGE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_of(tmp_path_factory.mktemp("server"), REPOSITORY)


def contents(wheel: Path) -> set[str]:
    """The files that a wheel installs, without its metadata."""
    with ZipFile(wheel) as file:
        return {name for name in file.namelist() if ".dist-info/" not in name}


def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as file:
        [path] = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(file.read(path).decode())


def project(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def test_the_wheel_of_the_client_has_its_modules_only(client: Path) -> None:
    modules = {f"tasktracker_client/{path.name}" for path in PACKAGE.glob("*.py")}
    assert contents(client) == modules | {"tasktracker_client/py.typed"}


def test_the_wheel_of_the_server_has_every_file_of_its_package_and_of_the_browser_app_only(server: Path) -> None:
    source = REPOSITORY / "src"
    paths = [path for name in ("tasktracker", "tasktracker_web") for path in (source / name).rglob("*")]
    files = {path.relative_to(source).as_posix() for path in paths if path.is_file()}
    assert contents(server) == {name for name in files if "__pycache__" not in name}
    assert "tasktracker/py.typed" in files


def test_the_client_needs_httpx_only(client: Path) -> None:
    found = metadata(client)
    assert found["Name"] == "tasktracker-client"
    assert found.get_all("Requires-Dist") == ["httpx>=0.28"]


def test_the_server_needs_the_client_for_the_demonstration_only(server: Path, client: Path) -> None:
    found = metadata(server)
    assert found["Name"] == "tasktracker-server"
    requirements = [each for each in found.get_all("Requires-Dist", []) if "tasktracker" in each]
    assert requirements == ["tasktracker-client<0.3,>=0.2; extra == 'sync-demo'"]
    assert metadata(client)["Version"].startswith("0.2.")


def test_the_client_works_without_the_server(client: Path, tmp_path: Path) -> None:
    script = """
import sys
sys.modules["tasktracker"] = None  # importing it fails
sys.path.insert(0, sys.argv[1])
from tasktracker_client import Offline, Replica
assert ".whl" in sys.modules["tasktracker_client"].__file__
with Replica(sys.argv[2], "http://127.0.0.1:1/api", token="none") as replica:
    replica.create_task(title="Call")
    try:
        replica.sync()
    except Offline:
        print([task.title for task in replica.tasks()], len(replica.pending))
"""
    result = subprocess.run(
        [sys.executable, "-I", "-c", script, client, tmp_path / "copy.db"], capture_output=True, text=True
    )
    assert (result.stdout, result.stderr) == ("['Call'] 1\n", "")


def test_both_have_the_same_version_license_and_supported_pythons() -> None:
    client, server = project(PACKAGE), project(REPOSITORY)
    for name in ("version", "requires-python", "license", "license-files", "authors"):
        assert client[name] == server[name]
    assert (PACKAGE / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()
    assert set(client["dependencies"]) <= set(server["dependencies"])
    assert pythons(client) == pythons(server)


def pythons(project: dict[str, Any]) -> set[str]:
    return {each for each in project["classifiers"] if each.startswith("Programming Language :: Python")}
