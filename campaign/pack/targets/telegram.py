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
    "Open @Stickers in Telegram. Its mini app (t.me/stickers?startapp) makes and manages packs:\n"
    "one of stickers from the files of stickers/, one of emoji from those of emoji/. The chat\n"
    "with it takes commands as well: /newpack (/newvideo for WebM) or /newemojipack, then each\n"
    "file, sent as a file, and an emoji that it stands for; /publish at the end, and a short\n"
    "name for the link. Anybody may make an emoji pack; adding and using it takes Telegram\n"
    "Premium.",
    "Ouvrez @Stickers dans Telegram. Sa mini-application (t.me/stickers?startapp) crée et gère\n"
    "les packs : un pack de stickers avec les fichiers de stickers/, un pack d'émojis avec ceux\n"
    "de emoji/. La conversation accepte aussi des commandes : /newpack (/newvideo pour les WebM)\n"
    "ou /newemojipack, puis chaque image, envoyée comme fichier, et l'émoji qu'elle représente ;\n"
    "/publish à la fin, et un nom court pour le lien. Tout le monde peut créer un pack\n"
    "d'émojis ; l'ajouter et s'en servir demande Telegram Premium.",
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
