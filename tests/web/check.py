"""Checks the browser app: its vendored libraries, and its types against those of the API.

The types of the API are generated from the OpenAPI document, so that a field that the server renames is an error here.
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.http import tasktracker_command
from tests.web.node_tools import APP, FOLDER, PACKAGES, SOURCES, TOOLS, install
from tests.web.vendor import MODULES, differences

OPTIONS = {
    "strict": True,
    "checkJs": True,
    "allowJs": True,
    "noEmit": True,
    "skipLibCheck": True,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "noUnusedLocals": True,
    "noUnusedParameters": True,
    "noImplicitOverride": True,
    "noFallthroughCasesInSwitch": True,
}


def main() -> None:
    """Check everything, and end the program if something is wrong."""
    install()
    if different := differences():
        sys.exit(f"Not as `make vendor-web` writes it: {', '.join(different)}")
    document = FOLDER / "openapi.json"
    document.write_bytes(subprocess.run([tasktracker_command(), "openapi"], capture_output=True, check=True).stdout)
    generated = FOLDER / "protocol.d.ts"
    subprocess.run([TOOLS / "openapi-typescript", document, "--output", generated], check=True, capture_output=True)
    paths = {"protocol": [str(generated)], **{name: [str(PACKAGES / name)] for name in MODULES}}
    app = {**OPTIONS, "paths": paths, "types": [], "lib": ["es2023", "dom", "dom.iterable"]}
    _check("app", app, include=[str(APP)], exclude=[str(APP / "sw.js"), str(APP / "vendor")])
    _check("worker", {**app, "lib": ["es2023", "webworker"]}, include=[str(APP / "sw.js"), str(SOURCES / "shell.d.ts")])
    tests = {**app, "types": ["node"], "typeRoots": [str(PACKAGES / "@types")]}
    _check("tests", tests, include=[str(SOURCES / "*.js")])


def _check(name: str, options: dict[str, object], **files: list[str]) -> None:
    config = FOLDER / f"tsconfig.{name}.json"
    config.write_text(json.dumps({"compilerOptions": options, **files}))
    if subprocess.run([TOOLS / "tsc", "--project", config]).returncode:
        sys.exit(1)


if __name__ == "__main__":
    main()
