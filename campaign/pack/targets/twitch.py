"""Packs for Twitch: 28, 56 and 112 px, PNG up to 1 MB or GIF up to 512 KB and 60 frames."""

from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

SIZES_PX = (28, 56, 112)
LARGEST_PX = SIZES_PX[-1]
STEPS = (
    "Twitch, for affiliates and partners: Creator Dashboard > Viewer Rewards > Emotes. Turn\n"
    "auto-resize off and give the three sizes of an emote; or leave it on and give the one of\n"
    "112 px, from which Twitch makes the others. GIFs are for animated emotes; the first frame\n"
    "is the thumbnail.",
    "Twitch, pour les affiliés et les partenaires : Tableau de bord des créateurs > Récompenses\n"
    "des spectateurs > Emotes. Désactivez le redimensionnement automatique et donnez les trois\n"
    "tailles de l'emote ; ou laissez-le actif et donnez celle de 112 px, dont Twitch tire les\n"
    "autres. Les GIF sont pour les emotes animées ; leur première image sert de vignette.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    for px in SIZES_PX:
        path = f"emotes/{{name}}_{px}{{suffix}}"
        delivery.encode(built, artworks, lambda a, px=px: _limits(a, px), path=path)
    return built


def _limits(artwork: Artwork, px: int) -> Limits:
    if artwork.moves:
        return Limits("gif", px, 512_000, max_frames=60)
    return Limits("png", px, 1_000_000)
