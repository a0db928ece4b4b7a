"""Whether an emoji is still read as the same at the sizes it is shown in text: 16, 22 and 32 px."""

import numpy as np
import PIL.Image

from emoji_gan.errors import UserError
from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet

SIZES = (16, 22, 32)  # px
_MOST = 1000  # images of a side, as every size is extracted anew
_LEAST_VISIBLE_PX = 4  # with less of it opaque, a picture shows nothing that could be read


def reduce(images: np.ndarray, size: int) -> np.ndarray:
    """Scales to `size` px (Lanczos) and back to where it was (bicubic), in premultiplied colour.

    Args:
      images: uint8 [n h w 4], straight alpha.
      size: px, of the side.

    Returns:
      uint8 [n h w 4], straight alpha, RGB = 0 where alpha = 0.
    """
    _, h, w, _ = images.shape
    found = np.empty_like(images)
    for i, image in enumerate(images):
        premultiplied = PIL.Image.fromarray(np.ascontiguousarray(image)).convert("RGBa")
        small = premultiplied.resize((size, size), PIL.Image.Resampling.LANCZOS)
        found[i] = np.asarray(small.resize((w, h), PIL.Image.Resampling.BICUBIC).convert("RGBA"))
    found[found[..., 3] == 0] = 0
    return found


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """'legibility_16' and so on: how often the recogniser's first choice stays the same.

    And of the real images, 'legibility_16_real'. A picture that shows nothing is not legible. Of at
    most 1000 images a side, drawn at random;
    Wilson's intervals.

    Raises:
      UserError: nothing to extract with, no logits, or fewer than 20 images on a side.
    """
    sets.require("legibility", real, fake, 20, 20)
    if fake.extract is None or fake.logits is None:
        raise UserError("legibility: it needs a recogniser (logits, and the network itself)")
    found, n, m = {}, len(real.images), len(fake.images)
    for suffix, side in (("", fake), ("_real", real)):
        if side.logits is None:
            continue
        count = len(side.images)
        rows = np.sort(rng.choice(count, min(count, _MOST), replace=False))
        images, full = side.images[rows], side.logits[rows].argmax(1)
        visible = (images[..., 3] >= 128).sum((1, 2)) >= _LEAST_VISIBLE_PX
        drawn = sets.join(
            f"of {len(rows)} of the {count} images" if len(rows) < count else "",
            "" if visible.all() else f"{np.sum(~visible)} show nothing and count as not legible",
        )
        for size in SIZES:
            note = drawn
            if size >= min(images.shape[1:3]):
                same, note = (
                    int(visible.sum()),
                    sets.join(drawn, f"the images are no larger than {size} px"),
                )
            else:
                logits = (side.extract or fake.extract)(reduce(images, size)).logits
                same = int(np.sum((logits.argmax(1) == full) & visible))
            found[f"legibility_{size}{suffix}"] = Estimate(
                same / len(rows), *resample.wilson(same, len(rows)), n, m, note
            )
    return found
