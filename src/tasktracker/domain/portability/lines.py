"""Reading a file line by line, in bounded memory whatever is in it."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import BinaryIO

from tasktracker.domain.kernel.errors import FieldError, InvalidInput

MAX_LINE_LENGTH = 256 * 1024
"""In bytes: more than the longest task takes, with every character escaped."""

TOO_LONG = FieldError("line", f"is longer than {MAX_LINE_LENGTH} bytes")
NOT_UTF8 = FieldError("line", "is not valid UTF-8")


def numbered(source: BinaryIO, wanted: Container[int] | None, most: int | None) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line, or each wanted one, with its number from 1; None stands for one that is too long.

    Raises InvalidInput when there are more than `most`.
    """
    source.seek(0)
    number = 0
    while line := source.readline(MAX_LINE_LENGTH + 1):
        number += 1
        if most is not None and number > most:
            raise InvalidInput.of("body", f"has more than {most} lines; what came before them has been imported")
        is_whole = len(line) <= MAX_LINE_LENGTH
        while not is_whole and not line.endswith(b"\n"):
            line = source.readline(MAX_LINE_LENGTH)
            if not line:
                break
        if wanted is None or number in wanted:
            yield number, line if is_whole else None


def printable(text: str) -> str:
    """Text from a file, fit to be quoted in a report: never too long, and without lone surrogates."""
    return text[:100].encode(errors="backslashreplace").decode()
