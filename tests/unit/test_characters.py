"""Properties of characters, and cutting text between the characters that users see."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.kernel.characters import cut
from tests.fakes import CHARACTERS
from tests.strategies import storable_texts

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1e6\U0001f1f9"
RECOMMENDED = "Arab Beng Cyrl Grek Hebr Thai Tibt Cher Yiii Vaii"  # some of the scripts


@pytest.mark.parametrize(
    ("text", "clusters"),
    [
        ("", []),
        ("abc", ["a", "b", "c"]),
        ("e\u0301x", ["e\u0301", "x"]),
        ("\r\nx", ["\r\n", "x"]),
        (f"{FAMILY}!", [FAMILY, "!"]),
        ("\U0001f44d\U0001f3fd1\ufe0f\u20e3", ["\U0001f44d\U0001f3fd", "1\ufe0f\u20e3"]),
        (FLAG * 2 + "\U0001f1e6", [FLAG, FLAG, "\U0001f1e6"]),
        ("a" + FLAG + "\u200d\u0301", ["a", FLAG + "\u200d\u0301"]),
        (FLAG + "\u0903" + FLAG, [FLAG + "\u0903", FLAG]),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", ["\u0939\u093f", "\u0928\u094d\u0926\u0940"]),
        ("\u1112\u1161\u11ab\uae00", ["\u1112\u1161\u11ab", "\uae00"]),
    ],
    ids=ascii,
)
def test_a_text_is_split_into_grapheme_clusters(text: str, clusters: list[str]) -> None:
    assert list(CHARACTERS.clusters(text)) == clusters


@given(storable_texts(40))
def test_the_clusters_of_a_text_make_up_the_text(text: str) -> None:
    assert "".join(CHARACTERS.clusters(text)) == text


def test_a_row_of_flags_is_split_in_linear_time() -> None:
    # With `\X` alone, this takes a minute.
    assert len(CHARACTERS.clusters("\U0001f1e6" * 100_000)) == 50_000


@pytest.mark.parametrize(
    "text", ["a", " a ", "\u0301", FAMILY, FLAG, "\u2764\ufe0f", "\u0645\u06cc\u200c", "\ue000", "\U00020000", "\u3002"]
)
def test_letters_marks_symbols_and_emoji_are_visible(text: str) -> None:
    assert CHARACTERS.has_visible(text)


INVISIBLE = [
    "",
    " \t\u00a0\u3000\u2028",
    "\x01\x1f\x85",
    "\u200b",
    "\u200c\u200d\u2060\ufeff",
    "\u00ad\u034f\u061c\u180e",
    "\u115f\u1160\u3164\uffa0",
    "\u17b4\u17b5",
    "\ufe0f\U000e0100",
    "\u202e\u2066\u2069",
    "\ufff9\ufffb",
    "\u2800",
    "\U000e0001\U000e0041\U000e0fff",
    "\U0001d159\U0001d173",
]


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_spaces_controls_joiners_and_fillers_are_not_visible(text: str) -> None:
    assert not CHARACTERS.has_visible(text)
    assert CHARACTERS.has_visible(f"{text}x{text}")


@pytest.mark.parametrize("text", ["a", "\u0301", "-", " ", "\U0001f600", "\uffff"])
def test_an_ordinary_character_is_not_ignorable(text: str) -> None:
    assert not CHARACTERS.has_ignorable(text)


@pytest.mark.parametrize("text", ["\u3164", "\uffa0", "\u115f", "\u200d", "\u034f", "\u17b4", "\ufe0f", "\U000e0041"])
def test_a_filler_or_joiner_is_ignorable(text: str) -> None:
    assert CHARACTERS.has_ignorable(f"bob{text}")


@pytest.mark.parametrize(
    ("text", "is_restrictive"),
    [
        ("", True),
        ("abc-1", True),
        ("x\u20dd", True),  # a combining mark of no script
        ("\u6f22\u5b57\u304b\u30ab a", True),
        ("\u6f22\u3105 a", True),
        ("\u6f22\ud55c a", True),
        ("\u0e01\u0e02 1", True),
        ("\u043f\u0440", True),
        ("\u10a0", True),
        ("\u3105\u304b", False),
        ("\ud55c\u304b", False),
        ("\ud55c\u3105", False),
        ("a\u0430", False),
        ("\u03b1\u0430", False),
        ("\u0e01a", False),
        ("\u16a0", False),  # runes
    ],
    ids=ascii,
)
def test_only_letters_of_scripts_that_are_written_together_may_be_mixed(text: str, is_restrictive: bool) -> None:
    assert CHARACTERS.is_highly_restrictive(text) is is_restrictive


def test_a_recommended_script_is_allowed_alone() -> None:
    letters = "".join(map(chr, range(0x250, 0x1E960)))
    for script in RECOMMENDED.split():
        letter = regex.search(rf"(?V1)[\p{{script={script}}}&&\p{{L}}]", letters)
        assert letter, script
        assert CHARACTERS.is_highly_restrictive(letter[0]), script


@pytest.mark.parametrize(
    ("text", "longest", "clusters", "expected"),
    [
        ("abc", 3, None, "abc"),
        ("abc", 2, None, "ab"),
        ("abc", 9, 2, "ab"),
        ("ae\u0301", 2, None, "a"),
        ("ae\u0301x", 3, None, "ae\u0301"),
        (FAMILY * 3, 11, None, FAMILY * 2),
        (FAMILY * 3, 99, 2, FAMILY * 2),
        (FLAG * 3, 3, None, FLAG),
        ("\r\n" * 2, 3, None, "\r\n"),
        ("e" + "\u0301" * 9, 5, None, "e" + "\u0301" * 4),  # a single cluster is too long
        ("", 5, None, ""),
    ],
    ids=ascii,
)
def test_a_text_is_cut_between_clusters(text: str, longest: int, clusters: int | None, expected: str) -> None:
    assert cut(text, longest, CHARACTERS, clusters) == expected


@given(storable_texts(60), st.integers(1, 60), st.none() | st.integers(1, 60))
def test_a_cut_text_ends_where_a_cluster_ends(text: str, longest: int, clusters: int | None) -> None:
    whole = CHARACTERS.clusters(text)
    ends = {len("".join(whole[:number])) for number in range(len(whole) + 1)}
    kept = cut(text, longest, CHARACTERS, clusters)
    assert text.startswith(kept)
    assert len(kept) <= longest
    assert clusters is None or len(CHARACTERS.clusters(kept)) <= clusters
    assert len(kept) in ends or len(whole[0]) > longest
