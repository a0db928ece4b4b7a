"""Packs for Mattermost: a zip with a bulk import file, PNG and GIF of 128 px."""

import json
from collections.abc import Sequence

from campaign.pack import archives, delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

LARGEST_PX = 128  # what is larger, Mattermost makes smaller, and quantises GIFs again
STEPS = (
    "For whoever runs the server: mmctl import upload FILE.zip; mmctl import list available\n"
    "shows the name that the file has there; mmctl import process NAME. In the program: smiley >\n"
    "Custom Emoji > Add Custom Emoji > name, Select, Save, one by one.",
    "Pour qui gère le serveur : mmctl import upload FICHIER.zip ; mmctl import list available\n"
    "donne le nom que le fichier y porte ; mmctl import process NOM. Dans l'application :\n"
    "smiley > Émoticônes personnalisées > Ajouter une émoticône personnalisée, une par une.",
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
