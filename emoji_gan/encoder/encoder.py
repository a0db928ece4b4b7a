"""The emoji encoder: one space for emoji of any style and for English and French phrases.

A residual network without normalisation layers (2101.08692) reads the picture, its alpha included;
a bag of hashed words and letters reads the phrase. `classes` has a point in the same space for each
of the Unicode list's emoji without skin tone, so the nearest one is what a picture shows. `python
-m eval.train_encoder` makes the weights; weights/README.md is their model card. Parameters are a
flat dict of arrays.
"""

import dataclasses
import functools
import hashlib
import itertools
import json
import os
import pathlib
import re
import unicodedata
import zlib

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from emoji_gan import images as image_lib
from emoji_gan.errors import UserError
from emoji_gan.ops import convolution
from emoji_gan.runtime import workdir

WEIGHTS = pathlib.Path(__file__).parent / "weights" / "emoji_encoder.safetensors"
INPUT_PX = 48

_RELU_GAIN = 1.7139588594436646  # keeps the variance of a standard normal (2101.08692, table 1)
_BRANCH_GAIN = 0.3  # of a residual branch, before training
_TABLE_GAIN = 16.0  # so that rows which are seen now and then learn as fast as the rest
_FEATURE = re.compile(r"\w+")

Params = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Size:
    """How large a new network is; a trained one's arrays tell by themselves."""

    widths: tuple[int, ...] = (32, 96, 192)  # channels at 1/2, 1/4 and 1/8 of the input
    blocks: tuple[int, ...] = (1, 2, 3)  # residual blocks there
    dim: int = 192  # of the common space
    text_buckets: int = 16384  # rows of the table that words and letters are hashed into
    text_width: int = 48
    text_hidden: int = 256

    def scaled(self, width: float) -> "Size":
        """With so many times the channels."""
        if not 0.05 <= width <= 8:
            raise UserError(f"width {width:g}: expected 0.05 to 8")
        numbers = {
            f.name: tuple(4 * max(1, round(n * width / 4)) for n in value)
            if f.name == "widths"
            else max(1, round(value * width))
            for f in dataclasses.fields(self)
            if (value := getattr(self, f.name)) and f.name != "blocks"
        }
        return dataclasses.replace(self, **numbers)


SIZE = Size()


# ---- parameters ----------------------------------------------------------------------------------


def init(rng: np.random.Generator, codepoints: int, subgroups: int, size: Size = SIZE) -> Params:
    """New parameters, float32, for so many emoji and subgroups of the Unicode list."""
    params = {}

    def normal(name, *shape, scale):
        params[name] = rng.standard_normal(shape, np.float32) * np.float32(scale)

    def conv(name, k, n_in, n_out, gain=True):
        normal(f"{name}/w", k, k, n_in, n_out, scale=(k * k * n_in) ** -0.5)
        params[f"{name}/b"] = np.zeros(n_out, np.float32)
        if gain:
            params[f"{name}/gain"] = np.ones(n_out, np.float32)

    def linear(name, n_in, n_out):
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
    normal("text/table", size.text_buckets, size.text_width, scale=1 / _TABLE_GAIN)
    linear("text/hidden", size.text_width, size.text_hidden)
    linear("text/out", size.text_hidden, size.dim)
    normal(
        "classes", codepoints, size.dim, scale=0.1
    )  # only their direction counts; short ones turn faster
    linear("subgroup", size.dim, subgroups)
    params["log_scale"] = np.log(np.float32(16.0))
    return {name: jnp.asarray(array) for name, array in params.items()}


def save_weights(path: str | os.PathLike, params: Params, meta: dict) -> None:
    """Writes the parameters as float16 with what is known of them.

    Args:
      path: a .safetensors file.
      params: as of `init`; `classes` of unit length. The subgroups' layer, a help in training, is
        left out.
      meta: JSON: codepoints, groups (of each code point), art, licence, ...
    """
    arrays = {
        name: np.asarray(array, np.float32).astype(np.float16, order="C")
        for name, array in sorted(params.items())
        if not name.startswith("subgroup/")
    }
    meta = meta | {"content_sha256": _digest(arrays)}
    workdir.write_atomic(path, save(arrays, {"meta": json.dumps(meta, ensure_ascii=False)}))


def load(path: str | os.PathLike = WEIGHTS, prefix: str = "") -> tuple[Params, dict]:
    """Reads what `save_weights` wrote, by default the weights of the repository.

    Args:
      path: a .safetensors file; the whole of it is checked.
      prefix: of the names of the parameters that are returned, e.g. 'text/' to read phrases only.

    Returns:
      The parameters in float32, and meta: `codepoints` (k), `groups` (k, the group of each), `art`,
      `licence`, `figures`, `weights_sha256` (of the file), ...

    Raises:
      UserError: a missing or damaged file.
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
        name: jnp.asarray(array.astype(np.float32))
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
    return params, meta | {"weights_sha256": file_sha256}


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


# ---- pictures ------------------------------------------------------------------------------------


@functools.partial(jax.jit, static_argnames="size_px")
def preprocess(images: jax.Array, size_px: int = INPUT_PX) -> jax.Array:
    """Stored images of any one size to what the network sees.

    Args:
      images: `b h w 4` straight-alpha RGBA, uint8, or float32 in [0, 255].
      size_px: side of the result.

    Returns:
      f32 `b size_px size_px 4`, premultiplied, in [-1, 1]; reduced with antialiasing.
    """
    x = image_lib.to_model(images)
    return jax.image.resize(x, (x.shape[0], size_px, size_px, 4), "linear", antialias=True)


def apply(params: Params, images: jax.Array) -> dict[str, jax.Array]:
    """What the encoder says of pictures; each depends on its own picture only.

    Args:
      params: as of `load`.
      images: uint8 `b h w 4` straight-alpha RGBA of any size, or f32 as `preprocess` returns.

    Returns:
      features: f32 `b d` of unit length; logits: f32 `b k`, scores of `meta['codepoints']`.
    """
    x = preprocess(images) if images.dtype == jnp.uint8 else images
    features = embed_images(params, x)
    return {
        "features": features,
        "logits": jnp.exp(params["log_scale"]) * features @ params["classes"].T,
    }


def embed_images(params: Params, x: jax.Array) -> jax.Array:
    """Model images f32 `b s s 4` (s a multiple of 16) to points of unit length, f32 `b d`."""
    # Not standardised: a mean of 0 would hide flat colours.
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
    # Four quarters rather than one mean: emoji are upright and centred, so where a thing is tells
    # what it is.
    quarters = _relu(x).reshape(b, 2, h // 2, 2, h // 2, c).mean((2, 4)).reshape(b, 4 * c)
    return unit(dense(params, "image", quarters))


def _block(params, name, x):
    y = _conv(params, f"{name}/conv0", _relu(x))
    y = _conv(params, f"{name}/conv1", _relu(y))
    gate = dense(params, f"{name}/squeeze", y.mean((1, 2)))
    gate = 2.0 * jax.nn.sigmoid(dense(params, f"{name}/excite", jax.nn.relu(gate)))
    return x + params[f"{name}/branch"] * y * gate[:, None, None]


def _conv(params, name, x):
    """A convolution of standardised weights, which keeps mean 0 and variance 1 (2101.08692, equation 1)."""
    w = params[f"{name}/w"]
    fan_in = w.shape[0] * w.shape[1] * w.shape[2]
    mean, variance = w.mean((0, 1, 2), keepdims=True), w.var((0, 1, 2), keepdims=True)
    w = (w - mean) * jax.lax.rsqrt(variance * fan_in + 1e-4)
    w = w * jnp.expand_dims(params[f"{name}/gain"], (0, 1, 2))
    return _add(convolution.conv2d(x, w), params[f"{name}/b"])


def dense(params: Params, name: str, x: jax.Array) -> jax.Array:
    """A fully connected layer."""
    return _add(x @ params[f"{name}/w"], params[f"{name}/b"])


def _add(x, bias):
    return x + jnp.expand_dims(bias, range(x.ndim - 1))


def _relu(x):
    return _RELU_GAIN * jax.nn.relu(x)


def unit(x: jax.Array) -> jax.Array:
    """Scales the last axis to unit length."""
    return x * jax.lax.rsqrt(jnp.sum(jnp.square(x), -1, keepdims=True) + 1e-12)


def _space_to_depth(x):
    """`b h w c` to `b h/2 w/2 4c`: halves as a strided convolution does, but leaves only dense ones."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // 2, w // 2, 4 * c)


# ---- phrases -------------------------------------------------------------------------------------


def fold(phrase: str) -> str:
    """Lower case without accents: 'Émoticône' -> 'emoticone'."""
    decomposed = unicodedata.normalize("NFKD", phrase.casefold())
    return (
        "".join(c for c in decomposed if not unicodedata.combining(c))
        .replace("œ", "oe")
        .replace("æ", "ae")
    )


@functools.lru_cache(maxsize=100_000)
def phrase_features(phrase: str, buckets: int) -> tuple[int, ...]:
    """Rows of the table for a phrase: its words, neighbouring words, runs of three and four letters."""
    words = _FEATURE.findall(fold(phrase)) or [fold(phrase)]
    features = {f"w {w}" for w in words} | {f"p {a} {b}" for a, b in itertools.pairwise(words)}
    for word in words:
        edged = f"<{word}>"
        features |= {edged[i : i + n] for n in (3, 4) for i in range(len(edged) - n + 1)}
    return tuple(sorted({zlib.crc32(f.encode()) % buckets for f in features}))


def bags(phrases: list[str], buckets: int) -> np.ndarray:
    """Phrases as f32 `n buckets`, rows of unit length."""
    out = np.zeros((len(phrases), buckets), np.float32)
    for row, phrase in zip(out, phrases, strict=True):
        features = phrase_features(phrase, buckets)
        row[list(features)] = len(features) ** -0.5
    return out


def embed_bags(params: Params, x: jax.Array) -> jax.Array:
    """Bags f32 `n buckets` to points of unit length, f32 `n d`."""
    x = _TABLE_GAIN * (x @ params["text/table"])
    x = jax.nn.relu(dense(params, "text/hidden", x))
    return unit(dense(params, "text/out", x))


def embed_text(params: Params, phrases: list[str]) -> np.ndarray:
    """English or French phrases to points of unit length in the space of the pictures, f32 `n d`.

    The agreement of a picture with a phrase is the scalar product of their points, in [-1, 1].
    """
    x = bags(phrases, params["text/table"].shape[0])
    return np.asarray(_embed_bags(params, jnp.asarray(x)))


_embed_bags = jax.jit(embed_bags)
_AT_A_TIME = 512  # phrases; their bags are wide


class PhraseEncoder:
    """Makes points of phrases, for generators that are asked by text.

    Attributes:
      sha256: of the weights; a generator understands the points of the weights it was trained with.

    Raises:
      UserError: missing or damaged weights.
    """

    def __init__(self):
        self._params, meta = load(prefix="text/")
        self.sha256 = meta["weights_sha256"]

    def __call__(self, phrases: list[str]) -> np.ndarray:
        """Points f32 `n d` of phrases in English or French."""
        chunks = [phrases[i : i + _AT_A_TIME] for i in range(0, len(phrases), _AT_A_TIME)]
        filled = [
            chunk + [""] * (_AT_A_TIME - len(chunk)) for chunk in chunks
        ]  # one compiled program
        points = [embed_text(self._params, c)[: len(chunks[i])] for i, c in enumerate(filled)]
        return np.concatenate(points)
