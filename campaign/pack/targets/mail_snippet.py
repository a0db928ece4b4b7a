"""Packs for e-mail: PNG and GIF, and lines of HTML with the text for who sees no picture."""

import html
from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built, Item

LARGEST_PX = 128  # of the file, for dense screens
SHOWN_PX = 64
_LABELS = {"en": "For mails in English", "fr": "Pour les courriels en français"}
_PAGE = """<!doctype html>
<html lang="{code}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; max-width: 60rem;
  background: light-dark(#fff, #1e1e1e); color: light-dark(#1e1e1e, #eee) }}
section {{ border: 1px solid #8888; border-radius: 8px; padding: 0 1rem; margin: 1rem 0;
  display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 0 2rem }}
h2 {{ grid-column: 1 / -1; font-size: 1.1rem; margin: .5rem 0 0 }}
h3 {{ font-size: 1rem; margin: .5rem 0 }}
code {{ font-size: .75rem; overflow-wrap: anywhere; user-select: all }}
</style>
<h1>{title}</h1>
{notes}
{items}
</html>
"""
_NOTES = {
    "en": "The picture is the same for both languages; the text for who sees no pictures differs. "
    "Copy the line of your mail's language: a click selects it.",
    "fr": "L'image est la même dans les deux langues ; le texte pour qui ne voit pas les images "
    "change. Copiez la ligne de la langue de votre courriel : un clic la sélectionne.",
}
_QUOTES = {"fr": ("«\u202f", "\u202f»")}
STEPS = (
    "Put the files of images/ where your mailing program keeps pictures. Open snippets.html in a\n"
    "browser: each emoji has a line of HTML for mails in English and one for mails in French. The\n"
    "picture is the same; they differ in the alt text, for who sees no pictures. Copy the line of\n"
    "your mail's language and give its src the address of the file. Some programs, as older\n"
    "Outlooks for Windows, show the first frame alone: it is one that stands for itself.",
    "Mettez les fichiers de images/ là où votre outil d'emailing garde ses images. Ouvrez\n"
    "snippets.html dans un navigateur : chaque émoji a une ligne de HTML pour les courriels en\n"
    "français et une pour ceux en anglais. L'image est la même ; le texte de remplacement change,\n"
    "pour qui ne voit pas les images. Copiez la ligne de la langue de votre courriel et donnez à\n"
    "son src l'adresse du fichier. Certains logiciels, comme d'anciens Outlook pour Windows,\n"
    "n'affichent que la première image : elle se suffit à elle-même.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    items = delivery.encode(built, artworks, _limits, path="images/{name}{suffix}")
    codes = sorted(_NOTES, key=lambda code: code != about.language)
    page = _PAGE.format(
        code=codes[0],
        title=html.escape(about.title),
        notes="\n".join(f'<p lang="{code}">{_NOTES[code]}</p>' for code in codes),
        items="\n".join(_snippets(item, codes[0]) for item in items),
    )
    built.files["snippets.html"] = page.encode()
    return built


def _limits(artwork: Artwork) -> Limits:
    return Limits("gif" if artwork.moves else "png", LARGEST_PX, 100_000, min_px=SHOWN_PX)


def _snippets(item: Item, first: str) -> str:
    """Returns the section of an emoji: its picture and the line to copy, for each language.

    Args:
      item: of the pack.
      first: language that comes first.
    """
    entry = item.artwork.entry
    lines = [f"<section><h2>{html.escape(entry.name)}</h2>"]
    for code, alt in sorted(entry.alt.items(), key=lambda row: (row[0] != first, row)):
        style = f"width:{SHOWN_PX}px;height:{SHOWN_PX}px;border:0;vertical-align:middle"
        tag = (
            f'<img src="{item.file}" width="{SHOWN_PX}" height="{SHOWN_PX}" '
            f'alt="{html.escape(alt)}" style="{style}">'
        )
        label, (opening, closing) = _LABELS.get(code, code), _QUOTES.get(code, ("“", "”"))
        lines.append(
            f'<div lang="{code}"><h3>{label}</h3><p>{tag} {opening}{html.escape(alt)}{closing}</p>'
            f"<p><code>{html.escape(tag)}</code></p></div>"
        )
    return "\n".join([*lines, "</section>"])
