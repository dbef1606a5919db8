r"""Mathematics in Markdown stays as it was written: `$…$`, `$$…$$`, `\(…\)`, `\[…\]`.

Markdown would take the backslash off `\(` and `\\`, and make emphasis of the stars in `$a * b * c$`. Nothing is
typeset: the annotator reads what the model wrote.
"""

import re
from collections.abc import Sequence

from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

_CLOSING = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
_BLOCKS = {"\\[": "\\]", "$$": "$$"}
# A price is no formula: no blank inside the dollars, and no digit behind the second one ($5 and $6).
_DOLLARS = re.compile(r"\$(?![\s$])[^$\n]*?(?<![\s\\])\$(?!\d)")


def keep_mathematics(parser: MarkdownIt) -> None:
    """Teach the parser; tokens are called "math"."""
    parser.inline.ruler.before("escape", "math", _inline)
    parser.block.ruler.before("fence", "math", _block, {"alt": ["paragraph", "blockquote", "list"]})


def _inline(state: StateInline, silent: bool) -> bool:
    start, opening = state.pos, state.src[state.pos : state.pos + 2]
    if closing := _CLOSING.get(opening):
        found = state.src.find(closing, start + 2, state.posMax)
        end = found + 2 if found > start + 2 else 0
    else:
        dollars = _DOLLARS.match(state.src, start, state.posMax)
        end = dollars.end() if dollars else 0
    if not end:
        return False
    if not silent:
        state.push("math", "", 0).content = state.src[start:end]
    state.pos = end
    return True


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Lines from one that begins with the opening to one that ends with the closing, blank lines and all."""

    def line(number: int) -> str:
        return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip()

    if state.is_code_block(start_line):
        return False
    opening = line(start_line)[:2]
    # What one of them did not find before the end, none that comes after it will.
    if opening not in _BLOCKS or state.env.get(f"math from {opening} to {end_line} is never closed"):
        return False
    for number in range(start_line, end_line):
        text = line(number)[2:] if number == start_line else line(number)
        if text.endswith(_BLOCKS[opening]):
            break
    else:
        state.env[f"math from {opening} to {end_line} is never closed"] = True
        return False
    if silent:
        return True
    state.line = number + 1
    token = state.push("math", "div", 0)
    token.block = True
    token.content = state.getLines(start_line, number + 1, state.blkIndent, False).rstrip()
    token.map = [start_line, state.line]
    return True


def render_mathematics(_self: RendererHTML, tokens: Sequence[Token], idx: int, _options: object, _env: object) -> str:
    """As it was written, in one piece."""
    token = tokens[idx]
    tag = "div" if token.block else "span"
    return f'<{tag} class="math">{escape(token.content)}</{tag}>'
