"""Copies the libraries of the browser app from their npm releases into `src/tasktracker_web/vendor/`.

Browsers find modules by path, so imports of packages become imports of the files beside. To use another version, change
`package.json`, run `npm install --package-lock-only --omit-lockfile-registry-resolved`, and then `make vendor-web`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from tests.web.node_tools import APP, LOCK, PACKAGES, install

FOLDER = APP / "vendor"
MODULES: Mapping[str, str] = {
    "preact": "preact/dist/preact.mjs",
    "preact/hooks": "preact/hooks/dist/hooks.mjs",
    "@preact/signals-core": "@preact/signals-core/dist/signals-core.mjs",
    "@preact/signals": "@preact/signals/dist/signals.mjs",
    "htm": "htm/dist/htm.mjs",
    "idb": "idb/build/index.js",
    "marked": "marked/lib/marked.esm.js",
    "dompurify": "dompurify/dist/purify.es.mjs",
    "uqr": "uqr/dist/index.mjs",
}
"""What is imported, and the file of the release that contains it."""

_IMPORT = re.compile(r"""(\bfrom ?|\bimport ?)(["'])([^"'./][^"']*)\2""")
_SOURCE_MAP = re.compile(r"\n//# sourceMappingURL=\S*\s*$")


def file_name(module: str) -> str:
    """Return the name of the file of a module."""
    return module.lstrip("@").replace("/", "-") + ".js"


def files() -> Mapping[str, str]:
    """Return the files to write, by name. Raises KeyError if a library imports one that is not here."""
    found = {}
    for module, path in MODULES.items():
        text = (PACKAGES / path).read_text(encoding="utf-8")
        text = _IMPORT.sub(lambda each: f"{each[1]}{each[2]}./{file_name(_known(each[3]))}{each[2]}", text)
        found[file_name(module)] = _SOURCE_MAP.sub("", text).rstrip() + "\n"
        # The types are those of the package, which the checker finds by its name.
        default = "export { default } from" if module in ("htm", "dompurify") else "export * from"
        found[file_name(module).replace(".js", ".d.ts")] = f'{default} "{module}";\n'
    found["README.md"] = _readme()
    found["LICENSES.txt"] = "\n\n".join(_licence(name) for name in _packages())
    return found


def _known(module: str) -> str:
    return next(each for each in MODULES if each == module)


def _readme() -> str:
    locked = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    rows = [
        f"| {name} | {each['version']} | {each['license']} | `{each['integrity']}` |"
        for name in _packages()
        for each in [locked[f"node_modules/{name}"]]
    ]
    return "\n".join(
        [
            "# Libraries of the browser app",
            "",
            "`make vendor-web` writes this folder from the npm releases below; `make check-web` compares it with them.",
            "Only the paths in imports are changed. `LICENSES.txt` contains the licences.",
            "",
            "| package | version | licence | hash of the release |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _packages() -> list[str]:
    known = json.loads((LOCK.parent / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return sorted({module if module in known else module.rpartition("/")[0] for module in MODULES})


def _licence(package: str) -> str:
    text = (PACKAGES / package / "LICENSE").read_text(encoding="utf-8")
    return f"{package}\n\n{text.strip()}\n"


def differences() -> list[str]:
    """Return the names of files that differ from the releases."""
    wanted = files()
    present = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def main() -> None:
    """Write the folder."""
    install()
    wanted = files()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.iterdir():
        path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
