"""Counts how often a loop flashes in a second (WCAG 2.2, 2.3.1: at most three of either kind).

A general flash is a pair of opposing changes of relative luminance by 0.1 or more, of which the
darker is below 0.8. A red flash is a pair of opposing changes to and from a saturated red, one of
which R / (R + G + B) is 0.8 or more (of linear light), by more than 0.2 in the CIE 1976 diagram of
chromaticity. Either counts where a quarter of the area takes part at once.
"""

import dataclasses

import numpy as np

from campaign.language import Language

MOST = 3.0  # a second
_NO_FLASH = 0.05  # a second, that one decimal shows as 0
_LEAST_CHANGE = 0.1  # of relative luminance
_DARK_BELOW = 0.8
_SATURATED = 0.8  # red's part of the light
_LEAST_TURN = 0.2  # of chromaticity
_AREA = 0.25  # of the canvas
_GROUNDS = (0.0, 1.0)  # luminance behind the loop: black, white
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
_XYZ = np.array(  # of linear sRGB, a row a coordinate
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
)
_WHITE = np.array([0.1978, 0.4683], np.float32)  # u', v'; black is taken as colourless, too
_RED = np.array([0.4507, 0.5229], np.float32)
_LEVELS = np.arange(256, dtype=np.float32) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)


@dataclasses.dataclass(frozen=True)
class Rates:
    """Says how often a loop flashes in a second.

    Attributes:
      general: by luminance.
      red: by a saturated red.
    """

    general: float
    red: float

    @property
    def worst(self) -> float:
        """Returns the larger of both: each has the same limit."""
        return max(self.general, self.red)

    def texts(self) -> tuple[str, str]:
        """Returns how often, and of which kind, in English and in French."""
        if self.worst < _NO_FLASH:
            return "no flashes", "aucun flash"
        red = self.red > self.general
        kinds = ("red ", "[rouge|rouges] ") if red else ("", "")
        english, french = Language("en"), Language("fr")
        return (
            english.number(self.worst, 1)
            + english.counted(self.worst, f" {kinds[0]}[flash|flashes] a second", ""),
            french.number(self.worst, 1)
            + french.counted(self.worst, "", f" [flash|flashs] {kinds[1]}par seconde"),
        )


def flashes(frames: np.ndarray, frame_ms: float) -> Rates:
    """Returns the flashes a second of a loop that plays for ever, on black or on white.

    A change that goes on for several frames is one. The count is of changes that a quarter of the
    canvas takes part in; of what moves, few pixels change at once.

    Args:
      frames: uint8 [n h w 4], straight alpha.
      frame_ms: of a frame.
    """
    if len(frames) < 2:
        return Rates(0.0, 0.0)
    seconds = len(frames) * frame_ms / 1000
    general, red = (
        max(_changes(frames, ground, kind) for ground in _GROUNDS) / 2 / seconds
        for kind in (_Lightness, _Redness)
    )
    return Rates(general, red)


def reason(rates: Rates) -> tuple[str, str]:
    """Returns why a loop that flashes too often is refused, in English and in French."""
    english, french = rates.texts()
    return (
        f"{english}, at most {MOST:g} are safe for people with epilepsy (WCAG 2.3.1): make the "
        "loop slower",
        f"{french}, {MOST:g} au plus sont sans danger pour les épileptiques (WCAG 2.3.1) : il faut "
        "une boucle plus lente",
    )


class _Lightness:
    """Tells which pixels have become lighter or darker since the last change that counted."""

    def __init__(self, linear: np.ndarray) -> None:
        self._low = self._high = linear @ _LUMINANCE

    def moved(self, linear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        now = linear @ _LUMINANCE
        self._low, self._high = np.minimum(self._low, now), np.maximum(self._high, now)
        rises = (now - self._low >= _LEAST_CHANGE) & (self._low < _DARK_BELOW)
        falls = (self._high - now >= _LEAST_CHANGE) & (now < _DARK_BELOW)
        return rises, falls


class _Redness:
    """Tells which pixels have gone to or from a saturated red since the last such change."""

    def __init__(self, linear: np.ndarray) -> None:
        self._other, self._part = _chromaticity(linear)
        self._red = self._other

    def moved(self, linear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        now, part = _chromaticity(linear)
        is_farther = _distance(now, _RED) > _distance(self._other, _RED)
        self._other = np.where(is_farther[..., None], now, self._other)
        self._red = np.where((part > self._part)[..., None], now, self._red)
        self._part = np.maximum(part, self._part)
        to_red = (part >= _SATURATED) & (_distance(now, self._other) > _LEAST_TURN)
        from_red = (self._part >= _SATURATED) & (_distance(now, self._red) > _LEAST_TURN)
        return to_red, from_red


def _linear(frame: np.ndarray, ground: float) -> np.ndarray:
    """Returns the linear light over a ground: f32 [h w 3]."""
    alpha = frame[..., 3:].astype(np.float32) / 255
    return _LINEAR[frame[..., :3]] * alpha + np.float32(ground) * (1 - alpha)


def _chromaticity(linear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns u' and v', f32 [h w 2], and red's part of the light, f32 [h w]."""
    x, y, z = np.moveaxis(linear @ _XYZ.T, -1, 0)
    whole, light = x + 15 * y + 3 * z, linear.sum(-1)
    is_dark = light <= 1e-6
    uv = np.stack([4 * x, 9 * y], -1) / np.where(is_dark, 1, whole)[..., None]
    part = np.where(is_dark, 0, linear[..., 0] / np.where(is_dark, 1, light))
    return np.where(is_dark[..., None], _WHITE, uv), part


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.hypot(*np.moveaxis(one - other, -1, 0))


def _changes(frames: np.ndarray, ground: float, kind: type[_Lightness] | type[_Redness]) -> int:
    """Counts the opposing changes of one turn of a loop: an even number.

    Each pixel remembers its last extreme; frame by frame, those that have gone back from it by
    enough change direction. A quarter of the pixels in one direction, after one in the other,
    counts. The first turn only finds out where the second begins.
    """
    extremes = kind(_linear(frames[0], ground))
    last, count, counted_from = 0, 0, len(frames)
    for i in range(1, 2 * len(frames) + 1):
        now = _linear(frames[i % len(frames)], ground)
        for direction, moved in zip((1, -1), extremes.moved(now), strict=True):
            if moved.mean() >= _AREA and direction != last:
                last = direction
                count += i > counted_from
                extremes = kind(now)
                break
    return count
