"""Properties of characters by the library `regex`, which contains the Unicode Character Database."""

from __future__ import annotations

from collections.abc import Sequence

import regex

# Characters without ink that the database counts as symbols or letters.
BLANKS = "\u2800\U00013441\U00013442\U00016fe4\U0001d159"

# Pairs of flags are matched before `\X`, which counts all earlier flags for each flag: a long row would take seconds.
CLUSTER = r"\p{RI}{2}[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]*|\X"

CJK = (("Latin", "Han", "Hiragana", "Katakana"), ("Latin", "Han", "Bopomofo"), ("Latin", "Han", "Hangul"))

# The recommended scripts, the scripts of limited use (UAX #31, tables 5 and 7), and Mongolian.
SCRIPTS = (
    "Arab Armn Beng Cyrl Deva Ethi Geor Grek Gujr Guru Hebr Khmr Knda Laoo Latn Mlym Mong Mymr Orya Sinh Taml Telu Thaa"
    " Thai Tibt Adlm Bali Bamu Batk Cakm Cans Cham Cher Hmnp Java Kali Lana Lepc Limb Lisu Mand Mtei Newa Nkoo Olck"
    " Osge Plrd Rohg Saur Sund Sylo Syrc Tale Talu Tavt Tfng Vaii Wcho Yiii"
)


def _in_scripts(*scripts: str) -> str:
    return "".join(rf"\p{{scx={script}}}" for script in ("Common", "Inherited", *scripts))


class RegexCharacters:
    """Implements Characters with the Unicode version of the installed `regex`."""

    def __init__(self) -> None:
        self._cluster = regex.compile(CLUSTER)
        self._visible = regex.compile(rf"[^\s\p{{Cc}}\p{{Cf}}\p{{DI}}{BLANKS}]")
        self._ignorable = regex.compile(r"\p{DI}")
        allowed = "|".join(f"[{_in_scripts(*scripts)}]*" for scripts in (*CJK, *((each,) for each in SCRIPTS.split())))
        self._highly_restrictive = regex.compile(allowed)

    def clusters(self, text: str) -> Sequence[str]:
        """Return the grapheme clusters of a text."""
        found: list[str] = self._cluster.findall(text)
        return found

    def has_visible(self, text: str) -> bool:
        """Return whether a character of the text is visible."""
        return self._visible.search(text) is not None

    def has_ignorable(self, text: str) -> bool:
        """Return whether a character of the text is default-ignorable."""
        return self._ignorable.search(text) is not None

    def is_highly_restrictive(self, text: str) -> bool:
        """Return whether all letters of the text are of scripts that may be mixed with each other."""
        return self._highly_restrictive.fullmatch(text) is not None
