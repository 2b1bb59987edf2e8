"""The languages in which the service writes to people: on its pages and in its mails."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """A language, by its code of ISO 639."""

    EN = "en"
    DE = "de"


DEFAULT_LANGUAGE = Language.EN
