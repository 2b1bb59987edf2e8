"""The domain imports no other package, only the container imports adapters, and client and server do not import each
other.

import-linter checks the same rules in `make check`. The last tests here check import-linter.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = REPOSITORY / "src"
PACKAGE = "tasktracker"
DOMAIN = "tasktracker.domain"
ADAPTERS = "tasktracker.adapters"
ENTRYPOINTS = "tasktracker.entrypoints"
CONTAINER = "tasktracker.entrypoints.container"
SETTING_VALUES = "tasktracker.entrypoints.setting_values"
URLS = ("tasktracker.adapters.sql.urls", "tasktracker.adapters.mail.urls")
CLIENT = "tasktracker_client"
DEMO = "tasktracker.entrypoints.sync_demo"


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def modules(sources: Path, package: str) -> Iterator[tuple[str, Path]]:
    """Yield the modules of a package as (dotted name, path)."""
    root = sources.joinpath(*package.split("."))
    for path in sorted([*root.rglob("*.py"), *root.parent.glob(f"{root.name}.py")]):
        parts = path.relative_to(sources).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(module: str, path: Path) -> Iterator[tuple[int, str]]:
    """Everything that a file imports anywhere, as (line, absolute dotted name).

    `from a import b` yields `a.b`, since `b` may be a module.
    """
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            for alias in node.names:
                yield node.lineno, ".".join(base if alias.name == "*" else [*base, alias.name])


def bad_imports(sources: Path, package: str, is_bad: Callable[[str, str], bool]) -> list[str]:
    return [
        f"{path.relative_to(sources)}:{line}: {imported}"
        for module, path in modules(sources, package)
        for line, imported in imports(module, path)
        if is_bad(module, imported)
    ]


def domain_violations(sources: Path) -> list[str]:
    """Return imports in the domain of other modules than the standard library and itself."""

    def is_bad(_: str, imported: str) -> bool:
        root = imported.partition(".")[0]
        return root not in sys.stdlib_module_names and not is_within(imported, DOMAIN)

    return bad_imports(sources, DOMAIN, is_bad)


def adapter_violations(sources: Path) -> list[str]:
    """Return imports of entrypoints in adapters."""
    return bad_imports(sources, ADAPTERS, lambda _, imported: is_within(imported, ENTRYPOINTS))


def entrypoint_violations(sources: Path) -> list[str]:
    """Return imports of adapters in entrypoints other than the container; the settings may parse URLs."""

    def is_bad(module: str, imported: str) -> bool:
        parses_urls = module == SETTING_VALUES and any(is_within(imported, each) for each in URLS)
        return module != CONTAINER and is_within(imported, ADAPTERS) and not parses_urls

    return bad_imports(sources, ENTRYPOINTS, is_bad)


def client_violations(sources: Path) -> list[str]:
    """Return imports in the client of other modules than the standard library, httpx and itself."""

    def is_bad(_: str, imported: str) -> bool:
        root = imported.partition(".")[0]
        return root not in sys.stdlib_module_names and root not in ("httpx", CLIENT)

    return bad_imports(sources, CLIENT, is_bad)


def server_violations(sources: Path) -> list[str]:
    """Return imports of the client in the server outside the demonstration."""
    return bad_imports(sources, PACKAGE, lambda module, imported: module != DEMO and is_within(imported, CLIENT))


@pytest.fixture
def copied_sources(tmp_path: Path) -> Path:
    """A copy of the packages that the test may change."""
    copy = tmp_path / "src"
    for package in (PACKAGE, CLIENT):
        ignored = shutil.ignore_patterns("__pycache__", "static", "*.pyc")
        shutil.copytree(SOURCES / package, copy / package, ignore=ignored)
    return copy


def inject(sources: Path, file: str, line: str, package: str = PACKAGE) -> None:
    path = sources / package / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{line}\n", encoding="utf-8")


def test_every_layer_has_modules() -> None:
    for package in (DOMAIN, ADAPTERS, ENTRYPOINTS, CLIENT, DEMO):
        assert list(modules(SOURCES, package)), f"{package} has no modules"


def test_domain_imports_only_itself_and_the_standard_library() -> None:
    assert domain_violations(SOURCES) == []


def test_adapters_import_no_entrypoints() -> None:
    assert adapter_violations(SOURCES) == []


def test_only_the_container_imports_adapters() -> None:
    assert entrypoint_violations(SOURCES) == []


def test_the_client_imports_only_itself_httpx_and_the_standard_library() -> None:
    assert client_violations(SOURCES) == []


def test_only_the_demonstration_imports_the_client() -> None:
    assert server_violations(SOURCES) == []


@pytest.mark.parametrize(
    ("line", "imported"),
    [
        ("import msgspec", "msgspec"),
        ("import os, sqlalchemy.orm", "sqlalchemy.orm"),
        ("from litestar import get", "litestar.get"),
        ("from tasktracker import adapters", "tasktracker.adapters"),
        ("import tasktracker.entrypoints.http", "tasktracker.entrypoints.http"),
        ("from ... import adapters", "tasktracker.adapters"),
        ("from ...adapters import clock", "tasktracker.adapters.clock"),
        ("from ...adapters.clock import *", "tasktracker.adapters.clock"),
        ("def f():\n    import jwt", "jwt"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import click", "click"),
    ],
)
def test_the_check_notices_a_bad_import_in_the_domain(copied_sources: Path, line: str, imported: str) -> None:
    inject(copied_sources, "domain/injected/bad.py", line)
    found = domain_violations(copied_sources)
    assert [text.rpartition(" ")[2] for text in found] == [imported]
    assert found[0].startswith("tasktracker/domain/injected/bad.py:")


@pytest.mark.parametrize(
    "line",
    [
        "import collections.abc, datetime",
        "from . import good",
        "from .. import injected",
        "from tasktracker import domain",
        "from tasktracker.domain import injected",
        "from __future__ import annotations",
    ],
)
def test_the_check_allows_what_the_domain_may_import(copied_sources: Path, line: str) -> None:
    inject(copied_sources, "domain/injected/good.py", line)
    assert domain_violations(copied_sources) == []


def test_the_check_notices_an_adapter_that_imports_an_entrypoint(copied_sources: Path) -> None:
    inject(copied_sources, "adapters/injected_bad.py", "from tasktracker.entrypoints import cli")
    assert adapter_violations(copied_sources) == ["tasktracker/adapters/injected_bad.py:1: tasktracker.entrypoints.cli"]


def test_the_check_notices_an_entrypoint_that_imports_an_adapter(copied_sources: Path) -> None:
    inject(copied_sources, "entrypoints/injected_bad.py", "from tasktracker import adapters")
    assert entrypoint_violations(copied_sources) == ["tasktracker/entrypoints/injected_bad.py:1: tasktracker.adapters"]


def test_the_check_allows_the_container_to_import_adapters(copied_sources: Path) -> None:
    inject(copied_sources, "entrypoints/container.py", "from tasktracker import adapters")
    assert entrypoint_violations(copied_sources) == []


@pytest.mark.parametrize("line", ["import tasktracker.domain", "import msgspec", "from tasktracker import domain"])
def test_the_check_notices_a_client_with_another_import(copied_sources: Path, line: str) -> None:
    inject(copied_sources, "injected_bad.py", line, CLIENT)
    [found] = client_violations(copied_sources)
    assert found.startswith("tasktracker_client/injected_bad.py:1: ")


def test_the_check_notices_a_server_that_imports_the_client(copied_sources: Path) -> None:
    inject(copied_sources, "entrypoints/injected_bad.py", "from tasktracker_client import Replica")
    assert server_violations(copied_sources) == [
        "tasktracker/entrypoints/injected_bad.py:1: tasktracker_client.Replica"
    ]


def lint_imports(sources: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with the contracts of the project on a copy of the package."""
    shutil.copy(REPOSITORY / "pyproject.toml", sources.parent)
    return subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "lint-imports", "--no-cache", "--no-logo"],
        cwd=sources.parent,
        env={**os.environ, "PYTHONPATH": str(sources), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


def test_import_linter_accepts_the_package(copied_sources: Path) -> None:
    result = lint_imports(copied_sources)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("domain/injected_bad.py", "import msgspec", "domain-is-pure"),
        ("domain/injected_bad.py", "import tasktracker.adapters", "domain-is-pure"),
        ("adapters/injected_bad.py", "import tasktracker.entrypoints", "adapters-know-no-entrypoints"),
        ("entrypoints/injected_bad.py", "import tasktracker.adapters", "only-the-container-wires"),
        ("adapters/injected_bad.py", "import tasktracker.entrypoints", "layers"),
        ("domain/kernel/injected_bad.py", "import tasktracker.domain.tasks.task", "domain-layers"),
        ("domain/categories/injected_bad.py", "import tasktracker.domain.tasks.ports", "domain-layers"),
        ("domain/history/injected_bad.py", "import tasktracker.domain.feed.entries", "domain-layers"),
        ("domain/tasks/injected_bad.py", "import tasktracker.domain.work", "domain-layers"),
        ("domain/tasks/injected_bad.py", "import tasktracker.domain.kernel.store", "processes-open-works"),
    ],
)
def test_import_linter_notices_a_violation(copied_sources: Path, file: str, line: str, contract: str) -> None:
    inject(copied_sources, file, line)
    result = lint_imports(copied_sources)
    assert result.returncode == 1, result.stdout + result.stderr
    names = contract_names()
    broken = [name for name in names.values() if f"{name} BROKEN" in result.stdout]
    assert names[contract] in broken, result.stdout
    assert "injected_bad" in result.stdout


@pytest.mark.parametrize(
    ("package", "line", "contract"),
    [
        (CLIENT, "import tasktracker.domain", "client-stands-alone"),
        (PACKAGE, "import tasktracker_client.model", "only-the-demo-knows-the-client"),
    ],
)
def test_import_linter_keeps_the_client_and_the_server_apart(
    copied_sources: Path, package: str, line: str, contract: str
) -> None:
    inject(copied_sources, "injected_bad.py", line, package)
    result = lint_imports(copied_sources)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{contract_names()[contract]} BROKEN" in result.stdout


def contract_names() -> dict[str, str]:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return {item["id"]: item["name"] for item in settings["tool"]["importlinter"]["contracts"]}


# ------------------------------------------------------------------ use cases


def functions(sources: Path) -> Iterator[tuple[str, str, ast.FunctionDef]]:
    """Return all functions of the domain as (module, class name or nothing, function)."""
    for module, path in modules(sources, DOMAIN):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                yield module, "", node
            elif isinstance(node, ast.ClassDef):
                for each in node.body:
                    if isinstance(each, ast.FunctionDef):
                        yield module, node.name, each


def parameters(function: ast.FunctionDef) -> dict[str, str]:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return {each.arg: ast.unparse(each.annotation) if each.annotation else "" for each in arguments}


def test_no_function_takes_both_a_work_and_an_actor_or_a_moment() -> None:
    """A unit of work contains both, so a caller cannot combine those of two."""
    mixed = [
        f"{module}.{name}.{function.name}"
        for module, name, function in functions(SOURCES)
        if "work" in (taken := parameters(function)) and {"actor", "now"} & set(taken)
    ]
    # Their process has opened the unit of work for the same actor.
    assert mixed == [
        "tasktracker.domain.portability.export_service.ExportService._lines",
        "tasktracker.domain.portability.export_service..find_owner",
        "tasktracker.domain.sync.service.SyncService._read",
    ]


def test_every_use_case_has_a_caller() -> None:
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for _, path in modules(SOURCES, PACKAGE)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    unused = [
        f"{module}.{name}.{function.name}"
        for module, name, function in functions(SOURCES)
        if not function.name.startswith("_") and function.name not in used
    ]
    assert unused == []


# ------------------------------------------------------------------ mypy

WORKS_FOR_AN_ACCOUNT = """
from tasktracker.domain.accounts.service import AccountService
from tasktracker.domain.kernel.actors import Actor, SessionActor, SystemActor, TokenActor
from tasktracker.domain.work import UnitOfWork

def profile(
    service: AccountService,
    of_session: UnitOfWork[SessionActor],
    of_token: UnitOfWork[TokenActor],
    of_either: UnitOfWork[Actor],
    of_system: UnitOfWork[SystemActor],
) -> None:
    service.profile(of_session)
    service.profile(of_token)
    service.profile(of_either)
    service.profile(of_system)
"""


def test_mypy_accepts_only_the_work_of_a_session_in_account_use_cases(tmp_path: Path) -> None:
    file = tmp_path / "works.py"
    file.write_text(WORKS_FOR_AN_ACCOUNT)
    run = [sys.executable, "-m", "mypy", str(file)]
    said = subprocess.run(run, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout
    refused = [line for line in said.splitlines() if ": error: " in line]
    assert len(refused) == 3, said
    for line, actor in zip(refused, ("TokenActor", "SessionActor | TokenActor", "SystemActor"), strict=True):
        assert 'Argument 1 to "profile" of "AccountService" has incompatible type' in line
        assert f'"UnitOfWork[{actor}]"; expected "AccountWork[SessionActor]"' in line
