"""Packs for Signal: PNG and APNG of 512 px up to 300 kB, with an emoji for each."""

import csv
import io
from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

LARGEST_PX = 512
STEPS = (
    "Signal on a computer: File > Create/upload sticker pack, and drop the files of stickers/.\n"
    "Signal asks for an emoji of each sticker: emoji.csv has one, where it is known.",
    "Signal sur ordinateur : Fichier > Créer/importer un pack d'autocollants, et déposez les\n"
    "fichiers de stickers/. Signal demande un émoji pour chacun : emoji.csv en donne un, s'il est\n"
    "connu.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    items = delivery.encode(built, artworks, _limits, path="stickers/{name}{suffix}")
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(["file", "emoji"])
    writer.writerows([i.file, emoji_of(i.artwork)] for i in items)
    built.files["emoji.csv"] = table.getvalue().encode("utf-8")
    return built


def _limits(artwork: Artwork) -> Limits:
    form = "apng" if artwork.moves else "png"
    return Limits(form, LARGEST_PX, 300_000, max_ms=3000, min_px=256)


def emoji_of(artwork: Artwork) -> str:
    """Returns the emoji that an artwork was made from, or '' where that is not written down."""
    first = artwork.entry.provenance.get("parents", "").split(",")[0].strip()
    try:
        return "".join(chr(int(part, 16)) for part in first.split("-")) if first else ""
    except ValueError:
        return ""
