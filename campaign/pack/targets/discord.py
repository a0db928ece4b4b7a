"""Packs for Discord: emoji of 128 px up to 256 KiB, stickers of 320 px up to 512 KiB and 5 s."""

from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

LARGEST_PX = 320
_EMOJI_PX = 128
STEPS = (
    "Discord, on a computer: Server settings > Emoji > Upload emoji, several files of emoji/ at\n"
    "once; the file's name becomes the emoji's. Where animated WebP is refused, take the GIFs of\n"
    "emoji_gif/. Server settings > Stickers takes the files of stickers/, one by one.",
    "Discord, sur ordinateur : Paramètres du serveur > Émojis > Importer, plusieurs fichiers de\n"
    "emoji/ à la fois ; le nom du fichier devient celui de l'émoji. Si un WebP animé est refusé,\n"
    "prenez les GIF de emoji_gif/. Paramètres du serveur > Autocollants prend ceux de stickers/,\n"
    "un par un.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    _, loops = delivery.stills_and_loops(artworks)
    delivery.encode(
        built, artworks, lambda a: Limits("webp" if a.moves else "png", _EMOJI_PX, 256 * 1024)
    )
    path = "emoji_gif/{name}{suffix}"
    delivery.encode(built, loops, lambda _: Limits("gif", _EMOJI_PX, 256 * 1024), path=path)
    delivery.encode(built, artworks, _sticker, path="stickers/{name}{suffix}")
    return built


def _sticker(artwork: Artwork) -> Limits:
    form = "apng" if artwork.moves else "png"
    return Limits(form, LARGEST_PX, 512 * 1024, max_ms=5000)
