"""Packs for e-mail: PNG and GIF, and lines of HTML with the text for who sees no picture."""

import html
from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built, Item

LARGEST_PX = 128  # of the file, for dense screens
SHOWN_PX = 64
STEPS = (
    "Put the files of images/ where your mailing program keeps pictures, copy the line of an\n"
    "emoji from snippets.html and give its src the address of the file. Some programs, as older\n"
    "Outlooks for Windows, show the first frame alone: it is one that stands for itself.",
    "Mettez les fichiers de images/ là où votre outil d'emailing garde ses images, copiez la\n"
    "ligne d'un émoji de snippets.html et donnez à son src l'adresse du fichier. Certains\n"
    "logiciels, comme d'anciens Outlook pour Windows, n'affichent que la première image : elle\n"
    "se suffit à elle-même.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    items = delivery.encode(built, artworks, _limits, path="images/{name}{suffix}")
    lines = [
        "<!doctype html>",
        '<meta charset="utf-8">',
        f"<title>{html.escape(about.title)}</title>",
        *(line for item in items for line in _snippets(item)),
    ]
    built.files["snippets.html"] = ("\n".join(lines) + "\n").encode()
    return built


def _limits(artwork: Artwork) -> Limits:
    return Limits("gif" if artwork.moves else "png", LARGEST_PX, 100_000, min_px=SHOWN_PX)


def _snippets(item: Item) -> list[str]:
    """Returns the lines of an emoji, one a language."""
    lines = []
    for code, alt in sorted(item.artwork.entry.alt.items()):
        style = f"width:{SHOWN_PX}px;height:{SHOWN_PX}px;border:0;vertical-align:middle"
        lines.append(
            f'<p lang="{code}"><img src="{item.file}" width="{SHOWN_PX}" height="{SHOWN_PX}" '
            f'alt="{html.escape(alt)}" style="{style}"></p>'
        )
    return lines
