"""The server's recurrence rules, for tests that are written in JavaScript. Questions come line by line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from tasktracker.adapters.calendar.rules import DateutilCalendarRules
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.fields import Refused
from tasktracker.domain.recurrence.recurrence import checked_recurrence, from_json, slot_of, slot_text

CALENDAR = DateutilCalendarRules()


def answer(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a recurrence in canonical form and its slots after `due`, or why the server refuses it."""
    recurrence = from_json(question["recurrence"])
    try:
        recurrence = replace(checked_recurrence(recurrence), start=recurrence.start)
        recurrence.require_slot(CALENDAR)
    except (InvalidInput, Refused) as refused:
        return {"refused": str(refused)}
    completed = question["completed"] and datetime.fromisoformat(question["completed"])
    now = datetime.fromisoformat(question["now"])
    slots = recurrence.slots(slot_of(question["due"]), now, CALENDAR, completed)
    return {"rule": recurrence.rule, "slots": [slot_text(each) for each in islice(slots, question["count"])]}


def main() -> None:
    """Answer each line of the standard input."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
