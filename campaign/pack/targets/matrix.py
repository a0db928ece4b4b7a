"""Packs for Matrix: pictures, and the m.room.image_pack that names them once they are uploaded."""

import json
from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built, Item

LARGEST_PX = 512
_EMOTICON_PX = 128
_PLACEHOLDER = "mxc://UPLOAD/"
STEPS = (
    "In a client that edits image packs (room settings > Emojis & Stickers) add the files of\n"
    "emoticons/ and stickers/ by hand. Or upload each file to your server's media store, put the\n"
    "mxc:// address that it answers with in the place of mxc://UPLOAD/FILE in image_pack.json,\n"
    "and send that as the state event m.room.image_pack (older rooms: im.ponies.room_emotes).",
    "Dans un client qui édite les packs d'images (paramètres du salon > émojis et autocollants),\n"
    "ajoutez à la main les fichiers de emoticons/ et stickers/. Ou envoyez chaque fichier au\n"
    "dépôt de médias de votre serveur, mettez l'adresse mxc:// qu'il renvoie à la place de\n"
    "mxc://UPLOAD/FICHIER dans image_pack.json, et envoyez celui-ci comme événement d'état\n"
    "m.room.image_pack (anciens salons : im.ponies.room_emotes).",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    emoticons = delivery.encode(
        built, artworks, lambda a: _limits(a, _EMOTICON_PX), path="emoticons/{name}{suffix}"
    )
    stickers = delivery.encode(
        built, artworks, lambda a: _limits(a, LARGEST_PX), path="stickers/{name}{suffix}"
    )
    images = {i.artwork.entry.name: _image(i, "emoticon") for i in emoticons}
    images |= {f"{i.artwork.entry.name}_sticker": _image(i, "sticker") for i in stickers}
    credits = dict.fromkeys(a.entry.attribution for a in artworks if a.entry.attribution)
    pack = {
        "display_name": about.title,
        "usage": ["emoticon", "sticker"],
        "attribution": "; ".join(credits),
    }
    text = json.dumps({"images": images, "pack": pack}, ensure_ascii=False, indent=1) + "\n"
    built.files["image_pack.json"] = text.encode()
    return built


def _limits(artwork: Artwork, px: int) -> Limits:
    return Limits("webp" if artwork.moves else "png", px, 1_000_000)


def _image(item: Item, usage: str) -> dict[str, object]:
    fitted, entry = item.fitted, item.artwork.entry
    kind = "image/webp" if item.artwork.moves else "image/png"
    size = {"w": fitted.px, "h": fitted.px, "size": len(fitted.data), "mimetype": kind}
    return {
        "url": _PLACEHOLDER + item.file,
        "body": entry.alt.get("en", entry.name),
        "info": size,
        "usage": [usage],
    }
