"""Encodes an emoji within the limits of a target, and says what was given up for it.

What is given up comes in the order of a ladder, the first rung that fits is taken: colours that
hardly show first, then quality, then every second frame, then more of these, then size.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from campaign.pack import outlining
from campaign.pack.artwork import Artwork
from emoji_gan.media import animation
from emoji_gan.media.indexed import Colours, Indexed

Text = tuple[str, str]  # in English and in French
Counted = dict[tuple[int, int], Colours]  # by (step, px) of the rung
_STEP_MS = 10
_WANTED_TWICE = ("png", "gif", "webp")  # forms that several targets want at one size


@dataclasses.dataclass(frozen=True)
class Limits:
    """Says what a target takes.

    Attributes:
      form: 'png' or 'webp' of stills; of `animation.FORMATS` of loops.
      px: side of the picture.
      max_bytes: of the file, inclusive.
      max_frames: of a loop.
      max_ms: that a loop lasts.
      min_frame_ms: that a frame lasts.
      min_px: side that it may be reduced to; None: `px` exactly.
      outline_px: width of the white line that is drawn around it.
      margin_px: left free between that line and the border.
    """

    form: str
    px: int
    max_bytes: int
    max_frames: int = 1000
    max_ms: int = 60_000
    min_frame_ms: int = 20
    min_px: int | None = None
    outline_px: int = 0
    margin_px: int = 0


@dataclasses.dataclass(frozen=True)
class Rung:
    """Says what is given up.

    Attributes:
      colours: in all, transparency among them; None: all that there are.
      step: every step-th frame stays.
      quality: as `animation.encode` takes it.
      scale: of the size.
    """

    colours: int | None = None
    step: int = 1
    quality: int | None = None
    scale: float = 1.0


_SMALLER = (0.75, 0.5, 0.25)
_LAST = tuple(Rung(32, 3, None, scale) for scale in _SMALLER)
_PALETTES = tuple(Rung(n) for n in (256, 128, 64, 32))
_PALETTE_STEPS = (Rung(64, 2), Rung(32, 2), Rung(32, 3), Rung(16, 3))
LADDERS: Mapping[str, tuple[Rung, ...]] = {
    "png": (Rung(), *_PALETTES, Rung(16), *(Rung(32, 1, None, s) for s in _SMALLER)),
    "gif": (*_PALETTES, *_PALETTE_STEPS, *_LAST),
    "apng": (Rung(), *_PALETTES, *_PALETTE_STEPS, *_LAST),
    # Lossless first: of flat art it is mostly smaller than lossy, which merges similar frames.
    "webp": (
        *(Rung(), *_PALETTES),
        *(Rung(None, 1, 80), Rung(64, 2), Rung(None, 2, 70), Rung(32, 2), Rung(None, 2, 50)),
        *(Rung(None, 3, 40), Rung(None, 3, 20), *(Rung(None, 3, 40, s) for s in _SMALLER)),
    ),
    "avif": (
        *(Rung(None, 1, q) for q in (90, 75, 60, 45)),
        *(Rung(None, 2, q) for q in (60, 45, 30)),
        *(Rung(None, 3, 30, s) for s in _SMALLER),
    ),
    "webm": (
        *(Rung(None, 1, crf) for crf in (10, 18, 26, 34, 42, 50)),
        *(Rung(None, 2, crf) for crf in (42, 50, 63)),
    ),
}


@dataclasses.dataclass(frozen=True)
class Fitted:
    """Holds a file within its limits.

    Attributes:
      data: its bytes.
      px: side.
      frames: of a loop; 1 of a still.
      frame_ms: that each lasts; 0 of a still.
      colours: of the palette; None: no palette.
      given_up: what differs from the artwork, in words.
    """

    data: bytes
    px: int
    frames: int
    frame_ms: int
    colours: int | None
    given_up: tuple[Text, ...]


class OverBudget(Exception):
    """Reports that even the last rung is too large.

    Attributes:
      least_bytes: of the smallest file.
    """

    def __init__(self, least_bytes: int) -> None:
        super().__init__(least_bytes)
        self.least_bytes = least_bytes


def fit(artwork: Artwork, limits: Limits) -> Fitted:
    """Encodes an artwork by the first rung of its ladder that fits.

    Where it does not fit as it is, the ladder is halved again and again, as its files become
    smaller from rung to rung. Lossy files of flat art are an exception, larger than those of the
    palettes before them: palettes that were skipped for one are tried once more. A file that
    another target had is taken from the artwork.

    Raises:
      OverBudget: no rung fits.
    """
    step, frame_ms, timing = _timed(artwork, limits)
    rungs = [r for r in LADDERS[limits.form] if _allowed(r, limits, -(-artwork.count // step))]
    tried: dict[int, Fitted] = {}
    counted: Counted = {}
    drawn = functools.cache(lambda: _frames(artwork, limits)[::step])

    def fits(i: int) -> bool:
        line = limits.outline_px, limits.margin_px
        key = (limits.form, limits.px, line, step, frame_ms, artwork.start, rungs[i])
        if key in artwork.encoded:
            tried[i] = artwork.encoded[key]
        else:
            tried[i] = encoded(
                artwork, drawn(), frame_ms, limits=limits, rung=rungs[i], counted=counted
            )
        if limits.form in _WANTED_TWICE:
            artwork.encoded[key] = tried[i]
        return len(tried[i].data) <= limits.max_bytes

    last = len(rungs) - 1
    if fits(0):
        best = 0
    elif not last or not fits(last):
        raise OverBudget(min(len(f.data) for f in tried.values()))
    else:
        best = _first(range(1, last + 1), fits)
        lossless = [i for i in range(best) if rungs[i].quality is None]
        failed = max((i for i in lossless if i in tried), default=0)
        best = _first([*(i for i in lossless if i > failed), best], fits)
    return dataclasses.replace(tried[best], given_up=timing + tried[best].given_up)


def _first(rungs: Sequence[int], fits: Callable[[int], bool]) -> int:
    """Returns the first of rungs that fits, where each is smaller than the one before.

    Args:
      rungs: their numbers; the last is one that fits.
      fits: whether a rung does.
    """
    below, best = -1, len(rungs) - 1  # too large, small enough
    while best - below > 1:
        middle = (below + best) // 2
        below, best = (below, middle) if fits(rungs[middle]) else (middle, best)
    return rungs[best]


def _frames(artwork: Artwork, limits: Limits) -> np.ndarray:
    frames = artwork.frames(limits.px)
    if not limits.outline_px:
        return frames
    return outlining.with_outline(frames, limits.outline_px, limits.margin_px)


def _allowed(rung: Rung, limits: Limits, count: int) -> bool:
    if rung.scale < 1 and (limits.min_px is None or limits.px * rung.scale < limits.min_px):
        return False
    return rung.step == 1 or count >= 2 * rung.step  # else nothing of the motion is left


def _timed(artwork: Artwork, limits: Limits) -> tuple[int, int, tuple[Text, ...]]:
    """Returns every which frame the target's times allow, how long it lasts, what was given up."""
    if not artwork.moves:
        return 1, 0, ()
    count, frame_ms, given_up = artwork.count, artwork.frame_ms, []
    step = max(math.ceil(limits.min_frame_ms / frame_ms), math.ceil(count / limits.max_frames))
    length_ms = count * frame_ms
    if length_ms > limits.max_ms:
        kept = math.ceil(count / step)
        frame_ms_now = _STEP_MS * int(limits.max_ms / kept / _STEP_MS)
        while frame_ms_now < limits.min_frame_ms:
            step += 1
            kept = math.ceil(count / step)
            frame_ms_now = _STEP_MS * int(limits.max_ms / kept / _STEP_MS)
        seconds = (length_ms / 1000, kept * frame_ms_now / 1000)
        given_up.append(
            (
                f"faster: {seconds[1]:.2f} s instead of {seconds[0]:.2f} s",
                f"plus rapide : {seconds[1]:.2f} s au lieu de {seconds[0]:.2f} s",
            )
        )
    else:
        frame_ms_now = frame_ms * step
    if step > 1:
        given_up.append(_fewer_frames(math.ceil(count / step), count))
    return step, frame_ms_now, tuple(given_up)


def encoded(
    artwork: Artwork,
    drawn: np.ndarray,
    frame_ms: int,
    *,
    limits: Limits,
    rung: Rung,
    counted: Counted,
) -> Fitted:
    """Encodes an artwork by one rung.

    Args:
      artwork: of which `drawn` is.
      drawn: uint8 [n px px 4], its frames that the target's times allow.
      frame_ms: that each of these lasts.
      limits: of the target; the file may be larger.
      rung: what is given up.
      counted: the colours of these frames, kept from rung to rung.
    """
    frames, frame_ms = drawn[:: rung.step], frame_ms * rung.step
    px = round(limits.px * rung.scale)
    if px != limits.px:
        frames = artwork.frames(px)[:: math.ceil(artwork.count / len(frames))]
    if limits.form == "gif":
        frames = animation.thresholded(frames)
    palette, is_reduced = None, False
    if rung.colours:
        key = rung.step, px
        counted[key] = counted.get(key) or Colours.of(frames)
        palette = counted[key].reduced(rung.colours)
        is_reduced = len(counted[key].straight) > rung.colours
    data = _file(limits.form, frames, frame_ms, palette=palette, artwork=artwork, rung=rung)
    given_up, first = [], LADDERS[limits.form][0]
    if is_reduced and rung.colours != first.colours:
        n = len(palette.palette)
        given_up.append((f"{n} colours", f"{n} couleurs"))
    if rung.quality is not None and rung.quality != first.quality:
        given_up.append((f"quality {rung.quality}", f"qualité {rung.quality}"))
    if len(frames) < len(drawn):
        given_up.append(_fewer_frames(len(frames), len(drawn)))
    if px != limits.px:
        given_up.append((f"{px} px instead of {limits.px}", f"{px} px au lieu de {limits.px}"))
    colours = len(palette.palette) if palette is not None else None
    return Fitted(data, px, len(frames), frame_ms, colours, tuple(given_up))


def _fewer_frames(now: int, before: int) -> Text:
    return (f"{now} frames of {before}", f"{now} images sur {before}")


def _file(
    form: str,
    frames: np.ndarray,
    frame_ms: int,
    *,
    palette: Indexed | None,
    artwork: Artwork,
    rung: Rung,
) -> bytes:
    texts = artwork.texts()
    if form in ("png", "apng"):
        if palette is not None:
            return animation.encode_indexed("apng", palette, frame_ms, texts)
        return animation.encode("apng", frames, frame_ms, texts)
    if form == "gif":
        return animation.encode_indexed("gif", palette, frame_ms, texts)
    stored = frames if palette is None else palette.rgba()
    return animation.encode(form, stored, frame_ms, texts, quality=rung.quality)
