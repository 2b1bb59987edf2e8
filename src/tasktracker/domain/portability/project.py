"""The project of Todoist that a file contains."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from tasktracker.domain.categories.category import CATEGORY, MAX_NAME_LENGTH, CategoryFields, name_key
from tasktracker.domain.kernel.characters import Characters, cut
from tasktracker.domain.kernel.errors import FieldError, InvalidInput
from tasktracker.domain.kernel.fields import Refused, check, require_storable
from tasktracker.domain.portability.lines import printable

# In a backup, the name of a file has the name and the id of the project: "Work [220474322].csv".
ID = re.compile(r"\s*\[(?=[A-Za-z]*\d)[A-Za-z0-9]{8,}\]$", re.ASCII)
SUFFIX = re.compile(r"\.csv$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Project:
    """A project, and the name of its category. Equal rows of projects with different keys are different tasks."""

    key: str
    category: str
    notices: tuple[FieldError, ...] = ()

    @classmethod
    def named(cls, name: str, characters: Characters, key: str | None = None) -> Project:
        """Return the project with this name, whose key is made from the name by default. Raises InvalidInput."""
        name = name.strip()
        shortened = cut(name, MAX_NAME_LENGTH, characters)
        notices = (FieldError("project", f"was cut at {MAX_NAME_LENGTH} characters"),) if shortened != name else ()
        try:
            require_storable(name)
            category = check(CATEGORY.new_rules(characters), CategoryFields(name=shortened))["name"]
        except Refused as refused:
            raise InvalidInput.of("project", str(refused)) from None
        except InvalidInput as invalid:
            raise InvalidInput(*(FieldError("project", each.message) for each in invalid.errors)) from None
        return cls(name_key(key or name), category, notices)


def project_of(file_name: str) -> str:
    """Return the name of the project in a file, taken from the name of the file."""
    stem = SUFFIX.sub("", PurePath(printable(file_name)).name)
    return ID.sub("", stem).strip() or stem
