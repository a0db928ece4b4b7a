"""What a captioner remembers: which emoji a picture is like, and which texts go with it."""

import numpy as np

from emoji_gan.edit import parents
from emoji_gan.trained.captioner import Captioner
from emoji_gan.trained.likeness import Likeness
from input_pipeline.unicode import captions

# Rows: cat, tiger, pizza, one never seen; words of one language. 7: of all, 4: of both animals.
MEMORY = {
    "vectors": np.float32([[4, 0, 0], [3, 1, 0], [0, 0, 4], [9, 9, 9]]),
    "times": np.float32([2, 1, 1, 0]),
    "words": np.int16([[[2, 4, 7]], [[3, 4, 7]], [[5, 7, 0]], [[6, 7, 0]]]),
}
CODES = ("1F408", "1F405", "1F355", "1F680")


def test_a_picture_is_like_the_nearest_emoji_that_were_seen():
    likeness = Likeness(MEMORY, CODES, 10)
    (near,) = likeness.of_pictures(np.float32([[3.9, 0.1, 0]]), 9)
    assert [like.codepoints for like in near] == ["1F408", "1F405", "1F355"]
    assert near[0].cosine > 0.9 and near[-1].cosine < 0


def test_texts_are_ordered_by_rare_words_of_what_is_near():
    likeness = Likeness(MEMORY, CODES, 10)
    cat = np.float32([[4, 0, 0]])
    scores = [
        float(likeness.of_texts(cat, np.array([text]), 0)[0])
        for text in ([2, 4, 1], [4, 1, 1], [3, 1, 1], [5, 1, 1], [7, 1, 1], [1, 1, 1])
    ]
    assert scores[0] > 0.8 and scores[0] > scores[1] > scores[2] > scores[3]
    assert scores[4] == scores[5] == 0  # what all have says nothing
    two = likeness.of_texts(np.repeat(cat, 2, 0), np.array([[5, 1, 1], [2, 4, 1]]), 0)
    assert two[1] == scores[0]  # whatever stands beside it


def test_the_shipped_captioner_knows_an_emoji_and_says_so_in_both_languages():
    captioner = Captioner()
    pizza = parents.of_openmoji("1F355", 128).image
    assert captioner.like([pizza], 1)[0][0].codepoints == "1F355"
    words = {text.text for text in captions.of_emoji("1F355") if text.kind != "context"}
    own = set(", ".join(words).split(", "))  # names and keywords, in both languages
    for language in captions.LANGUAGES:
        (text,) = captioner([pizza], language=language, kind="keywords", count=1)[0]
        assert own & set(text.text.split(", ")), text
