"""Fits a palette of few colours, alpha among them, to the emoji of a set.

    python -m input_pipeline.art.pixel_palette --source=openmoji --out=FILE

FILE gets a colour a line, `rrggbbaa`, straight alpha, the most frequent first. SOURCE is as in
`config.data.sources`.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

import ml_collections
import numpy as np
from scipy.cluster import vq

from input_pipeline import DataError, dataset

_PIXELS = 200_000  # that are not one of the frequent colours, at most
_SEED = 20261129
_FLAT = 0.5  # fraction of the palette that is given to the most frequent colours, as they are


def fit(images: np.ndarray, colours: int) -> list[str]:
    """Fits a palette: the most frequent colours as they are, and k-means of all others.

    Flat art is made of few colours and of their mixtures along edges.

    Args:
      images: uint8 [n h w 4], straight alpha.
      colours: of the palette, at least 2.

    Returns:
      `colours` of 'rrggbbaa' or, where the images have fewer, all of them.
    """
    pixels = images.reshape(-1, 4)
    packed = np.ascontiguousarray(pixels).view("<u4")[:, 0]
    distinct, counts = np.unique(packed, return_counts=True)
    by_count = np.argsort(-counts, kind="stable")
    if len(distinct) <= colours:
        return [_name(distinct[i]) for i in by_count]
    flat = distinct[by_count[: max(1, int(_FLAT * colours))]]
    rest = pixels[~np.isin(packed, flat)]
    rng = np.random.default_rng(_SEED)
    rest = rest[rng.permutation(len(rest))[:_PIXELS]]
    centres, _ = vq.kmeans2(
        _premultiplied(rest), colours - len(flat), iter=30, minit="++", seed=_SEED
    )
    return [_name(x) for x in flat] + [_straight(x).tobytes().hex() for x in centres]


def error(images: np.ndarray, palette: Sequence[str]) -> float:
    """Returns the mean absolute error, in levels of premultiplied RGBA, of the nearest colours."""
    colours = np.array([list(bytes.fromhex(c)) for c in palette], np.uint8)
    pixels = _premultiplied(images.reshape(-1, 4))
    codes, _ = vq.vq(pixels, _premultiplied(colours))
    return float(np.abs(_premultiplied(colours)[codes] - pixels).mean())


def _name(packed: np.uint32) -> str:
    return int(packed).to_bytes(4, "little").hex()


def _premultiplied(pixels: np.ndarray) -> np.ndarray:
    """Returns f32 [n 4] in levels of 255."""
    x = pixels.astype(np.float32)
    return np.concatenate([x[:, :3] * x[:, 3:] / 255, x[:, 3:]], 1)


def _straight(x: np.ndarray) -> np.ndarray:
    """Undoes `_premultiplied` for one colour: uint8 [4]."""
    rgb = x[:3] * 255 / max(x[3], 1e-6)
    return np.clip(np.rint(np.append(rgb, x[3])), 0, 255).astype(np.uint8)


def _data_config(source: str, resolution: int, domains: Sequence[str]) -> ml_collections.ConfigDict:
    return ml_collections.ConfigDict(
        {
            "dir": "",
            "sources": (source,),
            "split": "auto",
            "resolution": resolution,
            "common_box": False,
            "max_bad_share": 0.01,
            "conditions": (),
            "domains": tuple(domains),
            **dict.fromkeys(("groups", "subgroups", "codepoints", "styles"), ()),
            "tones": "none",
        }
    )


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--source", default="openmoji", help="'openmoji' or STYLE=PATH")
    p.add_argument("--resolution", type=int, default=32, help="px")
    p.add_argument("--domains", default="full,line", help="of full, line, fill")
    p.add_argument("--colours", type=int, default=64)
    p.add_argument("--out", type=pathlib.Path, required=True, help="file")
    a = p.parse_args()
    if not 2 <= a.colours <= 1024:
        raise DataError(f"--colours={a.colours}: expected 2 to 1024")
    images = dataset.load(_data_config(a.source, a.resolution, a.domains.split(","))).images
    palette = fit(images, a.colours)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    a.out.write_text("".join(f"{c}\n" for c in palette))
    print(f"{len(palette)} colours in {a.out}, {error(images, palette):.2f} of 255 from the images")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DataError as e:
        print(f"error: {e}", file=sys.stderr)
        sys.exit(2)
