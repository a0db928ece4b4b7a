"""Texts of emoji as numbers: what comes back, what is learned from, what a batch has."""

import dataclasses
import itertools

import numpy as np
import pytest

from input_pipeline import DataError, dataset, pipeline
from input_pipeline.unicode import captions, emoji_names
from input_pipeline.unicode.vocabulary import END, SPELL, Vocabulary

TEXTS = [
    "pizza",
    "cœur qui bat",
    "c’est l'été, enfin !",
    "face with tears of joy",
    "the 12th of May: -50 % on all",
    "family: man & boy",
    "femme\u202f: cheveux blancs",
    "LGBTQ+ pride, 1+1",
]


def test_texts_come_back_as_they_were():
    vocabulary = Vocabulary.of_texts(TEXTS, least=1, most=1000)
    for text in TEXTS:
        assert vocabulary.decode(vocabulary.encode(text)) == text
    every = [text.text for c in emoji_names.every()[:400] for text in captions.of_emoji(c)]
    vocabulary = Vocabulary.of_texts(every, least=2, most=5000)
    back = [vocabulary.decode(vocabulary.encode(text)) == text for text in every]
    assert np.mean(back) > 0.98


def test_rare_words_are_spelled():
    vocabulary = Vocabulary.of_texts(["cat", "cat", "taco"], least=2, most=100)
    assert "cat" in vocabulary.pieces and "taco" not in vocabulary.pieces
    numbers = vocabulary.encode("cat taco, coat")
    assert numbers.count(vocabulary.pieces.index(SPELL)) == 2
    assert vocabulary.decode(numbers) == "cat taco coat"  # the comma is no piece
    assert vocabulary.decode([*numbers[:1], vocabulary.pieces.index(END), *numbers]) == "cat"
    few = Vocabulary.of_texts(["a b c d", "a b c", "a b"], least=1, most=9)
    assert len(few.pieces) == 9 and few.pieces[-2:] == ("a", "b")


def test_an_emoji_has_texts_of_every_kind_in_both_languages():
    texts = captions.of_emoji("1F355")
    assert {(text.kind, text.language) for text in texts} == set(
        itertools.product(captions.KINDS, captions.LANGUAGES)
    )
    assert texts == captions.of_emoji("1F355")
    english = [text.text for text in texts if text.language == "en"]
    assert english[0] == "pizza" and any("slice" in text for text in english)


def _data(codepoints):
    count = len(codepoints)
    return dataset.EmojiData(
        np.arange(count * 16, dtype=np.uint8).reshape(count, 2, 2, 4),
        {},
        {},
        None,
        {"codepoints": np.array(codepoints)},
        "hash",
    )


def _see(images):
    return images.reshape(len(images), -1).astype(np.float32)


def _attached(train, held_out, length=150, words=8):
    return captions.attached(
        _data(train), _data(held_out), length=length, words=words, see=_see, picture_hash="h"
    )


def test_the_vocabulary_is_of_the_training_texts_alone():
    train, held_out = _attached(["1F355", "1F408"], ["1F680"])
    pieces = train.captions.vocabulary.pieces
    assert held_out.captions.vocabulary.pieces == pieces
    assert "pizza" in pieces and "rocket" not in pieces and "fusée" not in pieces
    assert held_out.captions.tokens.shape[1] == 150 and len(held_out.captions.tokens) > 4
    assert train.content_hash not in ("hash", held_out.content_hash)


def test_the_hash_is_of_the_network_that_sees_and_not_of_its_last_bits():
    def hash_of(see, picture_hash):
        data = captions.attached(
            _data(["1F355"]), None, length=150, words=8, see=see, picture_hash=picture_hash
        )
        return data[0].content_hash

    other_bits = hash_of(lambda images: _see(images) + np.float32(1e-6), "h")
    assert hash_of(_see, "h") == other_bits != hash_of(_see, "another")


def test_a_batch_has_a_text_of_its_own_picture():
    train, _ = _attached(["1F355", "1F408", "1F600"], ["1F680"])
    stream = pipeline.batches(train, seed=3, batch_size=16)
    batches = list(itertools.islice(stream, 12))
    seen = set()
    for batch in batches:
        caption, vocabulary = batch["caption"], train.captions.vocabulary
        for row in range(16):
            number = int(batch["image"][row, 0, 0, 0]) // 16
            np.testing.assert_array_equal(batch["features"][row], _see(train.images)[number])
            text = captions.Text(
                vocabulary.decode(caption["tokens"][row]),
                captions.LANGUAGES[caption["language"][row]],
                captions.KINDS[caption["kind"][row]],
            )
            own = captions.of_emoji(train.columns["codepoints"][number])
            back = [vocabulary.decode(vocabulary.encode(t.text)) for t in own]
            assert text in [dataclasses.replace(t, text=b) for t, b in zip(own, back, strict=True)]
            seen.add((text.language, text.kind))
    assert len(seen) == 6
    again = next(pipeline.batches(train, seed=3, batch_size=16, start_sample=5 * 16))
    np.testing.assert_array_equal(again["caption"]["tokens"], batches[5]["caption"]["tokens"])
    np.testing.assert_array_equal(again["features"], batches[5]["features"])


def test_a_batch_has_the_words_of_its_emoji():
    train, held_out = _attached(["1F355", "1F355", "1F408"], ["1F680"], words=6)
    assert train.captions.emoji.tolist() == [0, 0, 1] and held_out.captions.emoji.tolist() == [-1]
    vocabulary, batch = (
        train.captions.vocabulary,
        next(pipeline.batches(train, seed=0, batch_size=8)),
    )
    pictures = batch["image"][:, 0, 0, 0] // 16
    np.testing.assert_array_equal(batch["caption"]["emoji"], train.captions.emoji[pictures])
    words = {
        number: [[vocabulary.pieces[n] for n in row if n] for row in of_one]
        for number, of_one in zip(batch["caption"]["emoji"], batch["caption"]["words"], strict=True)
    }
    (english, french), (english_cat, _) = words[0], words[1]
    assert english[0] == french[0] == "pizza" and english_cat[0] == "cat"
    assert len(english) == 6 and "fromage" in french and "slice" in english
    assert all(word[0].isalpha() for of_one in words.values() for row in of_one for word in row)
    next(pipeline.batches(held_out, seed=0, batch_size=1))  # of emoji without a number


def test_a_length_that_no_text_has_is_refused():
    with pytest.raises(DataError, match=r"data.captions.length=2: too short for any text of"):
        _attached(["1F469-200D-1F9B3", "1F355"], ["1F680"], length=2)
