"""Packs for Twitch: 28, 56 and 112 px, PNG up to 1 MB or GIF up to 512 KB and 60 frames."""

from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

SIZES_PX = (28, 56, 112)
LARGEST_PX = SIZES_PX[-1]
STEPS = (
    "Twitch: Creator dashboard > Viewer rewards > Emotes > upload. Choose manual resizing and\n"
    "give the three sizes of an emote, or the one of 112 px and let Twitch make it smaller.",
    "Twitch : Tableau de bord des créateurs > Récompenses > Émoticônes > importer. Choisissez\n"
    "le redimensionnement manuel et donnez les trois tailles, ou celle de 112 px seule, que\n"
    "Twitch réduit.",
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
