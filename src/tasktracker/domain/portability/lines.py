"""Reading a file line by line, in bounded memory for any content."""

from __future__ import annotations

from collections.abc import Container, Iterator
from functools import partial
from typing import BinaryIO

from tasktracker.domain.kernel.errors import FieldError

MAX_LINE_LENGTH = 256 * 1024
"""In bytes: more than the longest task needs with every character escaped."""

BLOCK = 256 * 1024
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # with and without members

TOO_LONG = FieldError("line", f"is longer than {MAX_LINE_LENGTH} bytes")
NOT_UTF8 = FieldError("line", "is not valid UTF-8")


def numbered_lines(source: BinaryIO, wanted: Container[int] | None) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines with their numbers, counted from 1, or only those `wanted`; None for a line that is too long."""
    source.seek(0)
    number = 0
    while line := source.readline(MAX_LINE_LENGTH + 1):
        number += 1
        is_whole = len(line) <= MAX_LINE_LENGTH
        while not is_whole and not line.endswith(b"\n"):
            line = source.readline(MAX_LINE_LENGTH)
            if not line:
                break
        if wanted is None or number in wanted:
            yield number, line if is_whole else None


def count(source: BinaryIO) -> int:
    """Return the number of ends of lines."""
    source.seek(0)
    return sum(block.count(b"\n") for block in iter(partial(source.read, BLOCK), b""))


def advice(start: bytes, *, is_csv: bool) -> str:
    """Return advice for a file of another format, if its first bytes show the format; otherwise an empty text.

    `is_csv` is True if the file was read as CSV, and False if as NDJSON.
    """
    text = start.decode("utf-8-sig", "replace").upper()
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start[:100]:
        return ". It seems to be in UTF-16: save it in UTF-8"
    if start.startswith(ZIP):
        return ". It is a ZIP file: a backup of Todoist can be sent as application/zip (on the command line: .zip)"
    if start.startswith(b"\x1f\x8b"):
        return ". It is compressed by gzip: unpack it first"
    if b"\r" in start.rstrip(b"\r") and b"\n" not in start:
        return ". Its lines end with CR: save it with LF or CRLF at the end of each line"
    if text.startswith("TYPE,") and not is_csv:
        return ". It seems to be a CSV file of Todoist: send it as text/csv (on the command line: --format csv)"
    if text.startswith(("TYPE;", '"TYPE";', "TYPE\t")):
        return ". Its columns are not separated by commas: save it with commas"
    if text.startswith("{") and is_csv:
        return (
            ". It seems to be JSON: send an export file as application/x-ndjson (on the command line: --format ndjson)"
        )
    return ""


def printable(text: str) -> str:
    """Return text from a file in a form that is safe in a report: shortened, and without lone surrogates."""
    return text[:100].encode(errors="backslashreplace").decode()
