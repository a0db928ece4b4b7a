"""The nearest real emoji: a copy is called one, and where data differ nothing is compared."""

import numpy as np
import pytest

from emoji_gan.errors import UserError
from emoji_gan.trained.sampler import Sampler
from eval.extractors.nearest_emoji import NearestEmoji
from input_pipeline import dataset


@pytest.mark.slow
def test_a_copy_is_named_and_another_picture_is_not(whole):
    sampler = Sampler(str(whole.workdir))
    data = dataset.load(sampler.config.data, "train")
    nearest = NearestEmoji(sampler.config.data, data_hash=sampler.data_hash)
    stripes = np.zeros_like(data.images[:1])
    stripes[:, ::3] = (90, 200, 40, 255)
    copy, other = nearest(np.concatenate([data.images[7:8], stripes]))
    assert copy.codepoints == data.columns["codepoints"][7] and copy.name and copy.name_fr
    assert copy.is_copy and copy.similarity > 0.999
    np.testing.assert_array_equal(copy.picture, data.images[7])
    assert not other.is_copy and other.percentile > copy.percentile
    with pytest.raises(UserError, match="not those that the model was trained on"):
        NearestEmoji(sampler.config.data, data_hash="0" * 64)
