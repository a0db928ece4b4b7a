"""Packs for Discord: emoji of 128 px up to 256 KiB, stickers of 320 px up to 512 KiB and 5 s."""

from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

LARGEST_PX = 320
_EMOJI_PX = 128
STEPS = (
    "Discord on a computer: Server Settings > Emoji > Upload Emoji takes the files of emoji/;\n"
    "give each the name of its file. Where an animated WebP is refused, take the GIF of\n"
    "emoji_gif/. Server Settings > Stickers > Upload Sticker takes those of stickers/, one by\n"
    "one, and asks for a name, a related emoji and a description. A server has slots for 50\n"
    "still emoji and 5 stickers, and for more when it is boosted; animated emoji are for Nitro\n"
    "subscribers.",
    "Discord sur ordinateur : Paramètres du serveur > Émojis > Importer un émoji prend les\n"
    "fichiers de emoji/ ; donnez à chacun le nom de son fichier. Si un WebP animé est refusé,\n"
    "prenez le GIF de emoji_gif/. Paramètres du serveur > Autocollants > Importer un autocollant\n"
    "prend ceux de stickers/, un par un, et demande un nom, un émoji associé et une description.\n"
    "Un serveur offre 50 emplacements d'émojis fixes et 5 d'autocollants, davantage s'il est\n"
    "boosté ; les émojis animés sont réservés aux abonnés Nitro.",
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
