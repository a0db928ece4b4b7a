"""Measures how often a recogniser sees the class that the generator was given as its condition."""

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet


def class_scores(
    logits: np.ndarray, real_logits: np.ndarray, real_labels: np.ndarray
) -> np.ndarray:
    """Maps the recogniser's scores (say, of code points) to scores of classes (say, groups).

    A column belongs to the class of most of the real images that score highest in it. A class
    scores as high as the highest of its columns. Columns in which no real image scores highest do
    not count.

    Args:
      logits: f32 [m k], of the images to recognise.
      real_logits: f32 [n k].
      real_labels: int [n], the classes of the real images.

    Returns:
      f32 [m, number of classes], -inf for a class without a column.
    """
    votes = np.zeros((logits.shape[1], int(real_labels.max()) + 1), np.int64)
    np.add.at(votes, (real_logits.argmax(1), real_labels), 1)
    owner, has_votes = votes.argmax(1), votes.any(1)
    scores = np.full((len(logits), votes.shape[1]), -np.inf, np.float32)
    for c in range(votes.shape[1]):
        if (columns := has_votes & (owner == c)).any():
            scores[:, c] = logits[:, columns].max(1)
    return scores


def hits(scores: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Tests whether each label is among the k highest scores of its image.

    Args:
      scores: f32 [m classes].
      labels: int [m].
      k: how many of the highest scores count.

    Returns:
      bool [m].
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    return (scores >= own).sum(1) <= k


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'agreement_top1' and, of more than five classes, 'agreement_top5'.

    The intervals are Wilson's. The labels of the generated images must be those that the generator
    was given: labels that the recogniser itself assigned would always agree.

    Raises:
      UserError: no labels, no logits, one class only, or fewer than 20 generated images.
    """
    sets.require("agreement", real, fake, least_real=1, least_fake=20)
    if real.labels is None or fake.labels is None:
        raise UserError("agreement: the images have no classes")
    if real.logits is None or fake.logits is None:
        raise UserError("agreement: the extractor gives no logits")
    del rng
    n, m = len(real.images), len(fake.images)
    classes = len(np.unique(real.labels))
    if classes < 2:
        raise UserError("agreement: there is only one class")
    unknown = np.setdiff1d(fake.labels, real.labels)
    if len(unknown):
        raise UserError(f"agreement: no real image is of class {unknown[0]}, which was generated")
    scores = class_scores(fake.logits, real.logits, real.labels)
    unseen = int(np.isneginf(scores[0, np.unique(real.labels)]).sum())
    note = f"the recogniser never sees {unseen} of the {classes} classes" if unseen else ""
    estimates = {}
    for k in (1, 5):
        if k == 1 or classes > k:
            agree = int(hits(scores, fake.labels, k).sum())
            interval = resample.wilson(agree, m)
            estimates[f"agreement_top{k}"] = Estimate(agree / m, *interval, n, m, note)
    return estimates
