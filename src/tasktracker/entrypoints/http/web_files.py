"""The files of the browser app as they are served: compressed, and all with the same version."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b32encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath

import tasktracker

FOLDER = Path(tasktracker.__file__).parents[1] / "tasktracker_web"
MEDIA_TYPES = {
    ".css": "text/css",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
"""The media types of assets. Other files are not assets."""
PAGE, SERVICE_WORKER, MANIFEST = "index.html", "sw.js", "manifest.webmanifest"
START, STYLES = "main.js", "styles.css"

_IMPORT = re.compile(r"""(?:^|[\s;}])(?:import|export)\b[^"'();]*["'](\.[^"']+)["']""")
_REFERENCE = re.compile(r'(\b(?:href|src)=|"src": )"(?!/)([^":]+)"')
_STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)" />\s*')
_ROOT = re.compile(r'"/')


@dataclass(frozen=True, slots=True)
class Asset:
    """A file. `compressed` is its content in gzip, or None if that is not smaller."""

    content: bytes
    compressed: bytes | None
    media_type: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Asset:
        """Return a file, compressed if that helps."""
        compressed = gzip.compress(content, mtime=0)
        return cls(content, compressed if len(compressed) < len(content) else None, media_type)


class WebFiles:
    """The browser app below a path of this server, which is empty or begins with a slash."""

    def __init__(self, base: str) -> None:
        self._base = base

    @cached_property
    def version(self) -> str:
        """The hash of all files."""
        return _version()

    @cached_property
    def page(self) -> Asset:
        """The page of every route. It loads the modules of the first view at once, not one after the other."""
        preloads = "".join(
            f'<link rel="modulepreload" href="{self._url(each)}" />\n    ' for each in closure(START) if each != START
        )
        styles = f'<link rel="stylesheet" href="{STYLES}" />\n    '
        page = _STYLE.sub("", _read(PAGE)).replace("<script", f"{styles}<script", 1)
        text = self._resolved(page).replace("</head>", f"{preloads}</head>")
        return Asset.of(text.encode(), "text/html")

    @cached_property
    def manifest(self) -> Asset:
        """The manifest of the installed app."""
        return Asset.of(self._resolved(_read(MANIFEST)).encode(), "application/manifest+json")

    def service_worker(self, routes: Sequence[str]) -> Asset:
        """Return the service worker. It stores all assets, and answers these routes with the page."""
        shell = {
            "version": self.version,
            "base": self._base,
            "routes": routes,
            "assets": [self._url(each) for each in sorted(contents())],
        }
        text = f"const SHELL = {json.dumps(shell)};\n{_read(SERVICE_WORKER)}"
        return Asset.of(text.encode(), MEDIA_TYPES[".js"])

    def _url(self, name: str) -> str:
        return f"{self._base}/assets/{self.version}/{name}"

    def _resolved(self, text: str) -> str:
        """Replace paths of files by paths of assets, and put the base before absolute paths."""
        text = _ROOT.sub(f'"{self._base}/', text)
        return _REFERENCE.sub(lambda each: f'{each[1]}"{self._url(each[2])}"', text)


@cache
def asset(name: str) -> Asset:
    """Return an asset. Raises KeyError."""
    return Asset.of(contents()[name], MEDIA_TYPES[PurePosixPath(name).suffix])


@cache
def contents() -> Mapping[str, bytes]:
    """Return the contents of all assets by their paths. The styles of the page are one file, which is smaller."""
    paths = (path for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES)
    found = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in paths if path.name != SERVICE_WORKER}
    return {STYLES: b"".join(found.pop(name) for name in _STYLE.findall(_read(PAGE))), **found}


@cache
def _version() -> str:
    found = sha256()
    parts = {**contents(), **{name: _read(name).encode() for name in (PAGE, SERVICE_WORKER, MANIFEST)}}
    for name in sorted(parts):
        found.update(b"%s\n%d\n%s" % (name.encode(), len(parts[name]), parts[name]))
    return b32encode(found.digest()[:10]).decode().lower()


@cache
def closure(start: str) -> Sequence[str]:
    """Return a module and all modules that it needs before it can run. Raises KeyError if one is missing."""
    found = [start]
    for name in found:  # grows meanwhile
        folder = PurePosixPath(name).parent
        for imported in _IMPORT.findall(contents()[name].decode()):
            path = _normalized(folder / imported)
            if path not in found:
                found.append(path)
    return found


def _normalized(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
