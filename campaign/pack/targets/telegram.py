"""Packs for Telegram: emoji of 100 px and stickers of 512, WebP or, where they move, WebM."""

from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built
from emoji_gan.media import animation

LARGEST_PX = 512
_EMOJI_PX = 100
MAX_BYTES = 256_000
STEPS = (
    "In Telegram write to @Stickers: /newpack for the files of stickers/, /newemojipack for\n"
    "those of emoji/ (/newvideo for WebM). Send each file uncompressed, then an emoji that it\n"
    "stands for, /publish at the end, and a short name for the link.",
    "Dans Telegram écrivez à @Stickers : /newpack pour les fichiers de stickers/, /newemojipack\n"
    "pour ceux de emoji/ (/newvideo pour les WebM). Envoyez chaque fichier sans compression, puis\n"
    "l'émoji qu'il représente ; /publish à la fin, et un nom court pour le lien.",
)
_NO_WEBM = (
    "Telegram's loops are WebM, for which PyAV is missing: pip install -r requirements-webm.txt",
    "les boucles de Telegram sont des WebM, et PyAV manque : pip install -r requirements-webm.txt",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks; without PyAV the stills alone."""
    built = Built()
    stills, loops = delivery.stills_and_loops(artworks)
    if "webm" in animation.missing():
        built.refused |= {loop.entry.name: _NO_WEBM for loop in loops}
        loops = []
    for px, folder in ((_EMOJI_PX, "emoji"), (LARGEST_PX, "stickers")):
        path = f"{folder}/{{name}}{{suffix}}"
        delivery.encode(built, stills, lambda _, px=px: Limits("webp", px, MAX_BYTES), path=path)
        delivery.encode(built, loops, lambda _, px=px: _loop(px), path=path)
    return built


def _loop(px: int) -> Limits:
    return Limits("webm", px, MAX_BYTES, max_ms=3000, min_frame_ms=40)  # 30 frames a second
