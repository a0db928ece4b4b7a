"""Measures whether emoji are still recognised at the sizes of running text: 16, 22 and 32 px."""

import numpy as np
import PIL.Image

from emoji_gan.errors import UserError
from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet

SIZES = (16, 22, 32)  # px
_MOST = 1000  # images of a side, as every size is extracted anew
_LEAST_VISIBLE_PX = 4  # opaque pixels; a picture with fewer shows nothing that could be read


def reduce(images: np.ndarray, size: int) -> np.ndarray:
    """Scales to `size` px (Lanczos) and back (bicubic), in premultiplied colour.

    Args:
      images: uint8 [n h w 4], straight alpha.
      size: px, of the side.

    Returns:
      uint8 [n h w 4], straight alpha, RGB = 0 where alpha = 0.
    """
    _, h, w, _ = images.shape
    reduced = np.empty_like(images)
    for i, image in enumerate(images):
        premultiplied = PIL.Image.fromarray(np.ascontiguousarray(image)).convert("RGBa")
        small = premultiplied.resize((size, size), PIL.Image.Resampling.LANCZOS)
        reduced[i] = np.asarray(small.resize((w, h), PIL.Image.Resampling.BICUBIC).convert("RGBA"))
    reduced[reduced[..., 3] == 0] = 0
    return reduced


def is_visible(images: np.ndarray) -> np.ndarray:
    """Returns which pictures show anything: bool [n] of uint8 [n h w 4], straight alpha."""
    return (images[..., 3] >= 128).sum((1, 2)) >= _LEAST_VISIBLE_PX


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'legibility_16' and so on: how often the recogniser's first choice stays the same.

    'legibility_16_real' and so on are the same of the real images. A picture that shows nothing is
    not legible. At most 1000 images of a side are used, drawn at random. The intervals are
    Wilson's.

    Raises:
      UserError: nothing to extract with, no logits, or fewer than 20 images on a side.
    """
    sets.require("legibility", real, fake, least_real=20, least_fake=20)
    if fake.extract is None or fake.logits is None:
        raise UserError("legibility: it needs a recogniser (logits, and the network itself)")
    estimates, n, m = {}, len(real.images), len(fake.images)
    for suffix, side in (("", fake), ("_real", real)):
        if side.logits is None:
            continue
        count = len(side.images)
        rows = np.sort(rng.choice(count, min(count, _MOST), replace=False))
        images, full = side.images[rows], side.logits[rows].argmax(1)
        visible = is_visible(images)
        side_note = sets.join(
            f"of {len(rows)} of the {count} images" if len(rows) < count else "",
            "" if visible.all() else f"{np.sum(~visible)} show nothing and count as not legible",
        )
        for size in SIZES:
            note = side_note
            if size >= min(images.shape[1:3]):
                same = int(visible.sum())
                note = sets.join(side_note, f"the images are no larger than {size} px")
            else:
                logits = (side.extract or fake.extract)(reduce(images, size)).logits
                same = int(np.sum((logits.argmax(1) == full) & visible))
            interval = resample.wilson(same, len(rows))
            estimates[f"legibility_{size}{suffix}"] = Estimate(
                same / len(rows), *interval, n, m, note
            )
    return estimates
