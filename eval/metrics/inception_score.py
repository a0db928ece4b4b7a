"""Computes the Inception Score (1606.03498): is each image of a clear class, do all occur?"""

import itertools

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet

_SPLITS = 10
_SEED = 2020  # of the order, as in torch-fidelity
_T = 2.262157  # Student's t of _SPLITS - 1 degrees of freedom: 95 %


def inception_score(
    logits: np.ndarray, splits: int = _SPLITS, shuffle: bool = True
) -> tuple[float, float]:
    """Computes exp of the mean KL divergence of p(class | image) from p(class), per split.

    Args:
      logits: f32 [n k], of the 2015 network without the last layer's bias.
      splits: of the images, in each of which p(class) is taken; n >= splits.
      shuffle: first bring the images into a random order, always the same one.

    Returns:
      Mean and standard deviation (over splits) of the splits' scores.
    """
    if shuffle:
        logits = logits[np.random.RandomState(_SEED).permutation(len(logits))]
    ends = [i * len(logits) // splits for i in range(splits + 1)]
    scores = [_score(logits[i:j]) for i, j in itertools.pairwise(ends)]
    return float(np.mean(scores)), float(np.std(scores))


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'inception_score' and, for scale, 'inception_score_real' of the real images.

    The interval is that of the mean of ten splits. The score of few images is too low, as each of
    the ten splits must hold all classes.

    Raises:
      UserError: fewer than 100 images, or no logits.
    """
    sets.require("Inception Score", real, fake, least_real=0, least_fake=100)
    if fake.logits is None:
        raise UserError("Inception Score: the extractor gives no logits")
    del rng  # the order is that of torch-fidelity
    estimates = {}
    n, m = len(real.images), len(fake.images)
    for name, logits in (("inception_score", fake.logits), ("inception_score_real", real.logits)):
        if logits is None or len(logits) < 100:
            continue
        score, std = inception_score(logits)
        note = ""
        if len(logits) < 5000:
            note = f"splits of {len(logits) // _SPLITS} images: too low, compare at equal N only"
        low, high = resample.normal(score, std / np.sqrt(_SPLITS - 1) * _T / resample.Z, least=1.0)
        estimates[name] = Estimate(score, low, high, n, m, note)
    return estimates


def _score(logits: np.ndarray) -> np.float64:
    """Computes exp of the mean KL divergence over all of the logits f32 [n k]."""
    logits = logits.astype(np.float64)
    log_p = logits - logits.max(1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
    p = np.exp(log_p)
    divergence = np.sum(
        p * (log_p - np.log(np.maximum(p.mean(0), np.finfo(np.float64).tiny))), axis=1
    )
    return np.exp(divergence.mean())
