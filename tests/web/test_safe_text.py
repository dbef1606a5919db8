"""What people and models wrote, shown safely and completely."""

import re
from html.parser import HTMLParser

import pytest

from config.safe_text import MAX_MARKDOWN_CHARACTERS, is_too_much, make_visible, render

ALLOWED_TAGS = {
    "p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "s", "blockquote", "ul", "ol", "li", "code", "pre",
    "span", "div", "a", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
# "dir" is the block's own: text runs in its own direction.
ALLOWED_ATTRIBUTES = {"class", "dir", "href", "title", "rel", "start"}

PAYLOADS = [
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)//",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<style>@import 'https://outside.invalid'</style>",
    "<base href=https://outside.invalid>",
    "<meta http-equiv=refresh content='0;url=https://outside.invalid'>",
    "<form action=/sign-out/><button formaction=javascript:alert(1)>x",
    "<details open ontoggle=alert(1)>",
    "<div style='background:url(https://outside.invalid)'>",
    "<p hx-post=/account/ hx-trigger=load>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](https://a.invalid \"onmouseover='alert(1)'\")",
    "[x](<javascript:alert(1)>)",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    "![x\"onerror=\"alert(1)](https://outside.invalid/p.png)",
    "![x](https://outside.invalid/p.png)",
    "![<img src=x onerror=alert(1)>](https://outside.invalid/p.png)",
    "[![x](https://outside.invalid/p.png)](javascript:alert(1))",
    "[ref]: javascript:alert(1)\n\n[ref]",
    "```html\n<script>alert(1)</script>\n```",
    "```\"><script>alert(1)</script>\nx\n```",
    "```python\"onload=alert(1)\nprint('<script>')\n```",
    "~~~js\n</code></pre><script>alert(1)</script>\n~~~",
    "`<img src=x onerror=alert(1)>`",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "# <svg onload=alert(1)>",
    "> <script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u2028<script>alert(1)</script>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?>",
    "{{ request.user.password }}{% debug %}",
    "$<img src=x onerror=alert(1)>$ and \\(<script>alert(1)</script>\\)",
    "$$\n</div><script>alert(1)</script>\n$$",
]  # fmt: skip


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("payload", PAYLOADS + ["x" * (MAX_MARKDOWN_CHARACTERS + 1) + PAYLOADS[0]])
def test_a_payload_leaves_only_harmless_tags_and_attributes(payload):
    reader = _Reader()
    reader.feed(render(payload))
    for tag, attributes in reader.tags:
        assert tag in ALLOWED_TAGS
        assert set(attributes) <= ALLOWED_ATTRIBUTES
        assert re.match(r"https?:|mailto:|/|#|$", attributes.get("href") or "")


def test_a_link_tells_its_target_nothing_and_passes_no_reputation():
    assert 'rel="noopener nofollow noreferrer"' in render("[x](https://example.org)")


def test_an_image_is_named_and_not_loaded():
    html = render("![a jar](https://outside.invalid/p.png)")
    assert "<img" not in html
    assert "a jar" in html
    assert "https://outside.invalid/p.png" in html


def test_markdown_is_shown_as_such():
    html = render("**bold** and `code`\n\n1. one\n2. two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n~~gone~~")
    for part in ("<strong>bold</strong>", "<code>code</code>", "<ol>", "<table>", "<td>2</td>", "<s>gone</s>"):
        assert part in html


def test_headings_of_a_text_stand_below_those_of_the_page():
    assert "<h3>Top</h3>" in render("# Top")
    assert "<h6>Deep</h6>" in render("###### Deep")


def test_code_is_coloured_by_classes_and_never_by_styles():
    html = render("```python\ndef f(x): return x\n```")
    assert '<span class="k">def</span>' in html
    assert "style=" not in html


def test_code_in_a_language_that_nobody_knows_is_shown_all_the_same():
    assert "a &lt;- b" in render("```klingon\na <- b\n```")


@pytest.mark.parametrize(
    "text",
    [
        "word " * 40_000,
        "[" * 20_000,
        "[a](" * 5_000,
        "![a" * 5_000,
        "*a **b " * 3_000,
        "_a_" * 6_000,
        "`a" * 9_000,
        "<a " * 6_000,
        "~~a" * 6_000,
        "|a" * 9_000,
        "&" * 20_000,
        "$a" * 9_000,
    ],
)
def test_a_text_that_could_take_long_is_shown_as_it_was_written(text):
    assert is_too_much(text)
    html = render(text)
    assert html.startswith('<div class="prose" dir="auto"><p class="plain">')
    assert len(html) >= len(text)


@pytest.mark.parametrize(
    "text", [">" * 500 + " deep", "\n".join("  " * depth + f"- level {depth}" for depth in range(80))]
)
def test_nothing_of_a_deeply_nested_text_is_left_out(text):
    assert "deep" in render(text) or "level 79" in render(text)


def test_an_ordinary_long_answer_with_code_is_still_markdown():
    text = (
        "\n\n".join(["Some *words* and a [link](https://example.org)."] * 100) + "\n\n```c\n" + "a[i] = b[i];\n" * 500
    )
    assert not is_too_much(text)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"so \(a \le b\) holds", r"\(a \le b\)"),
        ("that $x_i * y_i * z_i$ grows", "$x_i * y_i * z_i$"),
        (
            r"\[ \begin{matrix} 1 & 2 \\ 3 & 4 \end{matrix} \]",
            r"\[ \begin{matrix} 1 &amp; 2 \\ 3 &amp; 4 \end{matrix} \]",
        ),
        ("Thus\n$$\na\n+ b\n\n- c\n$$\nend", "$$\na\n+ b\n\n- c\n$$"),
        ("- in a list\n  \\[\n  a\n  \\]", "\\[\na\n\\]"),
    ],
)
def test_mathematics_is_shown_as_it_was_written(written, shown):
    assert f'class="math">{shown}<' in render(written)


@pytest.mark.parametrize(
    "text", ["from $5 to $6", "a $ b $ c", "`$x$`", "    $$\n    x\n    $$", r"\$5$", "$$\nnever closed"]
)
def test_prices_and_code_are_no_mathematics(text):
    assert "math" not in render(text)


def test_mathematics_that_is_never_closed_is_looked_for_once():
    """Each opening looks to the end: six thousand of them would look at eighteen million lines."""
    assert "math" not in render("\\[\n\n" * 5_900)


def test_letters_that_are_turned_around_say_so():
    """U+202E makes gnp.exe read exe.png: an annotator must see what the model wrote."""
    for shown in (render("open \u202egnp.exe\u202c"), make_visible("open \u202egnp.exe\u202c")):
        assert "⟦RLO⟧gnp.exe⟦PDF⟧" in shown
        assert "\u202e" not in shown


def test_control_characters_are_seen():
    assert make_visible("a\x07b\x1b[31m\x7f\x85") == "a␇b␛[31m␡⟦U+0085⟧"
    assert make_visible("line\n\ttab\r\n") == "line\n\ttab\r\n"


def test_what_right_to_left_and_emoji_need_stays():
    for text in ("\u2067עברית\u2069", "می\u200cخواهم", "\u200fكيف", "👩\u200d🍳"):
        assert make_visible(text) == text
