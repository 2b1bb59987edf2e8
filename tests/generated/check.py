"""Runs tools on the OpenAPI document: two linters, three generators of clients, and generated clients on a server.

Fails on every warning. The tools are installed in `.venv/openapi`, in the versions of `package-lock.json` and
`requirements/openapi.txt`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from tests.http import Server, migrated, tasktracker_command

SOURCES = Path(__file__).parent
REPOSITORY = SOURCES.parents[1]
LOCK = REPOSITORY / "requirements" / "openapi.txt"
NODE_LOCK = SOURCES / "package-lock.json"
FOLDER = Path(sys.prefix) / "openapi"
PYTHON = FOLDER / "python" / "bin"
NODE = FOLDER / "node_modules" / ".bin"
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}",  # openapi-python-client calls ruff
    "REDOCLY_TELEMETRY": "off",
    "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
    "MYPYPATH": str(FOLDER),
    "PYTHONPATH": str(FOLDER),
}


def run(title: str, *command: str | Path, quiet: bool = False) -> None:
    """Run a command, and end the program if it fails. If `quiet`, what it prints is a warning and fails, too."""
    print(f"{title}: ", end="", flush=True)  # noqa: T201
    done = subprocess.run(
        command, cwd=FOLDER, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    is_good = done.returncode == 0 and not (quiet and done.stdout.strip())
    print("good" if is_good else f"failed with status {done.returncode}\n{done.stdout}", flush=True)  # noqa: T201
    if not is_good:
        sys.exit(1)


def install() -> None:
    """Install the tools, unless the locked versions are installed."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        sys.exit(f"Cannot find {' and '.join(missing)}. Install Node.js 20 or newer; on Debian: apt-get install npm")
    FOLDER.mkdir(exist_ok=True)
    stamp, locks = FOLDER / "locks", NODE_LOCK.read_text() + LOCK.read_text()
    if stamp.exists() and stamp.read_text() == locks:
        return
    for name in ("package.json", NODE_LOCK.name):
        shutil.copy(SOURCES / name, FOLDER)
    run("npm", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    venv.create(PYTHON.parent, with_pip=True, clear=True)
    run("pip", PYTHON / "pip", "install", "--quiet", "--require-hashes", "-r", LOCK)
    stamp.write_text(locks)


def lint(document: Path) -> None:
    """Run the linters with all recommended rules."""
    ruleset = FOLDER / "spectral.yaml"
    ruleset.write_text('extends: ["spectral:oas"]\n')
    run("Redocly", NODE / "redocly", "lint", "--extends=recommended-strict", document)
    run("Spectral", NODE / "spectral", "lint", "--fail-severity=hint", "--ruleset", ruleset, document)


def generate(document: Path) -> None:
    """Generate a client with each generator, and check the types of programs that use them."""
    for name in ("session.ts", "session.py"):
        shutil.copy(SOURCES / name, FOLDER)
    run("openapi-typescript", NODE / "openapi-typescript", document, "--output", "api.ts")
    options: Sequence[str] = ("--strict", "--target", "es2022", "--module", "nodenext", "--types", "node")
    run("tsc", NODE / "tsc", *options, "session.ts", quiet=True)
    package, models = FOLDER / "tasktracker_api", FOLDER / "tasktracker_models.py"
    run(
        "openapi-python-client",
        PYTHON / "openapi-python-client",
        *("generate", "--path", document, "--output-path", package),
        *("--overwrite", "--meta", "none", "--fail-on-warning"),
    )
    run(
        "datamodel-code-generator",
        PYTHON / "datamodel-codegen",
        *("--input", document, "--input-file-type", "openapi", "--output", models),
        *("--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin"),
        quiet=True,
    )
    run("mypy", Path(sys.prefix) / "bin" / "mypy", "--strict", "--python-executable", PYTHON / "python", "session.py")


def main() -> None:
    """Install the tools, and run them."""
    install()
    document = FOLDER / "openapi.json"
    document.write_bytes(subprocess.run([tasktracker_command(), "openapi"], capture_output=True, check=True).stdout)
    lint(document)
    generate(document)
    folder = FOLDER / "server"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with Server(folder, DATABASE_URL=migrated(f"sqlite:///{folder}/tasktracker.db")) as server:
        run("TypeScript client", "node", "session.js", server.url, quiet=True)
        run("Python client", PYTHON / "python", "session.py", server.url, quiet=True)


if __name__ == "__main__":
    main()
