"""How often a recogniser sees the class that the generator was asked for."""

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet


def class_scores(
    logits: np.ndarray, real_logits: np.ndarray, real_labels: np.ndarray
) -> np.ndarray:
    """From scores over what the recogniser knows (say, code points) to scores over classes (say, groups).

    A column belongs to the class of most real images whose highest score it is; a class scores what
    the highest of its columns does. Columns that no real image has do not count.

    Args:
      logits: f32 [m k], of the images to recognise.
      real_logits: f32 [n k].
      real_labels: int [n], the classes of the real images.

    Returns:
      f32 [m, number of classes], -inf for a class without a column.
    """
    votes = np.zeros((logits.shape[1], int(real_labels.max()) + 1), np.int64)
    np.add.at(votes, (real_logits.argmax(1), real_labels), 1)
    owner, known = votes.argmax(1), votes.any(1)
    scores = np.full((len(logits), votes.shape[1]), -np.inf, np.float32)
    for c in range(votes.shape[1]):
        if (columns := known & (owner == c)).any():
            scores[:, c] = logits[:, columns].max(1)
    return scores


def hits(scores: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Whether the label, int [m], is among the k highest of the scores, f32 [m classes]: bool [m]."""
    own = scores[np.arange(len(labels)), labels][:, None]
    return (scores >= own).sum(1) <= k


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """'agreement_top1' and, of more than five classes, 'agreement_top5', with Wilson's intervals.

    Only for labels that were given to the generator: recognised ones agree with themselves.

    Raises:
      UserError: no labels, no logits, one class only, or fewer than 20 generated images.
    """
    sets.require("agreement", real, fake, 1, 20)
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
    silent = int(np.isneginf(scores[0, np.unique(real.labels)]).sum())
    note = f"the recogniser never sees {silent} of the {classes} classes" if silent else ""
    found = {}
    for k in (1, 5):
        if k == 1 or classes > k:
            agree = int(hits(scores, fake.labels, k).sum())
            found[f"agreement_top{k}"] = Estimate(agree / m, *resample.wilson(agree, m), n, m, note)
    return found
