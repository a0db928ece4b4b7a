"""Encodes emoji of any style, and English and French phrases, as vectors of one space.

A residual network without normalisation layers (2101.08692) reads the picture with its alpha; a bag
of hashed words and letters reads the phrase. The parameter `classes` has a vector in the same space
for each emoji of the Unicode list without skin tone, so a picture shows the emoji of the nearest
one. `python -m eval.train_encoder` trains the weights; weights/README.md is their model card.
Parameters are a flat dict of arrays.
"""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from emoji_gan import images as image_lib
from emoji_gan.encoder import text_features
from emoji_gan.errors import UserError
from emoji_gan.ops import convolution
from emoji_gan.runtime import workdir

WEIGHTS = pathlib.Path(__file__).parent / "weights" / "emoji_encoder.safetensors"
SECOND_WEIGHTS = WEIGHTS.with_name("emoji_encoder_2.safetensors")  # of pictures only
INPUT_PX = 48

_RELU_GAIN = 1.7139588594436646  # keeps the variance of a standard normal (2101.08692, table 1)
_BRANCH_GAIN = 0.3  # of a residual branch, before training
_TABLE_GAIN = 16.0  # raises the learning rate of the table, whose rows occur rarely

Params = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Size:
    """Sizes a new network; the size of a trained one follows from its arrays.

    Attributes:
      widths: channels at 1/2, 1/4 and 1/8 of the input.
      blocks: residual blocks at each of these resolutions.
      dim: dimensions of the common space.
      text_buckets: rows of the table that words and runs of letters are hashed into; 0: the network
        reads pictures only.
      text_width: columns of this table.
      text_hidden: units of the hidden layer behind it.
    """

    widths: tuple[int, ...] = (32, 96, 192)
    blocks: tuple[int, ...] = (1, 2, 3)
    dim: int = 192
    text_buckets: int = 16384
    text_width: int = 48
    text_hidden: int = 256

    def scaled(self, width: float) -> "Size":
        """Returns the size with `width` times the channels, dimensions and buckets.

        Raises:
          UserError: `width` is not in [0.05, 8].
        """
        if not 0.05 <= width <= 8:
            raise UserError(f"width {width:g}: expected 0.05 to 8")
        widths = tuple(4 * max(1, round(n * width / 4)) for n in self.widths)
        names = ("dim", "text_buckets", "text_width", "text_hidden")
        others = {name: max(1, round(width * getattr(self, name))) for name in names}
        return dataclasses.replace(self, widths=widths, **others)


SIZE = Size()


# ---- parameters ----------------------------------------------------------------------------------


def init(rng: np.random.Generator, codepoints: int, subgroups: int, size: Size = SIZE) -> Params:
    """Returns new parameters.

    Args:
      rng: draws the initial values.
      codepoints: number of emoji, the classes.
      subgroups: number of subgroups of the Unicode list.
      size: of the network.

    Returns:
      float32 arrays by name.
    """
    params: dict[str, np.ndarray | np.float32] = {}

    def normal(name: str, *shape: int, scale: float) -> None:
        params[name] = rng.standard_normal(shape, np.float32) * np.float32(scale)

    def conv(name: str, k: int, n_in: int, n_out: int, *, gain: bool = True) -> None:
        normal(f"{name}/w", k, k, n_in, n_out, scale=(k * k * n_in) ** -0.5)
        params[f"{name}/b"] = np.zeros(n_out, np.float32)
        if gain:
            params[f"{name}/gain"] = np.ones(n_out, np.float32)

    def linear(name: str, n_in: int, n_out: int) -> None:
        normal(f"{name}/w", n_in, n_out, scale=n_in**-0.5)
        params[f"{name}/b"] = np.zeros(n_out, np.float32)

    conv("stem", 3, 16, size.widths[0], gain=False)
    for s, (n, blocks) in enumerate(zip(size.widths, size.blocks, strict=True)):
        if s:
            conv(f"stage{s}/down", 1, 4 * size.widths[s - 1], n)
        for i in range(blocks):
            name = f"stage{s}/block{i}"
            conv(f"{name}/conv0", 3, n, n)
            conv(f"{name}/conv1", 3, n, n)
            linear(f"{name}/squeeze", n, n // 4)
            linear(f"{name}/excite", n // 4, n)
            params[f"{name}/branch"] = np.float32(_BRANCH_GAIN)
    linear("image", 4 * size.widths[-1], size.dim)
    if size.text_buckets:
        normal("text/table", size.text_buckets, size.text_width, scale=1 / _TABLE_GAIN)
        linear("text/hidden", size.text_width, size.text_hidden)
        linear("text/out", size.text_hidden, size.dim)
    # Only the direction of these vectors counts, and short ones turn faster.
    normal("classes", codepoints, size.dim, scale=0.1)
    linear("subgroup", size.dim, subgroups)
    params["log_scale"] = np.log(np.float32(16.0))
    return {name: jnp.asarray(array) for name, array in params.items()}


def save_weights(path: str | os.PathLike, params: Params, meta: dict[str, Any]) -> None:
    """Writes the parameters as float16, with their metadata.

    Args:
      path: a .safetensors file.
      params: as `init` returns them, but `classes` of unit length. The layer of the subgroups,
        which serves training only, is left out.
      meta: values that JSON can hold: codepoints, groups (one per code point), art, licence, ...

    Raises:
      UserError: the path is not writable.
    """
    arrays = {
        name: np.asarray(array, np.float32).astype(np.float16, order="C")
        for name, array in sorted(params.items())
        if not name.startswith("subgroup/")
    }
    meta = meta | {"content_sha256": _digest(arrays)}
    workdir.write_atomic(path, save(arrays, {"meta": json.dumps(meta, ensure_ascii=False)}))


def load(path: str | os.PathLike = WEIGHTS, prefix: str = "") -> tuple[Params, dict[str, Any]]:
    """Reads weights that `save_weights` wrote, by default those of the repository.

    Args:
      path: a .safetensors file; all of it is checked.
      prefix: only parameters whose names begin with it are returned, e.g. 'text/' for those that
        phrases need.

    Returns:
      The parameters in float32, and the metadata: `codepoints` (k), `groups` (k, the group of
      each), `art`, `licence`, `figures`, `weights_sha256` (of the file), ...

    Raises:
      UserError: the file is missing or damaged.
    """
    path = pathlib.Path(path)
    try:
        with open(path, "rb") as f:
            file_sha256 = hashlib.file_digest(f, "sha256").hexdigest()
        with safe_open(path, "np") as file:
            meta = json.loads((file.metadata() or {})["meta"])
            arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
        if _digest(arrays) != meta["content_sha256"]:
            raise ValueError("its hash is wrong")
    except FileNotFoundError:
        raise UserError(
            f"no encoder weights at {path}: they come with the repository; "
            "python -m eval.train_encoder makes new ones"
        ) from None
    except (SafetensorError, OSError, ValueError, KeyError) as e:
        raise UserError(
            f"{path} is damaged or no weights of the emoji encoder ({e}); fetch it anew"
        ) from e
    params = {
        name: array.astype(np.float32) for name, array in arrays.items() if name.startswith(prefix)
    }
    # `jnp.asarray` would compile a program for each shape.
    return jax.device_put(params), meta | {"weights_sha256": file_sha256}


def _digest(arrays: dict[str, np.ndarray]) -> str:
    """Returns the SHA-256 of the arrays with their names, dtypes and shapes."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


# ---- pictures ------------------------------------------------------------------------------------


@functools.partial(jax.jit, static_argnames="size_px")
def preprocess(images: jax.Array, size_px: int = INPUT_PX) -> jax.Array:
    """Converts stored images, all of one size, to the input of the network.

    Args:
      images: `b h w 4` straight-alpha RGBA, uint8, or float32 in [0, 255].
      size_px: side of the result.

    Returns:
      f32 `b size_px size_px 4`, premultiplied, in [-1, 1], resized with antialiasing.
    """
    x = image_lib.to_model(images)
    return jax.image.resize(x, (x.shape[0], size_px, size_px, 4), "linear", antialias=True)


def apply(params: Params, images: jax.Array) -> dict[str, jax.Array]:
    """Returns the features and logits of pictures; each row depends on its own picture only.

    Args:
      params: as `load` returns them.
      images: uint8 `b h w 4` straight-alpha RGBA of any size, or f32 as `preprocess` returns.

    Returns:
      features: f32 `b d` of unit length; logits: f32 `b k`, one per `meta['codepoints']`.
    """
    x = preprocess(images) if images.dtype == jnp.uint8 else images
    features = embed_images(params, x)
    return {
        "features": features,
        "logits": jnp.exp(params["log_scale"]) * features @ params["classes"].T,
    }


def embed_images(params: Params, x: jax.Array) -> jax.Array:
    """Encodes model images.

    Args:
      params: as `init` or `load` returns them.
      x: f32 `b s s 4`, premultiplied, in [-1, 1]; s is a multiple of 16.

    Returns:
      f32 `b d` of unit length.
    """
    return unit(dense(params, "image", quarters(params, x)))


def quarters(params: Params, x: jax.Array) -> jax.Array:
    """Encodes model images as `embed_images` does but for its last layer: f32 `b 4c`."""
    # The stem's weights are not standardised: with a mean of 0 it could not see flat colours.
    x = _add(convolution.conv2d(_space_to_depth(x), params["stem/w"]), params["stem/b"])
    s = 0
    while f"stage{s}/block0/branch" in params:
        if s:
            x = _conv(params, f"stage{s}/down", _space_to_depth(_relu(x)))
        i = 0
        while f"stage{s}/block{i}/branch" in params:
            x = _block(params, f"stage{s}/block{i}", x)
            i += 1
        s += 1
    b, h, _, c = x.shape
    # One mean per quarter of the picture, not one of all: emoji are upright and centred, so the
    # position of a part helps to recognise it.
    return _relu(x).reshape(b, 2, h // 2, 2, h // 2, c).mean((2, 4)).reshape(b, 4 * c)


def _block(params: Params, name: str, x: jax.Array) -> jax.Array:
    """Applies a residual block with squeeze-and-excitation (1709.01507)."""
    y = _conv(params, f"{name}/conv0", _relu(x))
    y = _conv(params, f"{name}/conv1", _relu(y))
    gate = dense(params, f"{name}/squeeze", y.mean((1, 2)))
    gate = 2.0 * jax.nn.sigmoid(dense(params, f"{name}/excite", jax.nn.relu(gate)))
    return x + params[f"{name}/branch"] * y * gate[:, None, None]


def _conv(params: Params, name: str, x: jax.Array) -> jax.Array:
    """Convolves with standardised weights, which keep mean 0 and variance 1 (2101.08692, eq. 1)."""
    w = params[f"{name}/w"]
    fan_in = w.shape[0] * w.shape[1] * w.shape[2]
    mean, variance = w.mean((0, 1, 2), keepdims=True), w.var((0, 1, 2), keepdims=True)
    w = (w - mean) * jax.lax.rsqrt(variance * fan_in + 1e-4)
    w = w * jnp.expand_dims(params[f"{name}/gain"], (0, 1, 2))
    return _add(convolution.conv2d(x, w), params[f"{name}/b"])


def dense(params: Params, name: str, x: jax.Array) -> jax.Array:
    """Applies the fully connected layer whose parameters begin with `name` to f32 `... n_in`."""
    return _add(x @ params[f"{name}/w"], params[f"{name}/b"])


def _add(x: jax.Array, bias: jax.Array) -> jax.Array:
    return x + jnp.expand_dims(bias, range(x.ndim - 1))


def _relu(x: jax.Array) -> jax.Array:
    """Applies ReLU and keeps the variance of a standard normal."""
    return _RELU_GAIN * jax.nn.relu(x)


def unit(x: jax.Array) -> jax.Array:
    """Scales the last axis to unit length."""
    return x * jax.lax.rsqrt(jnp.sum(jnp.square(x), -1, keepdims=True) + 1e-12)


def _space_to_depth(x: jax.Array) -> jax.Array:
    """Turns `b h w c` into `b h/2 w/2 4c`, so that dense convolutions replace strided ones."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // 2, w // 2, 4 * c)


# ---- phrases -------------------------------------------------------------------------------------


def embed_bags(params: Params, x: jax.Array) -> jax.Array:
    """Encodes bags of features.

    Args:
      params: as `init` or `load` returns them; only those of text are read.
      x: f32 `n buckets`, as `text_features.bags` returns them.

    Returns:
      f32 `n d` of unit length.
    """
    x = _TABLE_GAIN * (x @ params["text/table"])
    x = jax.nn.relu(dense(params, "text/hidden", x))
    return unit(dense(params, "text/out", x))


def embed_text(params: Params, phrases: Sequence[str]) -> np.ndarray:
    """Encodes English or French phrases as vectors in the space of the pictures.

    The similarity of a picture and a phrase is the scalar product of their vectors, in [-1, 1].

    Returns:
      f32 `n d` of unit length.
    """
    x = text_features.bags(phrases, params["text/table"].shape[0])
    return np.asarray(_embed_bags(params, x))


_embed_bags = jax.jit(embed_bags)
_PHRASES_PER_BATCH = 512  # a bag has as many columns as the table has rows


class PhraseEncoder:
    """Encodes phrases, for generators that are conditioned on text.

    Attributes:
      sha256: of the weights; a generator needs vectors of the weights that it was trained with.

    Raises:
      UserError: the weights are missing or damaged.
    """

    def __init__(self) -> None:
        self._params, meta = load(prefix="text/")
        self.sha256 = meta["weights_sha256"]

    def __call__(self, phrases: Sequence[str]) -> np.ndarray:
        """Encodes English or French phrases, f32 `n d` of unit length."""
        vectors = []
        for start in range(0, len(phrases), _PHRASES_PER_BATCH):
            batch = list(phrases[start : start + _PHRASES_PER_BATCH])
            # The last batch is padded, so that one compiled program serves all.
            padded = batch + [""] * (_PHRASES_PER_BATCH - len(batch))
            vectors.append(embed_text(self._params, padded)[: len(batch)])
        return np.concatenate(vectors)
