"""Packs for Mastodon: a tar.gz of PNG and GIF whose names are the short codes."""

from collections.abc import Sequence

from campaign.pack import archives, delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

LARGEST_PX = 128
MAX_BYTES = 256 * 1024
STEPS = (
    "For whoever runs the server: tootctl emoji import --category NAME FILE.tar.gz\n"
    "It skips short codes that are taken; with --overwrite it replaces them.\n"
    "In the web interface: Preferences > Administration > Custom emojis > Upload, one by one.\n"
    "Servers before version 4 take 50 KB a file.",
    "Pour qui gère le serveur : tootctl emoji import --category NOM FICHIER.tar.gz\n"
    "Les raccourcis déjà pris sont ignorés ; avec --overwrite ils sont remplacés.\n"
    "Dans l'interface web : Préférences > Administration > Émojis personnalisés > Téléverser,\n"
    "un par un. Les serveurs d'avant la version 4 prennent 50 Ko par fichier.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    items = delivery.encode(built, artworks, _limits)
    files = {i.file.rpartition("/")[2]: i.fitted.data for i in items}
    built.files[f"{about.code}.tar.gz"] = archives.to_tar_gz(files)
    return built


def _limits(artwork: Artwork) -> Limits:
    return Limits("gif" if artwork.moves else "png", LARGEST_PX, MAX_BYTES)
