"""What is given up first for a small file."""

import numpy as np

from campaign.animate import moves
from campaign.manifest import Entry
from campaign.pack import artwork as artwork_lib
from campaign.pack import budget
from campaign.pack.budget import Limits, Rung
from emoji_gan.media import animation

PX, FRAMES, MS = 64, 8, 40


def _picture() -> np.ndarray:
    """Two discs in flat colours with soft edges, and so of many colours: uint8 [256 256 4]."""
    y, x = np.mgrid[:256, :256]
    picture = np.zeros((256, 256, 4))
    for centre, radius, colour in ((128, 110, (40, 60, 200)), (100, 60, (250, 200, 40))):
        alpha = np.clip(radius - np.hypot(x - centre, y - centre) + 0.5, 0, 1)[..., None]
        picture = picture * (1 - alpha) + alpha * np.array([*colour, 255])
    return np.where(picture[..., 3:] > 0, picture, 0).round().astype(np.uint8)


def test_flat_loops_lose_colours_before_frames_where_lossy_files_are_larger(tmp_path):
    loop = moves.frames(_picture(), moves.MOVES["wave"], FRAMES, px=PX)
    path = tmp_path / "discs.png"
    path.write_bytes(animation.encode("apng", loop, MS, {}))
    entry = Entry("discs", path.name, "", {}, {}, "", "", "", {})
    frames, frame_ms = artwork_lib.read_frames(path)
    artwork = artwork_lib.Artwork(entry, path, len(frames), frame_ms, PX)

    def size(rung: Rung) -> int:
        limits = Limits("webp", PX, 10**9)
        return len(budget.encoded(artwork, frames, MS, limits=limits, rung=rung, counted={}).data)

    limit = size(Rung(32))
    assert limit < min(size(Rung(None, 1, 80)), size(Rung(64)))
    fitted = budget.fit(artwork, Limits("webp", PX, limit))
    assert (fitted.frames, fitted.colours, len(fitted.data)) == (FRAMES, 32, limit)
