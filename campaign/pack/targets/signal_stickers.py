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
    "Signal on a computer: File > Create/upload sticker pack opens the sticker creator in\n"
    "Firefox or Chrome. Drop the files of stickers/ there, at most 200 a pack. It asks for an\n"
    "emoji of each sticker: emoji.csv has one, where it is known. Once made, a pack cannot be\n"
    "changed.",
    "Signal sur ordinateur : Fichier > Créer ou téléverser un paquet d'autocollants ouvre\n"
    "l'outil de création dans Firefox ou Chrome. Déposez-y les fichiers de stickers/, 200 au\n"
    "plus par pack. Il demande un émoji pour chaque autocollant : emoji.csv en donne un, s'il\n"
    "est connu. Une fois créé, un pack ne peut plus être modifié.",
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
