"""The catalogue of texts that people read."""

from __future__ import annotations

import string

from tasktracker.domain.kernel.languages import Language
from tasktracker.entrypoints.texts import TEXTS


def test_every_language_has_the_same_texts_with_the_same_placeholders() -> None:
    def placeholders(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    english = {key: placeholders(text) for key, text in TEXTS[Language.EN].items()}
    for language in Language:
        assert {key: placeholders(text) for key, text in TEXTS[language].items()} == english
