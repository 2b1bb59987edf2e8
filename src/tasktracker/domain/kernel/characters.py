"""The port for properties of characters, and cutting text between the characters that users see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Characters(Protocol):
    """Properties in the Unicode Character Database that the standard library does not have."""

    def clusters(self, text: str) -> Sequence[str]:
        """Split text into grapheme clusters, each of which a user sees as one character (UAX #29)."""
        ...

    def has_visible(self, text: str) -> bool:
        """Whether a character is visible: neither white space, nor a control or format character, nor a filler."""
        ...

    def has_ignorable(self, text: str) -> bool:
        """Whether a character is invisible where it has no function (Default_Ignorable_Code_Point, UAX #44 §5.3)."""
        ...

    def is_highly_restrictive(self, text: str) -> bool:
        """Whether the letters are of one script, or mix Latin only with Chinese, Japanese or Korean (UTS #39 §5.2).

        Scripts without users today are refused (UAX #31, table 4).
        """
        ...


def cut(text: str, longest: int, characters: Characters, clusters: int | None = None) -> str:
    """Shorten text to `longest` code points and, if given, `clusters` grapheme clusters, without dividing a cluster.

    Only a first cluster that is itself longer than `longest` is divided.
    """
    if len(text) <= min(longest, longest if clusters is None else clusters):
        return text
    end = 0
    # One code point more is enough to find the same boundaries up to `longest` as in the whole text.
    for cluster in characters.clusters(text[: longest + 1])[:clusters]:
        if end + len(cluster) > longest:
            break
        end += len(cluster)
    return text[: end or longest]
