"""A backup of Todoist: a ZIP file with a CSV file for each project. Its size is limited before and during reading."""

from __future__ import annotations

import errno
import shutil
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from tasktracker.domain.categories.category import name_key
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.portability.lines import BLOCK, ZIP, printable
from tasktracker.domain.portability.project import Project, project_of

MAX_FILES = 1000
MAX_READ = 1024 * 1024
MAX_UNPACKED = 256 * 1024 * 1024
IN_MEMORY = 1024 * 1024
ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class ZippedFile:
    """A CSV file in a ZIP file, and its project. `end` is the position of its last byte in the ZIP file."""

    name: str
    project: Project
    end: int


def is_zip(source: BinaryIO) -> bool:
    """Return whether a file begins like a ZIP file."""
    source.seek(0)
    return source.read(4) in ZIP


class Zipped:
    """The CSV files of a ZIP file. Raises InvalidInput if the files cannot be read, or are too many or too large."""

    def __init__(self, source: BinaryIO, characters: Characters) -> None:
        with _refusing():
            # The library reads the whole directory of the ZIP file at once. The directory could be as large as the
            # file.
            self._zip = ZipFile(cast(BinaryIO, _LimitedReads(source)))
            entries = [each for each in self._zip.infolist() if _is_csv(each)]
        if not entries:
            raise InvalidInput.of("body", "is a ZIP file without a CSV file: only backups of Todoist are read")
        if len(entries) > MAX_FILES:
            raise InvalidInput.of("body", f"has more than {MAX_FILES} files")
        if sum(each.file_size for each in entries) > MAX_UNPACKED:
            raise InvalidInput.of("body", f"has more than {MAX_UNPACKED} bytes when unpacked")
        for each in entries:
            if each.flag_bits & ENCRYPTED or each.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise InvalidInput.of("body", f"has an encrypted or unusual file: unpack it, and send {_name(each)}")
        projects = Counter(name_key(project_of(each.filename)) for each in entries)
        self._entries: dict[ZippedFile, ZipInfo] = {}
        for each in sorted(entries, key=lambda entry: entry.filename):
            project = project_of(each.filename)
            # The names of the files distinguish projects of the same name.
            key = project if projects[name_key(project)] == 1 else _name(each)
            file = ZippedFile(
                _name(each), Project.named(project, characters, key), each.header_offset + each.compress_size
            )
            self._entries[file] = each

    @property
    def files(self) -> list[ZippedFile]:
        """The files, in the order of their names."""
        return list(self._entries)

    @contextmanager
    def open(self, file: ZippedFile) -> Iterator[BinaryIO]:
        """Open a file, unpacked to a temporary file. Raises InvalidInput if it is damaged."""
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as unpacked:
            with _refusing(), self._zip.open(self._entries[file]) as packed:
                # The library reads up to the size in the directory, and then compares the checksum.
                shutil.copyfileobj(packed, unpacked, BLOCK)
            yield cast(BinaryIO, unpacked)


class _LimitedReads:
    """A file from which less than MAX_READ bytes are read at once. Only the directory is read in one call."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.seek, self.tell, self.seekable = source.seek, source.tell, source.seekable

    def read(self, size: int = -1) -> bytes:
        read = self._source.read(min(size, MAX_READ) if size >= 0 else MAX_READ)
        if len(read) == MAX_READ:
            raise InvalidInput.of("body", f"has a directory of more than {MAX_READ} bytes")
        return read


@contextmanager
def _refusing() -> Iterator[None]:
    """Raise InvalidInput for a damaged file. The library raises errors of many types for it."""
    try:
        yield
    except (BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # of the system, such as a full disk
            raise
        raise InvalidInput.of("body", f"is a damaged ZIP file: {printable(str(error))}") from None


def _is_csv(entry: ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    return path.suffix.lower() == ".csv" and path.parts[0] != "__MACOSX" and not path.name.startswith(".")


def _name(entry: ZipInfo) -> str:
    return printable(entry.filename)
