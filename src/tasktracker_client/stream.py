"""The part of server-sent events that notifications of changes need."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
_RANDOM = random.Random()  # noqa: S311  # not a secret


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a stream."""

    name: str
    data: str
    id: str | None


def events(lines: Iterable[str]) -> Iterator[Event | None]:
    """Parse a stream. Yield None for a comment, such as a heartbeat."""
    name, event_id, data = "message", None, list[str]()
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
                event_id = value
        elif data or name != "message":
            yield Event(name, "\n".join(data), event_id)
            name, event_id, data = "message", None, []


class Backoff:
    """The delay before the next attempt. It grows with each attempt, and is randomized."""

    def __init__(self) -> None:
        self._delay = FIRST_DELAY

    def reset(self) -> None:
        """Start again with the first delay, after a success."""
        self._delay = FIRST_DELAY

    def next(self, least: float = 0.0) -> float:
        """Return the seconds to wait now, at least `least`."""
        delay, self._delay = self._delay, min(self._delay * 2, LONGEST_DELAY)
        return max(least, delay * _RANDOM.uniform(0.5, 1))
