"""Makes web pages of one file: no script, nothing fetched, light and dark.

A screen reader can read them.
"""

import base64
import html
import itertools
from collections.abc import Iterable, Iterator, Sequence

# Tells the browser that a page may load nothing but what is inside it.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
:root { color-scheme: light dark;
  --ink: #1b1b1f; --faint: #55565c; --paper: #fdfdfc; --card: #f1f1ee; --line: #c9c9c4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececec; --faint: #b3b4ba; --paper: #17181b; --card: #24262a; --line: #45474d; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 76rem; font: 1rem/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .5rem; }
p { max-width: 46rem; margin: .5rem 0; }
.faint { color: var(--faint); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .75rem 0; font-size: .95rem; }
caption { text-align: left; color: var(--faint); padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0;
  border-bottom: 1px solid var(--line); }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th small { display: block; font-weight: normal; color: var(--faint);
  min-width: 18rem; max-width: 30rem; }
td { white-space: nowrap; }
td.words { white-space: normal; min-width: 12rem; max-width: 30rem; }
.side { display: flex; flex-wrap: wrap; gap: 1rem; }
.side figure { max-width: 100%; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .75rem 0;
  font-size: .95rem; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
fieldset { border: 1px solid var(--line); border-radius: .4rem; width: fit-content; }
fieldset label { margin-right: 1rem; }
figure { margin: 0; }
figcaption { font-size: .85rem; color: var(--faint); overflow-wrap: anywhere; }
img.plot { max-width: 100%; height: auto; background: #fff; border-radius: .4rem; }
img.art { image-rendering: pixelated;
  background: repeating-conic-gradient(#e6e6e6 0 25%, #ccc 0 50%) 0 0 / 16px 16px; }
img.sheet { max-width: 100%; height: auto; }
:root:has(#behind-white:checked) img.art { background: #fff; }
:root:has(#behind-black:checked) img.art { background: #000; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: .9rem;
  padding: 0; list-style: none; }
.cards li { background: var(--card); border-radius: .4rem; padding: .6rem; }
.cards img { width: 80px; height: 80px; object-fit: contain; margin-right: .4rem; }
@media print { .cards li { break-inside: avoid; } fieldset { display: none; } }
"""


def document(title: str, body: Iterable[str]) -> str:
    """Makes a whole page of pieces of HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{text(title)}</h1>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def text(x: object) -> str:
    """Escapes any text for HTML, quotes included."""
    return html.escape(str(x))


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    words: Sequence[str] = (),
) -> str:
    """Makes a table whose first column names the rows.

    Args:
      caption: what it shows.
      header: of the columns.
      rows: of plain text.
      numbers: columns to align on the right.
      words: small print under the name of each row.
    """
    head = "".join(
        f'<th scope="col"{" class=number" if i in numbers else ""}>{text(name)}</th>'
        for i, name in enumerate(header)
    )
    lines = itertools.zip_longest(rows, words, fillvalue="")
    body = "\n".join(f"<tr>{''.join(_cells(row, small, numbers))}</tr>" for row, small in lines)
    return (
        f'<div class="scroll" role="region" aria-label="{text(caption)}" tabindex="0"><table>'
        f"<caption>{text(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _cells(row: Sequence[str], small: str, numbers: Sequence[int]) -> Iterator[str]:
    """Yields a row's cells; `small` is the small print under the first."""
    for i, cell in enumerate(row):
        tag, scope = ("th", ' scope="row"') if i == 0 else ("td", "")
        kind = "number" if i in numbers else "words" if len(str(cell)) > 40 else ""
        under = f"<small>{text(small)}</small>" if small and i == 0 else ""
        yield f"<{tag}{scope}{f' class={kind}' if kind else ''}>{text(cell)}{under}</{tag}>"


def terms(pairs: Iterable[tuple[str, str]]) -> str:
    """Lists names and what they stand for."""
    return f"<dl>{''.join(f'<dt>{text(k)}</dt><dd>{text(v)}</dd>' for k, v in pairs)}</dl>"


def image(
    png: bytes, alt: str, kind: str, *, width: int | None = None, height: int | None = None
) -> str:
    """Puts a PNG inside the page.

    Args:
      png: the file's bytes.
      alt: text for those who cannot see the picture.
      kind: 'plot' (on white), 'art' (pixels, on the background that the reader chose) or 'art
        sheet' (several of these).
      width: CSS px; None: that of the picture.
      height: CSS px; None: that of the picture.
    """
    size = "".join(f' {name}="{v}"' for name, v in (("width", width), ("height", height)) if v)
    data = base64.b64encode(png).decode()
    return f'<img class="{kind}" alt="{text(alt)}"{size} src="data:image/png;base64,{data}">'


def background_choice() -> str:
    """Lets the reader see pictures of class `art` on a checker, white or black.

    Each background hides other faults.
    """
    choices = "".join(
        f'<label><input type="radio" name="behind" id="behind-{name}"'
        f"{' checked' if name == 'checker' else ''}> {name}</label>"
        for name in ("checker", "white", "black")
    )
    return f"<fieldset><legend>Behind the pictures</legend>{choices}</fieldset>"
