"""A folder of pictures as one array, for `--real=DIR --fake=DIR`."""

import collections
import hashlib
import pathlib

import numpy as np
from absl import logging

from emoji_gan.errors import UserError
from input_pipeline.art.rasterise import BadImage, read_png

_MAX_BAD_SHARE = 0.01


def read(directory: str) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Reads every PNG under a folder.

    Returns:
      images uint8 `n h w 4`, their paths in the folder, and the SHA-256 of names and pixels.

    Raises:
      UserError: no such folder, no PNG, several sizes, or more than 1 % unreadable.
    """
    root = pathlib.Path(directory).expanduser()
    if not root.is_dir():
        raise UserError(f"{directory}: no such folder")
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() == ".png" and p.is_file())
    if not paths:
        raise UserError(f"{directory}: no PNG in it")
    images, names, bad = [], [], []
    for path in paths:
        try:
            images.append(read_png(path.read_bytes()))
            names.append(str(path.relative_to(root)))
        except (BadImage, OSError) as e:
            bad.append(f"{path.name} ({e})")
    if len(bad) > _MAX_BAD_SHARE * len(paths):
        raise UserError(
            f"{directory}: {len(bad)} of {len(paths)} pictures cannot be read: {bad[0]}"
        )
    for line in bad:
        logging.warning("%s: left out %s", directory, line)
    sizes = collections.Counter(f"{i.shape[1]}x{i.shape[0]}" for i in images)
    if len(sizes) > 1:
        found = ", ".join(f"{n} of {size}" for size, n in sizes.most_common(4))
        raise UserError(
            f"{directory}: pictures of several sizes ({found}); scale them to one first"
        )
    stack = np.stack(images)
    digest = hashlib.sha256("\n".join(names).encode() + stack.tobytes()).hexdigest()
    return stack, tuple(names), digest
