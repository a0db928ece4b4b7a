"""Writes the style sheet of a colour font, and the page that shows every drawing of it."""

import html
from collections.abc import Mapping, Sequence

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<link rel="stylesheet" href="{stem}.css">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color-scheme: light dark }}
ul {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem;
  padding: 0; list-style: none }}
li {{ border: 1px solid #8888; border-radius: 8px; overflow: hidden }}
li div {{ display: flex; align-items: end; gap: .5rem; padding: .5rem }}
.light {{ background: #fff }} .dark {{ background: #181a20 }}
.large {{ font-size: 72px; line-height: 1 }} .middle {{ font-size: 32px; line-height: 1 }}
.small {{ font-size: 22px; line-height: 1 }}
p {{ margin: .25rem .5rem; overflow-wrap: anywhere }}
</style>
<h1>{name}</h1>
<p>{count} drawings. In a page: <code>&lt;link rel="stylesheet" href="{stem}.css"&gt;</code> and
<code>&lt;span class="{stem}" role="img" aria-label="…"&gt;&amp;#x{first:X};&lt;/span&gt;</code></p>
<ul>
{items}
</ul>
<p>{licences}</p>
</html>
"""
_ITEM = """<li><div class="light">{sizes}</div><div class="dark">{sizes}</div>
<p>{label}<br><code>U+{character:04X}</code></p></li>"""


def css(name: str, stem: str) -> str:
    """Writes the style sheet: the font and a class of its file's name.

    Args:
      name: of the font.
      stem: of its files.
    """
    return (
        f'@font-face {{\n  font-family: "{name}";\n'
        f'  src: url("{stem}.woff2") format("woff2"), url("{stem}.ttf") format("truetype");\n}}\n'
        f'.{stem} {{ font-family: "{name}"; font-style: normal; line-height: 1; }}\n'
    )


def page(name: str, stem: str, labels: Mapping[int, str], licences: Sequence[str]) -> str:
    """Writes the page: each drawing at three sizes, on a light and a dark background.

    Args:
      name: of the font.
      stem: of its files.
      labels: code point -> what the drawing is called.
      licences: that the drawings stand under.
    """
    items = []
    for character, label in labels.items():
        sizes = "".join(
            f'<span class="{stem} {size}" role="img" aria-label="{html.escape(label)}">'
            f"&#x{character:X};</span>"
            for size in ("large", "middle", "small")
        )
        items.append(_ITEM.format(sizes=sizes, label=html.escape(label), character=character))
    return _PAGE.format(
        name=html.escape(name),
        stem=stem,
        count=len(labels),
        first=next(iter(labels)),
        items="\n".join(items),
        licences=html.escape("; ".join(licences)),
    )
