"""The domain imports no other package, only the container imports adapters, and client and server do not import each
other; a use case takes one unit of work.

The rules between packages are the contracts of import-linter, which `make check` runs, too.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = REPOSITORY / "src"
PACKAGE = "tasktracker"
DOMAIN = "tasktracker.domain"
CLIENT = "tasktracker_client"


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """Yield the modules of a package as (dotted name, path)."""
    root = SOURCES.joinpath(*package.split("."))
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(SOURCES).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


# ------------------------------------------------------------------- imports


@pytest.mark.parametrize(("package", "allowed"), [(DOMAIN, {DOMAIN}), (CLIENT, {CLIENT, "httpx"})])
def test_other_packages_than_these_are_of_the_standard_library(package: str, allowed: set[str]) -> None:
    graph = grimp.build_graph(PACKAGE, CLIENT, include_external_packages=True, cache_dir=None)
    own = [package, *graph.find_descendants(package)]
    imported = {name for module in own for name in graph.find_modules_directly_imported_by(module)}
    assert len(own) > 10
    assert len(imported) > 10
    others = {name for name in imported if not any(f"{name}.".startswith(f"{each}.") for each in allowed)}
    assert others <= sys.stdlib_module_names


def lint_imports(sources: Path) -> str:
    """Return what import-linter reports of the packages in a folder."""
    shutil.copy(REPOSITORY / "pyproject.toml", sources.parent)
    result = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "lint-imports", "--no-cache", "--no-logo"],
        cwd=sources.parent,
        env={**os.environ, "PYTHONPATH": str(sources), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    return result.stdout + result.stderr


def test_import_linter_accepts_the_packages_and_notices_a_violation_of_each_contract(tmp_path: Path) -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {item["id"]: item["name"] for item in settings["tool"]["importlinter"]["contracts"]}
    sources = tmp_path / "src"
    for package in (PACKAGE, CLIENT):
        shutil.copytree(SOURCES / package, sources / package, ignore=shutil.ignore_patterns("__pycache__"))
    report = lint_imports(sources)
    assert all(f"{name} KEPT" in report for name in contracts.values()), report

    violations = {
        "domain-is-pure": ("tasktracker/domain/kernel", "import msgspec"),
        "adapters-know-no-entrypoints": ("tasktracker/adapters", "import tasktracker.entrypoints.cli"),
        "only-the-container-wires": ("tasktracker/entrypoints", "import tasktracker.adapters.system"),
        "layers": ("tasktracker/adapters/sql", "from ...entrypoints import settings"),
        "domain-layers": ("tasktracker/domain/tasks", "import tasktracker.domain.work"),
        "processes-open-works": ("tasktracker/domain/history", "import tasktracker.domain.kernel.store"),
        "client-stands-alone": ("tasktracker_client", "import tasktracker.domain.work"),
        "only-the-demo-knows-the-client": ("tasktracker/entrypoints", "def f():\n    import tasktracker_client.model"),
    }
    assert violations.keys() == contracts.keys()
    for contract, (folder, line) in violations.items():
        (sources / folder / f"bad_{contract.replace('-', '_')}.py").write_text(f"{line}\n", encoding="utf-8")
    _, *parts = re.split(r"^(.+)\n-+\n", lint_imports(sources).partition("Broken contracts")[2], flags=re.M)
    broken = dict(zip(parts[::2], parts[1::2], strict=True))
    for contract, name in contracts.items():
        assert f"bad_{contract.replace('-', '_')}" in broken[name], broken


# ------------------------------------------------------------------ use cases


def functions() -> Iterator[tuple[str, str, ast.FunctionDef]]:
    """Return all functions of the domain as (module, class name or nothing, function)."""
    for module, path in modules(DOMAIN):
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
        for module, name, function in functions()
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
        for _, path in modules(PACKAGE)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    unused = [
        f"{module}.{name}.{function.name}"
        for module, name, function in functions()
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
