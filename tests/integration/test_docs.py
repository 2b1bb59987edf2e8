"""The documentation is correct: settings, statuses and links are compared with the code, and examples are run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.portability import ndjson
from tasktracker.entrypoints import cli
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.app import create_app
from tasktracker.entrypoints.http.categories import CategoryView
from tasktracker.entrypoints.http.core.problems import PROTOCOL, kinds, status_of
from tasktracker.entrypoints.http.task_schemas import TaskView
from tasktracker.entrypoints.settings import Settings, load
from tests.http import Server
from tests.waiting import PATIENCE

REPOSITORY = Path(__file__).parents[2]
PAGES = [
    path.relative_to(REPOSITORY).as_posix()
    for path in sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"```bash\n(?P<script>.*?)^```\n(?:\s*```(?P<form>json|http)\n(?P<shown>.*?)^```\n)?", re.M | re.S)
SEPARATOR = "\x1e"


def read(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def fields_in(table: str) -> set[str]:
    """The names in the first column of a table."""
    first = re.findall(r"^\| (`[^|]*?) \|", table, re.M)
    return {name for cell in first for name in re.findall(r"`(\w+)`", cell)}


# ------------------------------------------------------------------ settings


def as_variable(default: Any) -> str:
    """Return a default in the form of an environment variable."""
    if isinstance(default, bool):
        return str(default).lower()
    if default is None:
        return ""
    return ",".join(default) if isinstance(default, tuple) else str(default)


DEFAULTS = {field.name.upper(): as_variable(field.default) for field in msgspec.structs.fields(Settings)}


def test_the_configuration_page_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \| (?:`(.+?)`|unset) \| \S", read("docs/configuration.md"), re.M)
    assert dict(rows) == DEFAULTS
    assert len(rows) == len(DEFAULTS)


def test_the_example_file_lists_every_setting_with_its_default(tmp_path: Path) -> None:
    lines = re.findall(r"^#([A-Z][A-Z0-9_]+)=(.*)$", read(".env.example"), re.M)
    assert dict(lines) == DEFAULTS
    uncommented = tmp_path / ".env"
    uncommented.write_text(re.sub(r"^#(?=[A-Z][A-Z0-9_]+=)", "", read(".env.example"), flags=re.M), encoding="utf-8")
    assert load({}, uncommented) == load({}, None)


# ------------------------------------------------------------------ commands


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, set[str]]]:
    """Each command with its arguments, as it is typed, and its options."""
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, *path, name)
        return
    arguments = [each.name.upper() for each in command.params if isinstance(each, click.Argument) and each.name]
    options = {name for each in command.params if isinstance(each, click.Option) for name in each.opts}
    yield " ".join([*path, *arguments]), options


def test_the_configuration_page_lists_every_command_with_its_options() -> None:
    rows = re.findall(r"^\| `(tasktracker [^`]+)` \| (.*?) ?\| \S", read("docs/configuration.md"), re.M)
    listed = [(command, set(re.findall(r"`(-[\w-]+)`", options))) for command, options in rows]
    assert sorted(listed) == sorted(commands(cli.main, "tasktracker"))


# ----------------------------------------------------------------- reference


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    nowhere = load({"DATABASE_URL": "memory://", "SECRET_KEYS": "not used to sign anything at all"}, None)
    document: dict[str, Any] = create_app(Container(settings=nowhere)).litestar.state.openapi()
    return document


def test_the_api_guide_lists_every_operation_with_its_statuses(openapi: dict[str, Any]) -> None:
    rows = re.findall(r"^\| `([A-Z]+) (/\S+)` \| .+ \| ([0-9, ]+) \|$", read("docs/api.md"), re.M)
    listed = {(method, path.rstrip("/")): statuses.split(", ") for method, path, statuses in rows}
    assert listed == {
        (method.upper(), path): sorted(operation["responses"])
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    }
    assert len(rows) == len(listed)


def test_the_api_guide_explains_every_problem(openapi: dict[str, Any]) -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| \S", read("docs/api.md"), re.M)
    statuses = {kind.slug: status_of(kind) for kind in kinds() if kind is not DomainError} | {
        slug: number for number, (slug, _) in PROTOCOL.items()
    }
    assert {slug: int(number) for slug, number in rows} == {slug: statuses[slug] for slug, _ in rows}
    described = {
        slug
        for operations in openapi["paths"].values()
        for operation in operations.values()
        for response in operation["responses"].values()
        for slug in re.findall(r"`([a-z-]+)`:", response["description"])
    }
    assert described | {slug for slug, _ in PROTOCOL.values()} | {"busy"} <= {slug for slug, _ in rows}


@pytest.mark.parametrize(("heading", "view"), [("Tasks", TaskView), ("Categories", CategoryView)])
def test_the_api_guide_lists_every_field(heading: str, view: type[msgspec.Struct]) -> None:
    section = read("docs/api.md").split(f"\n## {heading}\n")[1]
    table = section[: section.index("\n\n", section.index("\n| "))]
    assert fields_in(table) == set(view.__struct_fields__)


def test_the_page_of_exports_lists_every_field() -> None:
    rows = re.findall(r"^\| `(task|category)` \| (.*) \|$", read("docs/export-import.md"), re.M)
    assert {type_: set(re.findall(r"`(\w+)`", cell)) for type_, cell in rows} == {
        "task": set(ndjson._TASK),
        "category": set(ndjson._CATEGORY),
    }


def test_the_readme_shows_the_output_of_make_help() -> None:
    shown = next(text for _, text in BLOCK.findall(read("README.md")) if text.startswith("Usage: make"))
    result = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert shown == result.stdout


def test_the_hooks_of_pre_commit_run_the_commands_of_make_check() -> None:
    hooks = re.findall(r"^ +entry: (.+)$", read(".pre-commit-config.yaml"), re.M)
    result = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/.stamp-dev", "check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert hooks == result.stdout.splitlines()


def test_the_readme_shows_the_output_of_the_demonstration(tmp_path: Path) -> None:
    shown = next(text for form, text in BLOCK.findall(read("README.md")) if form == "console")
    command = [sys.executable, "-c", "from tasktracker.entrypoints.cli import main; main(['sync-demo'])"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert shown == result.stdout


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_have_a_target(page: str) -> None:
    text = BLOCK.sub("", read(page))
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        found = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        assert found.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{page} links to {target}"


@cache
def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", path.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# ------------------------------------------------------------------ examples


def run(page: str, folder: Path) -> Iterator[tuple[re.Match[str], str]]:
    """Run the examples of a page that call the API, in one shell; yield each with its output."""
    examples = [each for each in EXAMPLE.finditer(read(page)) if re.search(r"\bcurl\b|^API=", each["script"], re.M)]
    assert examples
    server = Server(folder)
    server.environment = {"PORT": str(server.port)}  # the defaults that a new user gets
    with server:
        script = "".join(f"{each['script']}printf '{SEPARATOR}'\n" for each in examples)
        result = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input=script.replace("http://127.0.0.1:8000", server.url),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert result.returncode == 0, result.stderr
    yield from zip(examples, result.stdout.split(SEPARATOR)[:-1], strict=True)


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_examples_give_the_output_on_the_page(page: str, tmp_path: Path) -> None:
    for example, output in run(page, tmp_path):
        if example["form"] == "json":
            require_match(json.loads(example["shown"]), json.loads(output), example["script"])
        elif example["form"] == "http":
            head, _, body = example["shown"].partition("\n\n")
            actual_head, _, actual_body = output.replace("\r\n", "\n").partition("\n\n")
            for line in head.splitlines():
                assert any(matches(line.lower(), each.lower()) for each in actual_head.splitlines()), (line, output)
            if body.strip():
                require_match(json.loads(body), json.loads(actual_body), example["script"])
            else:
                assert not actual_body.strip(), output


def require_match(shown: Any, actual: Any, where: str) -> None:
    """Require that the output matches the page. "…" matches anything; as a key, it matches any number of fields."""
    if isinstance(shown, dict) and isinstance(actual, dict):
        if "…" not in shown:
            assert list(shown) == list(actual), where
        for name in shown.keys() - {"…"}:
            assert name in actual, (where, actual)
            if name != "expires_in":  # counts down
                require_match(shown[name], actual[name], where)
    elif isinstance(shown, list) and isinstance(actual, list):
        assert len(shown) == len(actual), (where, actual)
        for left, right in zip(shown, actual, strict=True):
            require_match(left, right, where)
    elif shown != "…":
        assert matches(shown, actual), (where, shown, actual)


def matches(shown: Any, actual: Any) -> bool:
    if not (isinstance(shown, str) and isinstance(actual, str)):
        return bool(shown == actual and type(shown) is type(actual))
    pattern = ".*".join(re.escape(masked(part)) for part in shown.split("…"))
    return re.fullmatch(pattern, masked(actual)) is not None


def masked(text: str) -> str:
    """Return the text without the ids and times, which differ in every run."""
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>", text)
    return re.sub(r"\b20[23]\d-\d\d-\d\dt\d\d:\d\d:\d\d(\.\d+)?z", "<time>", text, flags=re.I)
