"""Clusters of emoji that look alike, and splits that keep a cluster together."""

import collections
import dataclasses
import hashlib

import numpy as np

SPLITS = ("train", "validation", "test")
RMSE = 0.03  # of premultiplied RGBA in [0, 1]; closer pictures are near-duplicates
SHARED = 16  # a picture that near-duplicates those of more bases than this links none of them
LARGE = 32  # emoji; a larger cluster is in train, or it would make up most of a small split
RULE = f"""\
A cluster is what these links connect: (1) pictures of one domain, identical ones included, whose 16 x 16
thumbnails (premultiplied RGBA, averaged from 32 px) differ by an RMSE under {RMSE}; (2) a skin-tone variant
and its base. Link (1) does not hold for a picture that is near-duplicated by more than {SHARED} other bases,
as it tells nothing of what the emoji is: a flag's empty frame, the yellow disc under a face. A cluster is in
one split, in all domains: train if it has more than {LARGE} emoji, else by SHA-256 of its smallest code
points, modulo 100: 0 to 4 is test, 5 to 9 validation, the rest train. The rule does not depend on the
resolution."""

_SIDE = 16


@dataclasses.dataclass(frozen=True)
class Clusters:
    """Which emoji look alike."""

    of: dict[str, int]  # code points -> cluster, numbered by their smallest code points
    split: list[str]  # cluster -> one of SPLITS
    shared: dict[str, int]  # domain -> pictures that link nothing, as too many bases share them


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Averages h w 4 uint8 straight alpha (h and w multiples of 16) to 16 16 4 uint8 premultiplied."""
    h, w, _ = image.shape
    alpha = image[..., 3:] / 255.0
    premultiplied = np.concatenate([image[..., :3] * alpha, image[..., 3:]], axis=-1)
    blocks = premultiplied.reshape(_SIDE, h // _SIDE, _SIDE, w // _SIDE, 4)
    return np.rint(blocks.mean((1, 3))).astype(np.uint8)


def clusters(thumbnails: dict[str, dict[str, np.ndarray]], bases: dict[str, str]) -> Clusters:
    """Clusters emoji by the rule of RULE.

    Args:
      thumbnails: code points -> domain -> `thumbnail`; blank ones (all 0) link nothing.
      bases: code points -> those of the toneless form.
    """
    keys = sorted(thumbnails)
    index = {key: i for i, key in enumerate(keys)}
    parent = list(range(len(keys)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def link(i: int, j: int) -> None:
        i, j = root(i), root(j)
        parent[max(i, j)] = min(i, j)  # a cluster's root is its smallest key

    first_of_base: dict[str, int] = {}
    for key in keys:
        link(index[key], first_of_base.setdefault(bases[key], index[key]))
    shared = {}
    for domain in thumbnails[keys[0]] if keys else ():
        pairs = _near(np.stack([thumbnails[key][domain] for key in keys]))
        twins = collections.defaultdict(set)
        for i, j in pairs:
            twins[i].add(bases[keys[j]])
            twins[j].add(bases[keys[i]])
        common = {i for i, others in twins.items() if len(others - {bases[keys[i]]}) > SHARED}
        shared[domain] = len(common)
        for i, j in pairs:
            if i not in common and j not in common:
                link(i, j)
    sizes = collections.Counter(root(i) for i in range(len(keys)))
    roots = sorted(sizes)
    number = {r: n for n, r in enumerate(roots)}
    return Clusters(
        of={key: number[root(i)] for i, key in enumerate(keys)},
        split=[_split(keys[r], sizes[r]) for r in roots],
        shared=shared,
    )


def _near(thumbs: np.ndarray) -> list[tuple[int, int]]:
    """Pairs i < j of `thumbs` (n 16 16 4 uint8), neither blank, with an RMSE under RMSE."""
    # Whole numbers in float64: exact, so that no machine's rounding moves an emoji to another
    # split.
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float64)
    squares = (flat**2).sum(1)
    limit = (RMSE * 255) ** 2 * flat.shape[1]
    pairs = []
    for start in range(0, len(flat), 512):
        rows = slice(start, start + 512)
        distances = squares[rows, None] + squares[None] - 2 * flat[rows] @ flat.T
        i, j = np.nonzero(distances < limit)
        i += start
        keep = (i < j) & (squares[i] > 0) & (squares[j] > 0)
        pairs += zip(i[keep].tolist(), j[keep].tolist(), strict=True)
    return pairs


def _split(codepoints: str, size: int) -> str:
    if size > LARGE:
        return "train"
    percentile = int.from_bytes(hashlib.sha256(codepoints.encode()).digest()[:8], "big") % 100
    return "test" if percentile < 5 else "validation" if percentile < 10 else "train"
