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
    "In a client that edits image packs (Cinny: room settings > Emojis) create a pack and add\n"
    "the files of emoticons/ and stickers/ by hand. Or upload each file to your server's media\n"
    "store, put the mxc:// address that it answers with in the place of mxc://UPLOAD/FILE in\n"
    "image_pack.json, and send that as the state event m.room.image_pack, with a state key of\n"
    "your choice; clients that do not know that name yet read im.ponies.room_emotes. An event\n"
    "has 65,536 bytes at most: send a large pack in parts, each with its own state key.",
    "Dans un client qui édite les packs d'images (Cinny, en anglais : room settings > Emojis),\n"
    "créez un pack et ajoutez à la main les fichiers de emoticons/ et stickers/. Ou envoyez\n"
    "chaque fichier au dépôt de médias de votre serveur, mettez l'adresse mxc:// qu'il renvoie à\n"
    "la place de mxc://UPLOAD/FICHIER dans image_pack.json, et envoyez celui-ci comme événement\n"
    "d'état m.room.image_pack, avec une clé d'état de votre choix ; les clients qui ne\n"
    "connaissent pas encore ce nom lisent im.ponies.room_emotes. Un événement fait 65 536 octets\n"
    "au plus : envoyez un grand pack en plusieurs parties, chacune avec sa clé d'état.",
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
