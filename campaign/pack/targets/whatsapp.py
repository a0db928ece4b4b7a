"""Packs for WhatsApp: WebP of 512 px in packs of 3 to 30, stills and loops apart."""

import math
from collections.abc import Sequence

from campaign.language import Language
from campaign.pack import archives, delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built, Item

LARGEST_PX = 512
_TRAY_PX = 96
_OUTLINE_PX, _MARGIN_PX = 8, 16  # that WhatsApp advises: white, on chats of any colour
LEAST, MOST = 3, 30  # stickers in a pack
STEPS = (
    "WhatsApp takes a whole pack from another app alone. Send the .wastickers file to your\n"
    "phone, open it with a sticker app that imports such files, and add the pack to WhatsApp\n"
    "from there. The WebP files of stickers/ may also be put into any sticker maker. WhatsApp\n"
    "ends a loop on its first frame: it is one that stands for itself.",
    "WhatsApp ne reçoit un pack entier que d'une autre application. Envoyez le fichier\n"
    ".wastickers sur votre téléphone, ouvrez-le avec une application de stickers qui importe ces\n"
    "fichiers, puis ajoutez-y le pack à WhatsApp. Les fichiers WebP de stickers/ vont aussi dans\n"
    "tout créateur de stickers. WhatsApp arrête une boucle sur sa première image : elle se\n"
    "suffit à elle-même.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks; each .wastickers file has stills or loops, 3 to 30 of them."""
    built = Built()
    for kind, group in zip(("still", "moving"), delivery.stills_and_loops(artworks), strict=True):
        items = delivery.encode(built, group, _limits, path="stickers/{name}{suffix}")
        if items and len(items) < LEAST:
            forms = "[fixe|fixes]" if kind == "still" else "[animé|animés]"
            built.refused[kind] = (
                f"{len(items)} {kind}: WhatsApp takes {LEAST} to {MOST} of a kind in a pack, "
                "stills and loops apart; their files are in stickers/",
                Language("fr").counted(len(items), "", f"{{n}} {forms}")
                + f" : WhatsApp prend {LEAST} à {MOST} d'une sorte par pack, fixes et animés à "
                "part ; leurs fichiers sont dans stickers/",
            )
            continue
        parts = delivery.parted(items, math.ceil(len(items) / MOST))  # so that none has too few
        for number, part in enumerate(parts, 1):
            built.files[f"{about.code}_{kind}_{number}.wastickers"] = _pack(part, about, number)
    return built


def _limits(artwork: Artwork) -> Limits:
    max_bytes = 500_000 if artwork.moves else 100_000
    return Limits(
        "webp", LARGEST_PX, max_bytes, max_ms=10_000, outline_px=_OUTLINE_PX, margin_px=_MARGIN_PX
    )


def _pack(items: Sequence[Item], about: About, number: int) -> bytes:
    tray = Built()
    first = items[0].artwork
    delivery.encode(tray, [first], lambda _: Limits("png", _TRAY_PX, 50_000), path="tray.png")
    title = about.part_title(number)
    files = {"title.txt": title.encode(), "author.txt": about.author.encode(), **tray.files}
    return archives.to_zip(files | {f"{i.artwork.entry.name}.webp": i.fitted.data for i in items})
