"""Reading a file line by line, in bounded memory for any content."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import BinaryIO

from tasktracker.domain.kernel.errors import FieldError, InvalidInput

MAX_LINE_LENGTH = 256 * 1024
"""In bytes: more than the longest task needs with every character escaped."""

TOO_LONG = FieldError("line", f"is longer than {MAX_LINE_LENGTH} bytes")
NOT_UTF8 = FieldError("line", "is not valid UTF-8")


def numbered_lines(
    source: BinaryIO, wanted: Container[int] | None, max_lines: int | None
) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line with its number, counted from 1, or only those with `wanted` numbers; None for a too long line.

    Raises InvalidInput if there are more than `max_lines`.
    """
    source.seek(0)
    number = 0
    while line := source.readline(MAX_LINE_LENGTH + 1):
        number += 1
        if max_lines is not None and number > max_lines:
            raise InvalidInput.of("body", f"has more than {max_lines} lines; earlier lines may have been imported")
        is_whole = len(line) <= MAX_LINE_LENGTH
        while not is_whole and not line.endswith(b"\n"):
            line = source.readline(MAX_LINE_LENGTH)
            if not line:
                break
        if wanted is None or number in wanted:
            yield number, line if is_whole else None


def printable(text: str) -> str:
    """Return text from a file in a form that is safe in a report: shortened, and without lone surrogates."""
    return text[:100].encode(errors="backslashreplace").decode()
