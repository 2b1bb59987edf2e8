"""Server-sent events, as far as they are needed to know that something has changed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0


@dataclass(frozen=True, slots=True)
class Event:
    """What a stream said."""

    name: str
    data: str
    id: str | None


def events(lines: Iterable[str]) -> Iterator[Event | None]:
    """Read a stream. A heartbeat, and whatever else is a comment, is None."""
    name, place, data = "message", None, list[str]()
    for line in lines:
        if line.startswith(":"):
            yield None
        elif line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                place = value
        elif data or name != "message":
            yield Event(name, "\n".join(data), place)
            name, place, data = "message", None, []


class Backoff:
    """How long to wait before the next attempt: longer each time, and not for all clients the same."""

    def __init__(self) -> None:
        self._delay = FIRST_DELAY

    def reset(self) -> None:
        """Begin again: it went well."""
        self._delay = FIRST_DELAY

    def next(self, least: float = 0.0) -> float:
        """Return how long to wait now."""
        delay, self._delay = self._delay, min(self._delay * 2, LONGEST_DELAY)
        return max(least, delay * random.uniform(0.5, 1))  # noqa: S311  # it keeps nothing secret
