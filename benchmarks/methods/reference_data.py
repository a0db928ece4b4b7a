"""Reads the pictures that the official code trains on, by the checkout's own reader."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Images:
    """Holds pictures in memory, and seeds all random numbers of torch and numpy.

    Args:
      folder: of RGB PNGs.
      seed: of torch's and numpy's global random numbers.

    Attributes:
      resolution: of the pictures, px.
    """

    def __init__(self, folder: str, seed: int) -> None:
        import numpy as np
        import torch
        from training.dataset import ImageFolderDataset

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        np.random.seed(seed)
        data = ImageFolderDataset(path=folder)
        self.resolution: int = data.resolution
        self._images = torch.from_numpy(np.stack([data[i][0] for i in range(len(data))]))
        self._order = _shuffled(len(data))

    def batch(self, count: int) -> "torch.Tensor":
        """Returns the next pictures, f32 [count 3 h w] in [-1, 1]."""
        return self._images[[next(self._order) for _ in range(count)]].float() / 127.5 - 1


def _shuffled(count: int) -> Iterator[int]:
    """Yields the numbers below `count` in random order, again and again.

    The checkouts' own samplers do not work with today's torch.
    """
    import numpy as np

    while True:
        yield from np.random.permutation(count)
