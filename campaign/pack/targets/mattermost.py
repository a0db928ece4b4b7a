"""Packs for Mattermost: a zip with a bulk import file, PNG and GIF of 128 px."""

import json
from collections.abc import Sequence

from campaign.pack import archives, delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

LARGEST_PX = 128  # what is larger, Mattermost makes smaller, and quantises GIFs again
STEPS = (
    "For who runs the server: mmctl import upload FILE.zip, then mmctl import process with the\n"
    "name that it answers. In the program: smiley > Custom emoji > Add custom emoji, one by one.",
    "Pour qui gère le serveur : mmctl import upload FICHIER.zip, puis mmctl import process avec\n"
    "le nom renvoyé. Dans le programme : smiley > Émojis personnalisés > Ajouter, un par un.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    items = delivery.encode(built, artworks, _limits)
    lines = [{"type": "version", "version": 1}]
    lines += [
        {"type": "emoji", "emoji": {"name": i.artwork.entry.name, "image": i.file}} for i in items
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    pictures = {f"data/{i.file}": i.fitted.data for i in items}
    built.files[f"{about.code}.zip"] = archives.to_zip({"import.jsonl": text.encode()} | pictures)
    return built


def _limits(artwork: Artwork) -> Limits:
    return Limits("gif" if artwork.moves else "png", LARGEST_PX, 512 * 1024)
