"""Damages pictures as use damages them: pairs to learn restoration from, by sample number.

A damaged picture is a picture made small by a whole factor, then blurred, compressed, reduced in
colours, cut out hard, made noisy or photographed off a coloured screen. What becomes of a sample
depends on (seed, sample number) alone.
"""

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

Damage = Callable[[np.ndarray, np.random.Generator], np.ndarray]
_SALT = 912850319  # of the seeds, apart from those of the batches
_FILTERS = {  # of Pillow, each as likely as it is listed
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
BACKGROUNDS = (  # RGB of screens: white, light and dark pages, a messenger's, pure colours
    (255, 255, 255),
    (245, 246, 248),
    (24, 26, 32),
    (0, 0, 0),
    (220, 248, 198),
    (0, 132, 255),
    (255, 204, 0),
    (230, 60, 60),
)


def premultiply(image: np.ndarray) -> np.ndarray:
    """Converts uint8 [h w 4] with straight alpha to premultiplied f32 [h w 4] in [0, 1]."""
    x = image.astype(np.float32) / 255
    return np.concatenate([x[..., :3] * x[..., 3:], x[..., 3:]], -1)


def straighten(x: np.ndarray) -> np.ndarray:
    """Converts premultiplied f32 [h w 4] in [0, 1] to uint8 [h w 4] with straight alpha."""
    alpha = np.clip(x[..., 3:], 0, 1)
    rgb = np.clip(x[..., :3], 0, alpha) / np.maximum(alpha, 1e-6)
    out = np.round(np.concatenate([rgb, alpha], -1) * 255)
    return np.where(out[..., 3:] > 0, out, 0).astype(np.uint8)


def shrink(image: np.ndarray, factor: int, method: str = "box") -> np.ndarray:
    """Makes a picture smaller by a whole factor, by its premultiplied colours.

    Args:
      image: uint8 [h w 4], straight alpha; h and w divisible by `factor`.
      factor: at least 1.
      method: of Pillow: box, hamming, bicubic or lanczos.

    Returns:
      uint8 [h/factor w/factor 4], straight alpha.
    """
    x = premultiply(image)
    h, w = x.shape[0] // factor, x.shape[1] // factor
    if method == "box":
        # Sums of strided views are many times as fast as a mean over two inner axes.
        views = [x[i::factor, j::factor] for i in range(factor) for j in range(factor)]
        small = sum(views) / np.float32(factor**2)
    else:
        small = resized(x, (w, h), _FILTERS[method])
    return straighten(small)


def resized(x: np.ndarray, size: tuple[int, int], method: Image.Resampling) -> np.ndarray:
    """Resamples f32 [h w c] to a width and height by one of Pillow's filters, unclipped.

    A channel at a time, in float: Pillow rounds between the passes of 8-bit pictures.
    """
    channels = (np.ascontiguousarray(x[..., c]) for c in range(x.shape[-1]))
    return np.stack([np.asarray(Image.fromarray(c).resize(size, method)) for c in channels], -1)


def over(image: np.ndarray, rgb: tuple[int, ...] | np.ndarray) -> np.ndarray:
    """Lays a picture, uint8 [h w 4], over a background of one colour: opaque uint8 [h w 4]."""
    x = premultiply(image)
    colour = np.asarray(rgb, np.float32) / 255
    opaque = x[..., :3] + (1 - x[..., 3:]) * colour
    return straighten(np.concatenate([opaque, np.ones_like(opaque[..., :1])], -1))


# ---- damages -------------------------------------------------------------------------------------


def blurred(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blurs by a Gaussian of 0.4 to 1.0 px."""
    sigma = rng.uniform(0.4, 1.0)
    offsets = np.arange(-3, 4)
    taps = np.exp(-0.5 * (offsets / sigma) ** 2)
    x = premultiply(image)
    for axis in (0, 1):
        padded = np.pad(x, [(3, 3) if a == axis else (0, 0) for a in range(3)], mode="edge")
        parts = [np.take(padded, range(i, i + x.shape[axis]), axis) for i in range(7)]
        x = sum(t * part for t, part in zip(taps / taps.sum(), parts, strict=True))
    return straighten(x.astype(np.float32))


def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Adds noise of 4 to 20 of 255 levels to colours where something is drawn."""
    sigma = rng.uniform(4, 20)
    noise = rng.normal(0, sigma, image[..., :3].shape)
    rgb = np.clip(np.round(image[..., :3] + noise), 0, 255)
    return np.where(image[..., 3:] > 0, np.concatenate([rgb, image[..., 3:]], -1), 0).astype(
        np.uint8
    )


def blotched(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Adds grain and blotches as a generator leaves them in flat colours, and frays the edges."""
    h, w = image.shape[:2]
    coarse = rng.normal(0, rng.uniform(4, 24), (h // 4 + 2, w // 4 + 2, 3)).astype(np.float32)
    blotches = resized(coarse, (w, h), Image.Resampling.BICUBIC)
    grain = rng.normal(0, rng.uniform(2, 12), (h, w, 3))
    fray = rng.normal(0, rng.uniform(0, 30), (h, w, 1)) * _edge(image[..., 3:])
    out = image.astype(np.float32) + np.concatenate([blotches + grain, fray], -1)
    out = np.clip(np.round(out), 0, 255)
    return np.where(out[..., 3:] > 0, out, 0).astype(np.uint8)


def _edge(alpha: np.ndarray) -> np.ndarray:
    """Returns 1 at the edges of alpha [h w 1], where it is not all 0 nor all 255, else 0."""
    padded = np.pad(alpha[..., 0], 1, mode="edge")
    h, w, _ = alpha.shape
    near = [padded[y : y + h, x : x + w] for y in range(3) for x in range(3)]
    low, high = np.min(near, 0), np.max(near, 0)
    return ((low < 255) & (high > 0))[..., None].astype(np.float32)


def few_colours(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reduces to 8 to 64 colours, alpha among them."""
    colours = int(2 ** rng.uniform(3, 6))
    reduced = Image.fromarray(image).quantize(colours, Image.Quantize.FASTOCTREE, dither=0)
    return _cleared(np.asarray(reduced.convert("RGBA")))


def hard_edged(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cuts out hard, as GIF does: alpha is all or nothing."""
    alpha = np.where(image[..., 3:] >= rng.integers(64, 192), 255, 0)
    return _cleared(np.concatenate([image[..., :3], alpha], -1).astype(np.uint8))


def webp(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compresses as lossy WebP of quality 10 to 80; its alpha is exact."""
    return _cleared(_encoded(image, "WEBP", quality=int(rng.integers(10, 81))))


def jpeg(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compresses an opaque picture as JPEG of quality 30 to 90."""
    coded = _encoded(image[..., :3], "JPEG", quality=int(rng.integers(30, 91)))
    return np.concatenate([coded[..., :3], image[..., 3:]], -1)


def _encoded(image: np.ndarray, format_name: str, **options: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, format_name, **options)
    with Image.open(file) as read:
        return np.asarray(read.convert("RGBA"))


def _cleared(image: np.ndarray) -> np.ndarray:
    return np.where(image[..., 3:] > 0, image, 0).astype(np.uint8)


# Damages that keep alpha, in the order in which several come upon one picture.
KEEPING_ALPHA: Mapping[str, Damage] = {
    "blurred": blurred,
    "noisy": noisy,
    "blotched": blotched,
    "few_colours": few_colours,
    "hard_edged": hard_edged,
    "webp": webp,
}


# ---- pairs ---------------------------------------------------------------------------------------


def pairs(
    images: np.ndarray,
    samples: np.ndarray,
    *,
    seed: int,
    zoom: int,
    scale: int,
    own_colours: bool = False,
) -> dict[str, np.ndarray]:
    """Makes a damaged and a whole picture of each image.

    Args:
      images: uint8 [b zoom*p zoom*p 4], straight alpha.
      samples: [b] global sample numbers.
      seed: of the damages.
      zoom: how much finer the art is than the whole picture, which is the art made smaller or a
        part of it.
      scale: how much smaller the damaged picture is than the whole one.
      own_colours: whole pictures have the colours of the art alone: these are not exchanged, and
        coloured grounds do not belong to the picture.

    Returns:
      image: uint8 [b p p 4], whole; damaged: uint8 [b p/scale p/scale 4]; background: f32 [b], 1
      where the damaged picture is opaque and the whole one has lost the background.
    """
    made = [
        _pair(image, np.random.default_rng((_SALT, seed, int(n))), zoom, scale, own_colours)
        for image, n in zip(images, samples, strict=True)
    ]
    whole, damaged, background = zip(*made, strict=True)
    return {
        "image": np.stack(whole),
        "damaged": np.stack(damaged),
        "background": np.array(background, np.float32),
    }


def _pair(
    image: np.ndarray, rng: np.random.Generator, zoom: int, scale: int, own_colours: bool
) -> tuple[np.ndarray, np.ndarray, float]:
    whole = _part(image, rng, zoom)
    if rng.random() < 0.5:
        whole = whole[:, ::-1]
    if not own_colours and rng.random() < 0.5:  # other palettes than that of the art
        whole = np.concatenate([whole[..., rng.permutation(3)], whole[..., 3:]], -1)
    method = rng.choice(["box", "box", *_FILTERS])
    background = 0.0
    if rng.random() < 0.2:
        rgb = (
            BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
            if rng.random() < 0.5
            else rng.integers(0, 256, 3)
        )
        damaged = shrink(over(whole, rgb), scale, method)
        if rng.random() < 0.5:
            damaged = jpeg(damaged, rng)
        background = float(own_colours or rng.random() < 0.7)
        if not background:
            whole = over(whole, rgb)
        return whole, damaged, background
    damaged = shrink(whole, scale, method)
    count = rng.choice(3, p=(0.5, 0.4, 0.1))
    names = set(rng.choice(list(KEEPING_ALPHA), count, replace=False))
    for name, damage in KEEPING_ALPHA.items():
        if name in names:
            damaged = damage(damaged, rng)
    return np.ascontiguousarray(whole), damaged, background


def _part(image: np.ndarray, rng: np.random.Generator, zoom: int) -> np.ndarray:
    """Returns all of the art, made smaller, or a part of it at full size in which something is."""
    if zoom == 1:
        return image
    px = len(image) // zoom
    if rng.random() < 0.4:
        y, x = rng.integers(0, len(image) - px + 1, 2)
        part = image[y : y + px, x : x + px]
        if part[..., 3].any():
            return part
    return shrink(image, zoom)
