"""Markdown of strangers as HTML that cannot do anything.

Three walls, each enough by itself: the parser passes no raw HTML, the cleaner keeps a short list of tags, and the
page's policy runs no inline script. Images are named, not loaded: an annotator's browser asks nobody else for anything.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments import highlight as pygments_highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from config.math_text import keep_mathematics, render_mathematics

# Markdown takes time with the square of some texts ("[[[[…"). Beyond these the text is shown as it was written.
MAX_MARKDOWN_CHARACTERS = 24_000
MAX_MARKS_A_BLOCK = 1_000
MAX_CODE_CHARACTERS = 20_000
MAX_NESTING = 50
MAX_KEPT_CHARACTERS = 4_000
_MARKS = re.compile(r"[\[\]*_`<~!&|$]")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")

_TAGS = {
    "p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "s", "blockquote", "ul", "ol", "li", "code",
    "pre", "span", "div", "a", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "span": {"class"}, "div": {"class"}, "ol": {"start"}}


class _Renderer(RendererHTML):
    """Names an image where its picture would be, and puts headings below those of the page: h1 becomes h3."""

    math = render_mathematics

    def heading_open(self, tokens: Sequence[Token], idx: int, options: object, env: object) -> str:
        return f"<h{min(6, int(tokens[idx].tag[1]) + 2)}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: object, env: object) -> str:
        return f"</h{min(6, int(tokens[idx].tag[1]) + 2)}>\n"

    def image(self, tokens: Sequence[Token], idx: int, options: object, env: object) -> str:
        token = tokens[idx]
        told = escape(token.content or "without a description")
        address = escape(str(token.attrGet("src") or ""))
        return f'<span class="image">[Image, not loaded: {told}. {address}]</span>'


def _highlight(code: str, language: str, _attributes: str) -> str:
    """Colours for a named language; an empty answer lets the parser escape the code itself."""
    if not language or len(code) > MAX_CODE_CHARACTERS:
        return ""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    return f'<pre><code><span class="hl">{_coloured(code, lexer)}</span></code></pre>'


def _coloured(code: str, lexer: object) -> str:
    return str(pygments_highlight(code, lexer, HtmlFormatter(nowrap=True)))


_OPTIONS = {"html": False, "highlight": _highlight, "maxNesting": MAX_NESTING}
_PARSER = MarkdownIt("commonmark", _OPTIONS, renderer_cls=_Renderer)
_PARSER.enable(["table", "strikethrough"])
keep_mathematics(_PARSER)

# What nobody sees, and what turns letters around so that "gnp.exe" reads "exe.png". Marks of direction and isolates,
# which right-to-left text needs, stay as they are.
_HIDDEN = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: "\u2421"}
_HIDDEN |= {code: f"⟦U+{code:04X}⟧" for code in range(0x80, 0xA0)}
_HIDDEN |= {0x202A + place: f"⟦{name}⟧" for place, name in enumerate(["LRE", "RLE", "PDF", "LRO", "RLO"])}


def make_visible(text: str) -> str:
    """The text with control characters as ␇, and what overrides the direction of letters as ⟦RLO⟧."""
    return text if text.isascii() and text.isprintable() else text.translate(_HIDDEN)


def render(text: str) -> SafeString:
    """The text as a `.prose` block."""
    return _render_kept(text) if len(text) <= MAX_KEPT_CHARACTERS else _render(text)


# Guidelines, a prompt with several items, an answer that several people judge within minutes.
@lru_cache(maxsize=500)
def _render_kept(text: str) -> SafeString:
    return _render(text)


def _render(text: str) -> SafeString:
    text = make_visible(text)
    tokens = None if is_too_much(text) else _PARSER.parse(text)
    # What is nested deeper than the parser goes it leaves out; nobody may judge an answer with a part missing.
    if tokens is None or any(token.level >= MAX_NESTING - 2 for token in tokens):
        return format_html('<div class="prose" dir="auto"><p class="plain">{}</p></div>', text)
    body = nh3.clean(
        _PARSER.renderer.render(tokens, _PARSER.options, {}),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow noreferrer",
    )
    return mark_safe(f'<div class="prose" dir="auto">{body}</div>')  # noqa: S308 - nh3 has cleaned it


def is_too_much(text: str) -> bool:
    """Whether parsing could take long: a long text, or one dense with marks in one block. Code fences are cheap."""
    if len(text) > MAX_MARKDOWN_CHARACTERS:
        return True
    marks, fence = 0, ""
    for line in text.split("\n"):
        if found := _FENCE.match(line):
            fence = "" if fence and found[1].startswith(fence) else fence or found[1]
        elif not fence:
            marks = marks + len(_MARKS.findall(line)) if line.strip() else 0
            if marks > MAX_MARKS_A_BLOCK:
                return True
    return False
