"""Writes contact_sheet.html: every proposal at three sizes on three grounds, to choose on."""

import base64
import hashlib
import json
import pathlib
import re
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from campaign import folder as folder_lib
from campaign.language import Language
from campaign.proposing import decisions, proposal
from campaign.proposing.proposal import Proposal
from emoji_gan import images
from emoji_gan.runtime import workdir
from input_pipeline.contexts import emoji_usage

SHEET = "contact_sheet.html"
_OWN = pathlib.Path(__file__).parent
_GROUNDS = ("light", "dark", "colour")
_RECIPES = {
    "vary": ("a variation", "une variante"),
    "mix": ("a cross", "un croisement"),
    "draw": ("drawn from words", "dessiné d'après les mots"),
    "restyle": ("another style", "un autre style"),
}


def recipe_name(recipe: str, language: Language) -> str:
    """Says what a recipe is: 'a variation'."""
    return language.pick(*_RECIPES.get(recipe, (recipe, recipe)))


def write(
    folder: pathlib.Path,
    proposals: list[Proposal],
    real: Mapping[str, np.ndarray],
    language: Language,
    *,
    command: str,
) -> pathlib.Path:
    """Writes the contact sheet of a campaign, with the decisions so far; offline, one file.

    Args:
      folder: of the campaign, in which the pictures are.
      proposals: in their order.
      real: code points -> picture of the real emoji, uint8 [h w 4].
      language: of the page.
      command: that records decisions, as the user's terminal takes it.
    """
    root = (folder / folder_lib.PROPOSALS).parent
    picks = decisions.Picks([], {})
    if (folder / folder_lib.PICKS).exists():
        picks = decisions.read(folder, language)
    urls = {c: _url(images.png_bytes(image)) for c, image in real.items()}
    sections = []
    for theme in dict.fromkeys(p.theme for p in proposals):
        cards = "\n".join(
            _card(p, _url((root / p.file).read_bytes()), urls, picks, language)
            for p in proposals
            if p.theme == theme
        )
        sections.append(f'<h2>{escape(theme)}</h2>\n<div class="cards">\n{cards}\n</div>')
    path = root / SHEET
    digests = {p.name: proposal.digest(folder, p) for p in proposals}
    page = _page("\n".join(sections), digests, language, command)
    workdir.write_atomic(path, page.encode())
    return path


def _url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _as_json(texts: dict[str, Any]) -> str:
    """Returns JSON that ends no script."""
    return json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c")


def _paragraph(note: str) -> str:
    """Returns a paragraph, what is between backticks as code."""
    inside = re.sub("`(.+?)`", r'<code lang="en">\1</code>', escape(note))
    return f'<p class="note">{inside}</p>'


def _page(body: str, digests: dict[str, str], language: Language, command: str) -> str:
    text, count = language.pick, len(digests)
    title = language.counted(count, "{n} [proposal|proposals]", "{n} [proposition|propositions]")
    note = text(
        "Each is drawn beside the real emoji that it comes from, at 128, 32 and 22 px. The score "
        "says how far it is still recognised, also at 22 px; it says nothing about taste. A "
        "proposal is for use after `campaign check`.",
        "Chacune est à côté du véritable emoji dont elle vient, en 128, 32 et 22 px. La note dit "
        "si elle se reconnaît encore, aussi en 22 px ; elle ne dit rien du goût. Une proposition "
        "s'emploie après `campaign check`.",
    )
    keys = text(
        "Keys: Tab and the arrows choose, Enter goes to the next proposal, Shift+Enter back. What "
        "is chosen stays in this browser, also over a reload.",
        "Clavier : Tab et les flèches choisissent, Entrée va à la proposition suivante, "
        "Maj+Entrée à la précédente. Les choix restent dans ce navigateur, même après un "
        "rechargement.",
    )
    texts: dict[str, Any] = _texts(count, command, language) | {"pictures": digests}
    # What was chosen on other pictures, or before other decisions, is of another sheet.
    texts["sheet"] = hashlib.sha256(f"{command}\n{body}".encode()).hexdigest()[:16]
    save = text("Save picks.json", "Enregistrer picks.json")
    copy = text("Copy the line", "Copier la ligne")
    line = text("line that records the decisions", "ligne qui note les décisions")
    skip = text("To saving", "Aller à l'enregistrement")
    return f"""<!doctype html>
<html lang="{language.code}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(title)}</title>
<style>{(_OWN / "contact_sheet.css").read_text(encoding="utf-8")}</style></head>
<body><a class="skip" href="#save">{escape(skip)}</a>
<form autocomplete="off"><main>
<h1>{escape(title)}</h1>
{_paragraph(note)}
{_paragraph(keys)}
{body}
</main>
<div class="bar" role="region" aria-label="{escape(text("decisions", "décisions"))}">
<span id="count" role="status"></span>
<button type="button" id="save">{escape(save)}</button>
<button type="button" id="copy">{escape(copy)}</button>
<span id="done" role="status"></span>
<input id="line" readonly aria-label="{escape(line)}">
</div></form>
<script type="application/json" id="texts">{_as_json(texts)}</script>
<script>{(_OWN / "contact_sheet.js").read_text(encoding="utf-8")}</script>
</body></html>
"""


def _texts(count: int, command: str, language: Language) -> dict[str, str]:
    """Returns what the script of the page says."""
    text = language.pick
    return {
        "count": text(
            f"picked: {{p}}, rejected: {{r}}, of {count}",
            f"retenues : {{p}}, écartées : {{r}}, sur {count}",
        ),
        "copied": text("copied", "copié"),
        "selected": text(
            "the line is selected: copy it with Ctrl+C or ⌘C",
            "la ligne est sélectionnée : copiez-la par Ctrl+C ou ⌘C",
        ),
        "nothing": text("nothing is decided yet", "rien n'est encore décidé"),
        "saved": text("picks.json is downloaded", "picks.json est téléchargé"),
        "command": command,
    }


def _card(
    p: Proposal, url: str, urls: Mapping[str, str], picks: decisions.Picks, language: Language
) -> str:
    text = language.pick
    names, code = p.names[language.code], proposal.language_of(p)
    recipe = recipe_name(p.recipe, language)
    alt = escape(f"{names}, {recipe}")
    labels = [f'role="img" aria-label="{alt}"', *['aria-hidden="true"'] * 2]  # is read once
    grounds = "".join(
        f'<div class="ground {ground}" {label}>'
        '<span class="pic s128"></span><span class="pic s32"></span>'
        '<span class="pic s22"></span></div>'
        for ground, label in zip(_GROUNDS, labels, strict=True)
    )
    reals = "".join(
        f'<span class="pic s64" style="--p:url({urls[c]})" aria-hidden="true"></span>'
        for c in p.parents
        if c in urls
    )
    facts = [
        (text("from", "d'après"), f"{names}, {recipe}"),
        (text("score", "note"), language.number(p.score, 2)),
        *([(text("segment", "segment"), p.segment)] if p.segment else []),
        (text("licence", "licence"), p.licence),
        *_cautions(p, language),
    ]
    listed = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    title = f'<h3 lang="{code}">{escape(p.name)}</h3>'
    return f"""<fieldset style="--p:url({url})"><legend>{title}</legend>
<div class="row"><div>{grounds}</div><span>{reals}</span></div>
<dl>{listed}</dl>
{_choices(p, picks, language)}
</fieldset>"""


def _cautions(p: Proposal, language: Language) -> list[tuple[str, str]]:
    """Returns when the emoji that it comes from do harm, and what else they mean."""
    text, rows = language.pick, []
    for caution in filter(None, map(emoji_usage.cautions().get, p.parents)):
        avoid = text(caution.avoid_en, caution.avoid_fr)
        meanings = text(caution.meanings_en, caution.meanings_fr)
        rows += [(text("avoid", "à éviter"), avoid)] if avoid else []
        rows += [(text("also means", "autre sens"), meanings)] if meanings else []
    return rows


def _choices(p: Proposal, picks: decisions.Picks, language: Language) -> str:
    text = language.pick
    state = "pick" if p.name in picks.picked else "reject" if p.name in picks.rejected else ""
    options = (
        ("", text("undecided", "indécis")),
        ("pick", text("pick", "retenir")),
        ("reject", text("reject", "écarter")),
    )
    radios = "".join(
        f'<label><input type="radio" name="{escape(p.name)}" value="{value}"'
        f"{' checked' if value == state else ''}>{escape(label)}</label>"
        for value, label in options
    )
    reason = escape(picks.rejected.get(p.name, ""))
    label = escape(text("reason to reject", "raison d'écarter"))
    return (
        f'{radios}<input type="text" name="reason {escape(p.name)}" value="{reason}" '
        f'placeholder="{label}" aria-label="{label}, {escape(p.name)}">'
    )
