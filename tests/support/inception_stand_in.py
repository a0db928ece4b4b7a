"""Draws weights for the 2015 Inception network: untrained, but the same numbers everywhere.

Every tensor of the state dict is drawn from a PCG64 stream of its own, seeded by the seed and the
CRC-32 of its name, so that two programs can be compared without exchanging a file. The scales keep
the images' features apart without letting the network amplify rounding.
"""

import zlib

import numpy as np

from eval.extractors import inception

_GAIN = 2.0  # a convolution's variance times its fan-in
_FIRST_GAIN = 6.0  # of the first convolution
_CENTRE = 0.25  # fraction of a filter's mean that is taken out
_RANGES = {  # of the tensors of the batch normalisations, and of the last bias
    "weight": (0.8, 1.2),
    "bias": (-0.2, 0.2),
    "running_mean": (-0.1, 0.1),
    "running_var": (0.6, 1.4),
    "fc.bias": (-0.5, 0.5),
}


def make_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Draws the state dict: float32 arrays by name, convolutions OIHW."""
    return {
        name: _tensor(name, shape, seed) for name, shape in inception.state_dict_shapes().items()
    }


def _tensor(name, shape, seed):
    u = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())])).random(shape)
    if name.endswith("conv.weight"):
        first = name == "Conv2d_1a_3x3.conv.weight"
        bound = np.sqrt(3.0 * (_FIRST_GAIN if first else _GAIN) / np.prod(shape[1:]))
        w = bound * (2 * u - 1)
        if not first:
            w -= _CENTRE * w.mean(axis=(1, 2, 3), keepdims=True)
    elif name == "fc.weight":
        w = np.sqrt(3.0 / shape[1]) * 3 * (2 * u - 1)
    else:
        low, high = _RANGES.get(name) or _RANGES[name.rpartition(".")[2]]
        w = low + (high - low) * u
    return np.ascontiguousarray(w, np.float32)
