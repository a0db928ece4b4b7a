"""Agreement of the images with the class that was requested."""

import numpy as np
import pytest

from emoji_gan.errors import UserError
from eval.metrics import agreement
from tests.support.metric_inputs import new_rng
from tests.support.seeded_features import sample_set


def _recognised(labels, seed, wrong=0.0):
    """Makes logits over twelve code points, three to a class, of which a fraction is wrong."""
    rng = np.random.default_rng(seed)
    seen = np.where(rng.random(len(labels)) < wrong, (labels + 1) % 4, labels)
    logits = rng.normal(size=(len(labels), 12)).astype(np.float32)
    logits[np.arange(len(labels)), seen * 3 + rng.integers(0, 3, len(labels))] += 20
    return logits


@pytest.mark.parametrize("wrong", [0.0, 0.3, 1.0])
def test_agreement_is_the_fraction_of_images_recognised_as_requested(wrong):
    real_labels, labels = np.arange(200, dtype=np.int32) % 4, np.arange(1000, dtype=np.int32) % 4
    real = sample_set(np.zeros((200, 2)), labels=real_labels, logits=_recognised(real_labels, 0))
    fake = sample_set(np.zeros((1000, 2)), labels=labels, logits=_recognised(labels, 1, wrong))
    estimates = agreement.evaluate(real, fake, new_rng())
    assert list(estimates) == ["agreement_top1"]  # of four classes, five always hold the right one
    assert estimates["agreement_top1"].value == pytest.approx(1 - wrong, abs=0.04)
    assert estimates["agreement_top1"].low <= 1 - wrong + 0.04


# The requested class has the rank-th best score, counted from 0.
@pytest.mark.parametrize(("rank", "among_five"), [(0, 1), (4, 1), (5, 0)])
def test_agreement_among_the_first_five(rank, among_five):
    labels = np.arange(400, dtype=np.int32) % 10
    logits = -((np.arange(10) - labels[:, None] + rank) % 10).astype(np.float32)
    features, one_hot = np.zeros((400, 2)), np.eye(10, dtype=np.float32)[labels]
    real = sample_set(features, labels=labels, logits=one_hot)
    fake = sample_set(features, labels=labels, logits=logits)
    estimates = agreement.evaluate(real, fake, new_rng())
    assert estimates["agreement_top1"].value == (rank == 0)
    assert estimates["agreement_top5"].value == among_five


def test_agreement_needs_classes_that_the_real_images_have():
    labels = np.arange(40, dtype=np.int32) % 4
    side = sample_set(np.zeros((40, 2)), labels=labels, logits=_recognised(labels, 0))
    other = sample_set(np.zeros((40, 2)), labels=labels * 3, logits=side.logits)
    with pytest.raises(UserError, match="class 6"):
        agreement.evaluate(side, other, new_rng())
    with pytest.raises(UserError, match="no classes"):
        agreement.evaluate(side, sample_set(np.zeros((40, 2)), logits=side.logits), new_rng())
    with pytest.raises(UserError, match="no logits"):
        agreement.evaluate(side, sample_set(np.zeros((40, 2)), labels=labels), new_rng())
    with pytest.raises(UserError, match="one class"):
        one = sample_set(np.zeros((40, 2)), labels=labels * 0, logits=side.logits)
        agreement.evaluate(one, one, new_rng())


def test_agreement_notes_classes_that_the_recogniser_never_sees():
    labels = np.r_[np.arange(60) % 3, 3].astype(np.int32)
    blind = _recognised(np.where(labels == 3, 2, labels), 0)
    side = sample_set(np.zeros((61, 2)), labels=labels, logits=blind)
    estimate = agreement.evaluate(side, side, new_rng())["agreement_top1"]
    assert "never sees 1 of the 4 classes" in estimate.note
    assert estimate.value == pytest.approx(60 / 61)
