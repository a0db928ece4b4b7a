"""Packs for Signal: PNG and APNG of 512 px up to 300 kB, with an emoji for each."""

import csv
import io
import math
from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

LARGEST_PX = 512
MOST = 200  # stickers in a pack
STEPS = (
    "Signal on a computer: File > Create/upload sticker pack opens the sticker creator in\n"
    "Firefox or Chrome. Drop the files of stickers/ there. A pack has 200 at most: of more,\n"
    "stickers_1/, stickers_2/ and so on are in the place of stickers/; make a pack of each. It\n"
    "asks for an emoji of each sticker: emoji.csv has one, where it is known. Once made, a pack\n"
    "cannot be changed.",
    "Signal sur ordinateur : Fichier > Créer ou téléverser un paquet d'autocollants ouvre\n"
    "l'outil de création dans Firefox ou Chrome. Déposez-y les fichiers de stickers/. Un paquet\n"
    "en compte 200 au plus : au-delà, stickers_1/, stickers_2/, etc. remplacent stickers/ ;\n"
    "faites un paquet de chacun. L'outil demande un émoji pour chaque autocollant : emoji.csv en\n"
    "donne un, s'il est connu. Une fois créé, un paquet ne peut plus être modifié.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks, a folder for each pack that is to be made of them."""
    built = Built()
    parts = delivery.parted(artworks, math.ceil(len(artworks) / MOST))
    for number, part in enumerate(parts, 1):
        folder = "stickers" + delivery.part_suffix(number, len(parts))
        delivery.encode(built, part, _limits, path=folder + "/{name}{suffix}")
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(["file", "emoji"])
    writer.writerows([i.file, emoji_of(i.artwork)] for i in built.items)
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
