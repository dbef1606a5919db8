"""Hidden characters in a text that somebody edits: written out, and made themselves again.

A field shows neither a control character nor that an override has turned the letters behind it around.
"""

import re

_NAMES = {0x202A + place: name for place, name in enumerate(["LRE", "RLE", "PDF", "LRO", "RLO"])}
# A line feed and a carriage return before it are a line's end in every browser; alone a browser would make it one.
_HIDDEN = re.compile("[\u202a-\u202e\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_WRITTEN = "LRE|RLE|PDF|LRO|RLO|U\\+00[0-9A-F]{2}"
_CODES = {name: chr(code) for code, name in _NAMES.items()}
# The first of these that the text itself does not use, so that what stands between them is nothing but a mark.
BRACKETS = ("⟦⟧", "⟪⟫", "⦗⦘", "⟬⟭")


def brackets_for(*texts: str) -> str:
    """What marks in these texts stand between; "" when they use all of them, and are then edited as they are."""
    return next((pair for pair in BRACKETS if not any(sign in text for text in texts for sign in pair)), "")


def write_out(text: str, brackets: str) -> str:
    """Each hidden character by its name: ⟦RLO⟧."""
    if not brackets or (text.isascii() and text.isprintable()):
        return text
    before, after = tuple(brackets)
    return _HIDDEN.sub(lambda found: f"{before}{_name(found[0])}{after}", text)


def read_back(text: str, brackets: str) -> str:
    """The text with what its marks stand for; `brackets` are those of `write_out`, as a form sends them."""
    if brackets not in BRACKETS:
        return text
    before, after = tuple(brackets)
    return re.sub(f"{before}({_WRITTEN}){after}", lambda found: _character(found[1], found[0]), text)


def has_hidden(text: str) -> bool:
    return bool(_HIDDEN.search(text))


def _name(character: str) -> str:
    return _NAMES.get(ord(character), f"U+{ord(character):04X}")


def _character(name: str, otherwise: str) -> str:
    character = _CODES.get(name) or chr(int(name[2:], 16))
    return character if _HIDDEN.fullmatch(character) else otherwise
