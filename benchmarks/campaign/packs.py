"""Measures how loops of real emoji fit into packs, and against another converter.

    python -m benchmarks.campaign.packs --loops=48
    python -m benchmarks.campaign.packs --loops=8 --converter=VENV/bin/sticker-convert

The first counts the loops (24 frames of 40 ms at 128 px, of OpenMoji's SVGs in each move) that fit
Slack's 128,000 bytes with at least 12 frames a second and 32 colours, and reads each GIF back by
FFmpeg. The second gives the same loops to the program sticker-convert, and compares bytes at equal
fidelity: for each of its files the smallest rung of ours that errs as little or less.
"""

import argparse
import dataclasses
import io
import pathlib
import subprocess
import tempfile

import numpy as np
import PIL.Image

from campaign.animate import moves
from campaign.manifest import Entry
from campaign.pack import artwork as artwork_lib
from campaign.pack import budget
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.targets import slack
from emoji_gan.media import animation
from input_pipeline.art import openmoji_wheel, rasterise

_PX, _FRAMES, _MS = 128, 24, 40
_LEAST_FPS, _LEAST_COLOURS = 12, 32
_GROUNDS = (255.0, 30.0)


def loops(count: int, folder: pathlib.Path) -> list[Artwork]:
    """Writes loops of OpenMoji, evenly chosen, each move in turn; returns them."""
    files = openmoji_wheel.svg_files()
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, count).astype(int)]
    result = []
    with rasterise.Rasteriser(512) as rasteriser:
        for i, file in enumerate(chosen):
            kind = list(moves.MOVES)[i % len(moves.MOVES)]
            picture = rasteriser.render(file.read_text(encoding="utf-8"))
            drawn = moves.frames(picture, moves.MOVES[kind], _FRAMES, px=_PX)
            name = f"e{i:03d}_{kind}"
            path = folder / f"{name}.png"
            path.write_bytes(animation.encode("apng", drawn, _MS, {}))
            entry = Entry(name, path.name, "", {}, {}, "CC-BY-SA-4.0", "OpenMoji", "", {})
            frames, frame_ms = artwork_lib.read_frames(path)
            result.append(Artwork(entry, path, len(frames), frame_ms, _PX))
    return result


def decoded(data: bytes, times_ms: np.ndarray) -> np.ndarray:
    """Returns what an animation shows at times: uint8 [n h w 4]."""
    with PIL.Image.open(io.BytesIO(data)) as picture:
        frames, ends, end = [], [], 0.0
        for i in range(getattr(picture, "n_frames", 1)):
            picture.seek(i)
            picture.load()
            frames.append(np.asarray(picture.convert("RGBA")))
            end += picture.info.get("duration", 0)
            ends.append(end)
    at = np.searchsorted(np.array(ends), times_ms * ends[-1] / (_FRAMES * _MS), side="right")
    return np.stack([frames[min(i, len(frames) - 1)] for i in at])


def error(seen: np.ndarray, master: np.ndarray) -> float:
    """Returns the mean absolute error over a light and a dark ground, in levels."""

    def composites(x: np.ndarray) -> np.ndarray:
        alpha = x[..., 3:].astype(np.float32) / 255
        return np.stack([x[..., :3] * alpha + g * (1 - alpha) for g in _GROUNDS])

    return float(np.abs(composites(seen) - composites(master)).mean())


def _slack(artworks: list[Artwork]) -> None:
    """Prints how many loops fit Slack, and what was given up."""
    import av

    good, whole, exact, sizes, colours = 0, 0, 0, [], []
    for a in artworks:
        try:
            fitted = budget.fit(a, Limits("gif", _PX, slack.MAX_BYTES, max_frames=50, min_px=64))
        except budget.OverBudget:
            continue
        enough = 1000 / fitted.frame_ms >= _LEAST_FPS and (fitted.colours or 256) >= _LEAST_COLOURS
        good += enough and fitted.px == _PX
        whole += not fitted.given_up
        sizes.append(len(fitted.data))
        colours.append(fitted.colours)
        with av.open(io.BytesIO(fitted.data)) as container:
            frames = [f.to_ndarray(format="rgba") for f in container.decode(video=0)]
        mine = decoded(fitted.data, (np.arange(len(frames)) + 0.5) * fitted.frame_ms)
        same = len(frames) == len(mine) and all(
            np.array_equal(f * (f[..., 3:] > 0), m * (m[..., 3:] > 0))
            for f, m in zip(frames, mine, strict=True)
        )
        exact += same
    n = len(artworks)
    print(f"loops: {n}; at 12 frames/s, 32 colours, 128 px or better: {good} ({good / n:.0%})")
    print(f"nothing given up but soft edges: {whole}; two readers see the same: {exact}")
    print(
        f"bytes: median {np.median(sizes):.0f}, largest {max(sizes)}; least colours {min(colours)}"
    )


@dataclasses.dataclass(frozen=True)
class Pair:
    """Holds one loop in both programs' files.

    Attributes:
      theirs: bytes of the other program's file.
      their_error: levels.
      ours: bytes of our smallest file that errs as little; None: no rung does.
      first: bytes of our best rung, and its error.
    """

    theirs: int
    their_error: float
    ours: int | None
    first: tuple[int, float]


def _rungs(artwork: Artwork, form: str, master: np.ndarray) -> list[tuple[int, float]]:
    """Returns bytes and error of each rung that keeps the size."""
    times = (np.arange(len(master)) + 0.5) * _MS
    limits = Limits(form, _PX, 10**9)
    result = []
    for rung in budget.LADDERS[form]:
        if rung.scale == 1:
            fitted = budget.encoded(artwork, master, _MS, limits=limits, rung=rung, counted={})
            result.append((len(fitted.data), error(decoded(fitted.data, times), master)))
    return result


def _against(artworks: list[Artwork], converter: str, form: str, source: pathlib.Path) -> None:
    """Prints bytes at equal fidelity."""
    with tempfile.TemporaryDirectory() as out:
        command = [
            *(converter, "--no-confirm", "--no-progress", "--input-dir", str(source)),
            *("--output-dir", out, "--preset", "custom", "--vid-format", f".{form}"),
            *(x for side in ("w", "h") for x in (f"--res-{side}-min", str(_PX))),
            *(x for side in ("w", "h") for x in (f"--res-{side}-max", str(_PX))),
            *("--fps-max", "25", "--fps-min", "12"),
            *("--vid-size-max", str(slack.MAX_BYTES), "--color-max", "256", "--color-min", "32"),
            *("--processes", "1", "--quality-max", "100", "--quality-min", "10"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        pairs = []
        for a in artworks:
            path = pathlib.Path(out) / f"{a.path.stem}.{form}"
            if not path.exists():
                continue
            master, data = a.frames(), path.read_bytes()
            seen = decoded(data, (np.arange(len(master)) + 0.5) * _MS)
            if seen.shape != master.shape:
                continue
            theirs = error(seen, master)
            rungs = _rungs(a, form, master)
            fitting = [size for size, e in rungs if e <= theirs]
            pairs.append(Pair(len(data), theirs, min(fitting, default=None), rungs[0]))
    print(f"{form}: {len(pairs)} of {len(artworks)} files by {pathlib.Path(converter).name}")
    if not pairs:
        print(done.stdout[-500:], done.stderr[-500:])
        return
    ratios = [p.ours / p.theirs for p in pairs if p.ours is not None]
    print(
        f"  their bytes: median {np.median([p.theirs for p in pairs]):.0f}, error "
        f"{np.median([p.their_error for p in pairs]):.3f} levels"
    )
    print(
        f"  our best: median {np.median([p.first[0] for p in pairs]):.0f} bytes, error "
        f"{np.median([p.first[1] for p in pairs]):.3f}"
    )
    if ratios:
        print(
            f"  ours / theirs at no more error: median {np.median(ratios):.2f}, "
            f"worst {max(ratios):.2f}, of {len(ratios)} loops"
        )


def main() -> None:
    """Runs the command line."""
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("--loops", type=int, default=48)
    p.add_argument("--converter", help="the program sticker-convert, in an environment of its own")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        artworks = loops(a.loops, folder)
        if a.converter is None:
            _slack(artworks)
            return
        for form in ("gif", "webp"):
            _against(artworks, a.converter, form, folder)


if __name__ == "__main__":
    main()
