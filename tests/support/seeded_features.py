"""Draws the features and logits that the values of fixtures/metrics*.json are of.

Only uniform draws of numpy, so that every program draws the same numbers.
"""

import json
import pathlib

import numpy as np

from eval.metrics.sets import SampleSet

_FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
# Values that pytorch-fid, torch-fidelity and prdc compute from these features.
REFERENCE = json.loads((_FIXTURES / "metrics.json").read_text())
REFERENCE_2048 = json.loads((_FIXTURES / "metrics_2048.json").read_text())["cases"]


def make_features(n, d, seed, shift=0.0, scale=1.0, rank=None):
    """Draws non-negative f32 [n d]; one d and rank correlate the columns alike for every seed."""
    rank = rank or d
    u = np.random.Generator(np.random.PCG64([seed, 1])).random((n, rank)) - 0.5
    mixing = np.random.Generator(np.random.PCG64([7, d, rank])).random((rank, d)) - 0.5
    x = scale * (u @ mixing) * (12.0 / np.sqrt(rank)) + 0.3 + shift
    return np.maximum(x, 0.0).astype(np.float32)


def make_logits(n, c, seed, scale=3.0):
    """Draws f32 [n c]."""
    g = np.random.Generator(np.random.PCG64([seed, 2]))
    return (scale * (g.random((n, c)) + g.random((n, c)) - 1.0)).astype(np.float32)


def sample_set(features, **fields):
    """Makes one side of a comparison; images are blank unless given."""
    n = len(features)
    defaults = {
        "images": np.zeros((n, 4, 4, 4), np.uint8),
        "logits": None,
        "labels": None,
        "clusters": None,
        "path_pairs": None,
        "extract": None,
        "names": tuple(map(str, range(n))),
    }
    return SampleSet(**(defaults | {"features": np.asarray(features, np.float32)} | fields))
