"""Packs for Matrix: pictures, and the m.room.image_pack that names them once they are uploaded.

A usage stands for a whole pack, so that emoticons and stickers are packs of their own (MSC2545;
clients of its drafts take that of the pack, too, for pictures that have none).
"""

import json
from collections.abc import Sequence

from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built, Item

LARGEST_PX = 512
_PX = {"emoticon": 128, "sticker": LARGEST_PX}  # by usage
_PLACEHOLDER = "mxc://UPLOAD/"
_ADDRESS_BYTES = 100  # of an mxc:// address, or more than most servers give
# Of an event of 65,536 bytes, to which servers add its sender, its room, hashes and signatures.
MOST_BYTES = 60_000
STEPS = (
    "In a client that edits image packs (Cinny: room settings > Emojis) create two packs, one of\n"
    "usage Emoji with the files of emoticons/, one of usage Sticker with those of stickers/. Or\n"
    "upload each file to your server's media store, put the mxc:// address that it answers with\n"
    "in the place of mxc://UPLOAD/FILE in image_pack_emoticons.json and\n"
    "image_pack_stickers.json, and send each as a state event m.room.image_pack with a state key\n"
    "of its own, say the name of its file: with the same key one would replace the other.\n"
    "Clients that do not know that name yet read im.ponies.room_emotes. An event has 65,536\n"
    "bytes at most: a large pack is in parts, whose names end in _1, _2 and so on; send each,\n"
    "again with a key of its own.",
    "Dans un client qui édite les packs d'images (Cinny, en anglais : room settings > Emojis),\n"
    "créez deux packs : un d'usage Emoji avec les fichiers de emoticons/, un d'usage Sticker avec\n"
    "ceux de stickers/. Ou envoyez chaque fichier au dépôt de médias de votre serveur, mettez\n"
    "l'adresse mxc:// qu'il renvoie à la place de mxc://UPLOAD/FICHIER dans\n"
    "image_pack_emoticons.json et image_pack_stickers.json, et envoyez chacun comme événement\n"
    "d'état m.room.image_pack avec sa propre clé d'état, par exemple le nom du fichier : avec la\n"
    "même clé, l'un remplacerait l'autre. Les clients qui ne connaissent pas encore ce nom lisent\n"
    "im.ponies.room_emotes. Un événement fait 65 536 octets au plus : un grand pack est en\n"
    "plusieurs parties, dont le nom finit par _1, _2, etc. ; envoyez chacune, toujours avec sa\n"
    "propre clé.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks, as emoticons and as stickers."""
    built = Built()
    for usage, px in _PX.items():
        path = f"{usage}s/{{name}}{{suffix}}"
        items = delivery.encode(built, artworks, lambda a, px=px: _limits(a, px), path=path)
        parts = _parts(items, about, usage)
        for number, part in enumerate(parts, 1):
            name = f"image_pack_{usage}s{delivery.part_suffix(number, len(parts))}.json"
            content = _content(part, about.part_title(number), usage)
            text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
            built.files[name] = text.encode()
    return built


def _limits(artwork: Artwork, px: int) -> Limits:
    return Limits("webp" if artwork.moves else "png", px, 1_000_000)


def _parts(items: Sequence[Item], about: About, usage: str) -> list[Sequence[Item]]:
    """Parts items into as few packs as fit into an event each."""
    for count in range(1, len(items)):
        parts = delivery.parted(items, count)
        contents = [_content(part, about.part_title(count), usage) for part in parts]
        if max(map(event_bytes, contents), default=0) <= MOST_BYTES:
            return parts
    return delivery.parted(items, len(items))


def event_bytes(content: dict) -> int:
    """Returns how long a pack is in an event, which has no spaces, with its real addresses."""
    images = {
        name: image | {"url": image["url"].ljust(_ADDRESS_BYTES)}
        for name, image in content["images"].items()
    }
    text = json.dumps(content | {"images": images}, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode())


def _content(items: Sequence[Item], title: str, usage: str) -> dict:
    """Returns the content of an event."""
    entries = [i.artwork.entry for i in items]
    credits = dict.fromkeys(e.attribution for e in entries if e.attribution)
    return {
        "images": {i.artwork.entry.name: _image(i) for i in items},
        "pack": {"display_name": title, "usage": [usage], "attribution": "; ".join(credits)},
    }


def _image(item: Item) -> dict[str, object]:
    fitted, entry = item.fitted, item.artwork.entry
    kind = "image/webp" if item.artwork.moves else "image/png"
    size = {"w": fitted.px, "h": fitted.px, "size": len(fitted.data), "mimetype": kind}
    return {
        "url": _PLACEHOLDER + item.file,
        "body": entry.alt.get("en", entry.name),
        "info": size,
    }
