"""Packs for Misskey: a zip with meta.json, the one format with a field for the licence."""

import json
from collections.abc import Sequence

from campaign.pack import archives, delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built, Item

LARGEST_PX = 128
_META_VERSION = 2
_EXPORTED_AT = "2020-01-01T00:00:00.000Z"  # of every pack: the same emoji are the same bytes
STEPS = (
    "For whoever runs the server: Control panel > Custom emoji > ... > Import, and choose the\n"
    "zip. An emoji of the server with the same name is replaced.",
    "Pour qui gère le serveur : Panneau de contrôle > Émojis personnalisés > ... > Importer, et\n"
    "choisissez le zip. Un émoji du serveur qui porte le même nom est remplacé.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    items = delivery.encode(built, artworks, _limits)
    meta = {
        "metaVersion": _META_VERSION,
        "host": "",
        "exportedAt": _EXPORTED_AT,
        "emojis": [_emoji(item) for item in items],
    }
    text = json.dumps(meta, ensure_ascii=False, indent=1) + "\n"
    pictures = {_base(item): item.fitted.data for item in items}
    built.files[f"{about.code}.zip"] = archives.to_zip({"meta.json": text.encode()} | pictures)
    return built


def _limits(artwork: Artwork) -> Limits:
    return Limits("webp" if artwork.moves else "png", LARGEST_PX, 256 * 1024)


def _base(item: Item) -> str:
    return item.file.rpartition("/")[2]


def _emoji(item: Item) -> dict[str, object]:
    e = item.artwork.entry
    aliases = dict.fromkeys(a for code in ("en", "fr") for a in e.aliases.get(code, []))
    emoji = {
        "name": e.name,
        "category": e.category,
        "aliases": list(aliases),
        "license": "; ".join(text for text in (e.licence, e.attribution) if text),
        "isSensitive": False,
        "localOnly": False,
    }
    return {"downloaded": True, "fileName": _base(item), "emoji": emoji}
