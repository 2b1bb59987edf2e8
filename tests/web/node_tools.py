"""The Node.js packages of the browser app: its libraries, and the tools that check it, in locked versions."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).parent
REPOSITORY = SOURCES.parents[1]
APP = REPOSITORY / "src" / "tasktracker_web"
FOLDER = Path(sys.prefix) / "web"
PACKAGES = FOLDER / "node_modules"
TOOLS = PACKAGES / ".bin"
LOCK = SOURCES / "package-lock.json"


def install() -> None:
    """Install the packages in `.venv/web`, unless the locked versions are there. npm verifies their hashes."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        sys.exit(f"Cannot find {' and '.join(missing)}. Install Node.js 20 or newer; on Debian: apt-get install npm")
    FOLDER.mkdir(exist_ok=True)
    stamp = FOLDER / "lock"
    if stamp.exists() and stamp.read_bytes() == LOCK.read_bytes():
        return
    for name in ("package.json", LOCK.name):
        shutil.copy(SOURCES / name, FOLDER)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=FOLDER, check=True)
    stamp.write_bytes(LOCK.read_bytes())


if __name__ == "__main__":
    install()
