"""Loops whose first frame shows little."""

import io

import numpy as np
import PIL.Image
import pytest

from emoji_gan.media import animation

PX, MS = 32, 250  # four frames, so that they do not flash


def _square(colour: int, size: int) -> np.ndarray:
    """A square of a size in the middle of uint8 [32 32 4]."""
    picture = np.zeros((PX, PX, 4), np.uint8)
    edge = (PX - size) // 2
    picture[edge : PX - edge, edge : PX - edge] = (colour, 80, 40, 255)
    return picture


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    """A folder of three loops that begin with a dot, which grows."""
    folder = tmp_path_factory.mktemp("loop")
    for i in range(3):
        frames = np.stack([_square(60 * i, size) for size in (2, 10, 30, 20)])
        (folder / f"growing_{i}.png").write_bytes(animation.encode("apng", frames, MS, {}))
    return folder


def _coverage(data: bytes) -> list[float]:
    with PIL.Image.open(io.BytesIO(data)) as picture:
        seen = []
        for i in range(picture.n_frames):
            picture.seek(i)
            seen.append(float((np.asarray(picture.convert("RGBA"))[..., 3] > 127).mean()))
    return seen


def test_loops_begin_where_the_drawing_shows_and_stay_the_same_loops(run, loop, tmp_path):
    flags = (f"--from={loop}", f"--dir={tmp_path}", "--for=twitch,email,whatsapp", "--lang=en")
    assert run("pack", *flags)[0] == 0
    packs = tmp_path / "packs"
    for file in (
        "twitch/emotes/growing_1_112.gif",
        "email/images/growing_1.gif",
        "whatsapp/stickers/growing_1.webp",
    ):
        coverage = _coverage((packs / file).read_bytes())
        assert np.argsort(coverage).tolist() == [2, 3, 1, 0], file  # 30, 20, 2, 10
