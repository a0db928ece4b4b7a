"""Clusters emoji that look alike and assigns each cluster to one split."""

import collections
import dataclasses
import hashlib
from collections.abc import Mapping

import numpy as np

SPLITS = ("train", "validation", "test")
RMSE = 0.03  # of premultiplied RGBA in [0, 1]; closer pictures are near-duplicates
SHARED = 16  # a picture that near-duplicates those of more bases than this links none of them
LARGE = 32  # emoji; a larger cluster is in train, or it would make up most of a small split
# A part of each data set's card, and so of its content hash: every byte stays as it is.
RULE = (
    "A cluster is what these links connect: (1) pictures of one domain, identical ones included, "
    "whose 16 x 16\n"
    f"thumbnails (premultiplied RGBA, averaged from 32 px) differ by an RMSE under {RMSE}; "
    "(2) a skin-tone variant\n"
    "and its base. Link (1) does not hold for a picture that is near-duplicated by more than "
    f"{SHARED} other bases,\n"
    "as it tells nothing of what the emoji is: a flag's empty frame, the yellow disc under a face. "
    "A cluster is in\n"
    f"one split, in all domains: train if it has more than {LARGE} emoji, else by SHA-256 of its "
    "smallest code\n"
    "points, modulo 100: 0 to 4 is test, 5 to 9 validation, the rest train. The rule does not "
    "depend on the\n"
    "resolution."
)

_SIDE = 16  # px of a thumbnail
_BLOCK = 512  # thumbnails whose distances to all others are computed at once


@dataclasses.dataclass(frozen=True)
class Clusters:
    """Holds which emoji look alike and which split each cluster is in.

    Attributes:
      of: code points -> cluster; clusters are numbered in the order of their smallest code points.
      split: cluster -> one of SPLITS.
      shared: domain -> number of pictures that link nothing, as too many bases share them.
    """

    of: dict[str, int]
    split: list[str]
    shared: dict[str, int]


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Averages a picture over a grid of 16 x 16 blocks.

    Args:
      image: h w 4 uint8, straight alpha; h and w are multiples of 16.

    Returns:
      16 16 4 uint8, premultiplied.
    """
    h, w, _ = image.shape
    alpha = image[..., 3:] / 255.0
    premultiplied = np.concatenate([image[..., :3] * alpha, image[..., 3:]], axis=-1)
    blocks = premultiplied.reshape(_SIDE, h // _SIDE, _SIDE, w // _SIDE, 4)
    return np.rint(blocks.mean((1, 3))).astype(np.uint8)


def clusters(
    thumbnails: Mapping[str, Mapping[str, np.ndarray]], bases: Mapping[str, str]
) -> Clusters:
    """Clusters emoji as RULE says.

    Args:
      thumbnails: code points -> domain -> `thumbnail`; blank ones (all 0) link nothing.
      bases: code points -> those of the toneless form.

    Returns:
      The clusters, which do not depend on the order of the arguments.
    """
    keys = sorted(thumbnails)
    forest = _Forest(len(keys))
    first_of_base: dict[str, int] = {}
    for i, key in enumerate(keys):
        forest.link(i, first_of_base.setdefault(bases[key], i))
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
                forest.link(i, j)
    root_of = [forest.root(i) for i in range(len(keys))]
    sizes = collections.Counter(root_of)
    roots = sorted(sizes)
    number = {root: n for n, root in enumerate(roots)}
    return Clusters(
        of={key: number[root] for key, root in zip(keys, root_of, strict=True)},
        split=[_split(keys[root], sizes[root]) for root in roots],
        shared=shared,
    )


class _Forest:
    """Joins items 0 to n - 1 into sets (union-find); a set's root is its smallest item."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def root(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def link(self, i: int, j: int) -> None:
        i, j = self.root(i), self.root(j)
        self._parent[max(i, j)] = min(i, j)


def _near(thumbnails: np.ndarray) -> list[tuple[int, int]]:
    """Lists the pairs i < j of thumbnails, neither of them blank, that differ by less than RMSE.

    Args:
      thumbnails: n 16 16 4 uint8.
    """
    # Whole numbers in float64: exact, so that no machine's rounding moves an emoji to another
    # split.
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float64)
    squares = (flat**2).sum(1)
    limit = (RMSE * 255) ** 2 * flat.shape[1]
    pairs = []
    for start in range(0, len(flat), _BLOCK):
        rows = slice(start, start + _BLOCK)
        distances = squares[rows, None] + squares[None] - 2 * flat[rows] @ flat.T
        i, j = np.nonzero(distances < limit)
        i += start
        keep = (i < j) & (squares[i] > 0) & (squares[j] > 0)
        pairs += zip(i[keep].tolist(), j[keep].tolist(), strict=True)
    return pairs


def _split(codepoints: str, size: int) -> str:
    """Returns the split of a cluster by its smallest code points and its number of emoji."""
    if size > LARGE:
        return "train"
    percentile = int.from_bytes(hashlib.sha256(codepoints.encode()).digest()[:8], "big") % 100
    return "test" if percentile < 5 else "validation" if percentile < 10 else "train"
