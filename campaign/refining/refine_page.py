"""Writes refine/report.html: what was drawn before and after, and whether it helped."""

import base64
from html import escape

import numpy as np

from campaign.language import Language
from campaign.refining.model_comparison import Comparison
from emoji_gan import images

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;color:light-dark(#1f2328,#e6edf3);
background:light-dark(#fff,#0d1117);max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;border-left:.5rem solid;padding-left:1rem}
h1.helped{border-color:#1a7f37}h1.harmed{border-color:#b42318}h1.unproved{border-color:#57606a}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .7rem;border-bottom:1px solid #8888;text-align:right}
th:first-child{text-align:left}tbody th{font-weight:400}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.6rem}
figure{margin:0;border:1px solid #8888;border-radius:.5rem;padding:.4rem;break-inside:avoid}
img{width:104px;height:104px;background:#fff;border-radius:.3rem;forced-color-adjust:none}
figcaption{font-size:.85rem}
@media print{:root{color-scheme:light}}
"""


def html(
    c: Comparison, before: np.ndarray, after: np.ndarray, names: list[str], language: Language
) -> str:
    """Writes the page.

    Args:
      c: what was measured.
      before: uint8 [n h w 4]; after: the same seeds by the new model.
      names: n, of the emoji.
      language: of the page.
    """
    text = language.pick
    heads = [text("measure", "mesure"), text("before", "avant"), text("after", "après")]
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{escape(v)}</td>" for v in values)
        + "</tr>\n"
        for label, *values in c.table(language)
    )
    pairs = "\n".join(
        f"<figure>{_image(x, f'{n}, {heads[1]}')} {_image(y, f'{n}, {heads[2]}')}"
        f"<figcaption>{escape(n)}</figcaption></figure>"
        for x, y, n in zip(before, after, names, strict=True)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in c.notes(language))
    title = escape(c.headline(language))
    pair_title = text("The same drawings, before and after", "Les mêmes dessins, avant et après")
    return f"""<!doctype html>
<html lang="{language.code}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title><style>{_STYLE}</style></head><body><main>
<h1 class="{c.outcome}">{title}</h1>
<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>
<ul>{notes}</ul>
<h2>{escape(pair_title)}</h2><div class="pairs">
{pairs}
</div></main></body></html>
"""


def _image(picture: np.ndarray, alt: str) -> str:
    encoded = base64.b64encode(images.png_bytes(picture)).decode()
    return f'<img src="data:image/png;base64,{encoded}" alt="{escape(alt)}">'
