"""Palettes and loops hold what they are given, as readers of other makers see it."""

import io

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image

from emoji_gan.media import animation, indexed


def _decoded(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as container:
        return np.stack([f.to_ndarray(format="rgba") for f in container.decode(video=0)])


def _moving(colour=(0, 0, 0, 255), count=3) -> np.ndarray:
    frames = np.zeros((count, 32, 32, 4), np.uint8)
    for i in range(count):
        frames[i, 6:22, 3 + 4 * i : 15 + 4 * i] = colour
        frames[i, 10:14, 6 + 4 * i : 10 + 4 * i] = (250, 200, 40 * i, 255)
    return frames


@pytest.mark.parametrize("form", ["gif", "apng"])
def test_black_on_nothing_is_kept_in_every_frame(form):
    """An encoder that compares colours without alpha would lose it."""
    for frames in (_moving(), _moving()[..., :] * np.array([0, 0, 0, 1], np.uint8)):
        palette = indexed.Colours.of(frames).reduced(16)
        seen = _decoded(animation.encode_indexed(form, palette, 100, {}))
        np.testing.assert_array_equal(seen * (seen[..., 3:] > 0), frames)


def _blinking() -> np.ndarray:
    frames = _moving(count=4)
    frames[1:3] = 0, 0, 0, 0
    frames[2, 4:10, 4:30] = (0, 0, 200, 255)
    return frames


def _frames_of_gif(data: bytes) -> int:
    """Counts the frames of a GIF block by block; anything that is no block is an error."""
    at, frames = 13 + (3 * (2 << (data[10] & 7)) if data[10] & 0x80 else 0), 0
    while data[at] != 0x3B:
        if data[at] == 0x21:
            at += 2
        else:
            assert data[at] == 0x2C, f"no block at byte {at} of {len(data)}: {data[at : at + 6]}"
            flags, frames = data[at + 9], frames + 1
            at += 11 + (3 * (2 << (flags & 7)) if flags & 0x80 else 0)
        while data[at]:
            at += 1 + data[at]
        at += 1
    assert at == len(data) - 1
    return frames


@pytest.mark.parametrize("form", ["gif", "apng"])
def test_a_blank_frame_is_one_of_the_file(form):
    frames = _blinking()
    palette = indexed.Colours.of(frames).reduced(16)
    texts = {"licence": "CC BY-SA 4.0", "auteur": "Zoé"}
    for data in (
        animation.encode_indexed(form, palette, 100, texts),
        animation.encode(form, frames, 100, texts),
    ):
        seen = _decoded(data)
        np.testing.assert_array_equal(seen * (seen[..., 3:] > 0), frames)
        assert form != "gif" or _frames_of_gif(data) == len(frames)


@pytest.mark.parametrize("form", ["gif", "apng"])
def test_nothing_is_left_of_an_opaque_frame(form):
    frames = _moving((200, 30, 30, 255))
    frames[1] = 0, 120, 0, 255
    seen = _decoded(animation.encode(form, frames, 100, {}))
    np.testing.assert_array_equal(seen * (seen[..., 3:] > 0), frames)


def test_alpha_of_indexed_pngs_is_kept():
    frames = np.concatenate([_moving((0, 0, 0, a)) for a in (40, 128, 255)])
    data = animation.encode_indexed("apng", indexed.Colours.of(frames).reduced(32), 50, {})
    seen = _decoded(data)
    np.testing.assert_array_equal(seen[..., 3], frames[..., 3])
    drawn = frames[..., 3] > 0
    assert np.abs(seen[drawn].astype(int) - frames[drawn]).max() <= 2


def test_a_moving_square_is_transparent_around_it_in_webp():
    frames = _moving((200, 30, 30, 255))
    with Image.open(io.BytesIO(animation.encode("webp", frames, 100, {}))) as picture:
        for i, frame in enumerate(frames):
            picture.seek(i)
            np.testing.assert_array_equal(np.asarray(picture.convert("RGBA")), frame)


@settings(deadline=None, max_examples=40)
@given(st_numpy.arrays(np.uint8, (2, 9, 9, 4)), st.integers(2, 40), st.booleans())
def test_a_palette_has_few_colours_and_keeps_what_is_transparent(frames, count, binary):
    frames = np.where(frames[..., 3:] > 0, frames, 0).astype(np.uint8)
    frames = animation.thresholded(frames) if binary else frames
    reduced = indexed.Colours.of(frames).reduced(count)
    assert len(reduced.palette) == len(np.unique(reduced.palette, axis=0)) <= count
    clear = frames[..., 3] == 0
    assert not reduced.rgba()[clear].any() and reduced.rgba().shape == frames.shape
    if len(np.unique(frames.reshape(-1, 4), axis=0)) <= count:
        np.testing.assert_array_equal(reduced.rgba(), frames)


def test_more_colours_err_less():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (2, 24, 24, 4), np.uint8)
    frames[..., 3] = 255
    errors = [
        np.square(indexed.Colours.of(frames).reduced(n).rgba().astype(float) - frames).mean()
        for n in (4, 16, 64, 256)
    ]
    assert errors == sorted(errors, reverse=True) and errors[-1] < errors[0] / 8


@pytest.mark.parametrize("count", [1, 2])
def test_a_gif_keeps_colours_that_are_near(count):
    """Pillow's own palette of pictures with alpha would give black and dark purple their mean."""
    frame = np.zeros((12, 16, 4), np.uint8)
    frame[:4], frame[4:8] = (0, 0, 0, 255), (28, 12, 28, 255)
    frames = np.stack([np.roll(frame, 4 * i, 0) for i in range(count)])
    with Image.open(io.BytesIO(animation.encode("gif", frames, 100, {}))) as file:
        assert getattr(file, "n_frames", 1) == count
        for i, expected in enumerate(frames):
            file.seek(i)
            drawn = np.array(file.convert("RGBA"))
            drawn[drawn[..., 3] == 0] = 0
            np.testing.assert_array_equal(drawn, expected)
