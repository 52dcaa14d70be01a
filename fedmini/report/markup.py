"""HTML from templates, safe by default: a value that enters a template is escaped, unless it is
HTML that was made here.
"""

from base64 import b64encode
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

TEMPLATES = Path(__file__).parent / "templates"


class Html(str):
    """Text that is HTML already."""


def text(value: object) -> Html:
    """The value as it may stand in HTML: markup escaped, characters that nobody sees as codes."""
    if isinstance(value, Html):
        return value
    seen = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))
    return Html(escape("".join(seen)))


def fill(template: str, /, **values: object) -> Html:
    """The file of `templates/` with its placeholders filled; KeyError for one without a value."""
    content = Template((TEMPLATES / template).read_text(encoding="utf-8"))
    return Html(content.substitute({name: text(value) for name, value in values.items()}))


def each(tag: str, values: Iterable[object], scope: str = "") -> Html:
    """Every value inside a tag of its own."""
    start = f'<{tag} scope="{scope}">' if scope else f"<{tag}>"
    return Html("".join(f"{start}{text(value)}</{tag}>\n" for value in values))


def table(caption: str, columns: list[list[object]]) -> Html:
    """A table of columns, each a heading and its cells; the first column names the rows."""
    heads, *rows = zip(*columns, strict=True)
    lines = [Html(each("th", row[:1], "row") + each("td", row[1:])) for row in rows]
    state = "open" if len(rows) <= 25 else ""  # a longer one is folded until someone opens it
    heads, rows = each("th", heads, "col"), each("tr", lines)
    return fill("table.html", caption=caption, state=state, heads=heads, rows=rows)


def image(png: bytes | None, alt: str) -> Html:
    """The PNG inside the page, `alt` saying in words what is to be seen; a remark for None."""
    data = b64encode(png or b"").decode()
    return fill("image.html" if png else "no-image.html", data=data, alt=alt)
