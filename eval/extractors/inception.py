"""Computes the features of the 2015 Inception network, which define FID (1512.00567, 1706.08500).

The functions are pure, of a pytree of arrays, and float32 throughout. The network differs from
other Inception v3 networks: it has 1008 logits, a batch-norm epsilon of 1e-3, average pools that
leave the padding out, and a max pool in the last block. Names are those of the state dict that
pytorch-fid and torch-fidelity share.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from emoji_gan.errors import UserError
from emoji_gan.ops import convolution
from eval.extractors import inception_ops as ops
from eval.extractors import inception_shapes

Params = dict[str, dict[str, jax.Array]]

SIZE = 299  # px
PIPELINES = ("pytorch-fid", "tf1", "clean-fid")
_EPSILON = 1e-3  # of batch normalisation
# Images that go through the stem, and through the rest of the network, together on a CPU: more do
# not fit into its caches. The number is constant, so that an image's features do not depend on its
# batch.
_STEM_CHUNK, _CHUNK = 1, 8

CONVS = inception_shapes.convolutions()
FC = (1008, 2048)  # logits, features
# Strides of the convolutions without padding; all others are padded and have stride 1.
_UNPADDED = {
    "Conv2d_1a_3x3": 2,
    "Conv2d_2a_3x3": 1,
    "Conv2d_4a_3x3": 1,
    "Mixed_6a.branch3x3": 2,
    "Mixed_6a.branch3x3dbl_3": 2,
    "Mixed_7a.branch3x3_2": 2,
    "Mixed_7a.branch7x7x3_4": 2,
}
# For each block, the branches whose 1x1 convolution reads the block's input: they are computed as
# one matrix product.
_INPUT_BRANCHES = {
    block: tuple(
        n.split(".")[1] for n, s in CONVS.items() if n.startswith(block + ".") and s[2:] == (1, 1)
    )
    for block in dict.fromkeys(n.split(".")[0] for n in CONVS if "." in n)
}


def state_dict_shapes() -> dict[str, tuple[int, ...]]:
    """Returns names and shapes of the state dict's float tensors, in its order."""
    out = {}
    for name, shape in CONVS.items():
        out[f"{name}.conv.weight"] = shape
        out |= {
            f"{name}.bn.{k}": shape[:1] for k in ("weight", "bias", "running_mean", "running_var")
        }
    return out | {"fc.weight": FC, "fc.bias": FC[:1]}


def check(tensors: dict[str, np.ndarray]) -> None:
    """Raises a UserError unless all tensors of `state_dict_shapes` are there."""
    for name, shape in state_dict_shapes().items():
        if name not in tensors:
            raise UserError(
                f"the weights have no {name}: they are not of the 2015 Inception network"
            )
        if (actual := np.shape(tensors[name])) != shape:
            raise UserError(
                f"{name} has shape {actual} in the weights, {shape} in the 2015 Inception network"
            )


def prepare(tensors: dict[str, np.ndarray], form: str | None = None) -> Params:
    """Makes the network's parameters from its state dict.

    Batch normalisation is folded into weights and biases, in float64.

    Args:
      tensors: as `state_dict_shapes` describes; more are ignored.
      form: 'cpu' or 'plain' (see `eval.extractors.inception_ops`); None: by the backend.

    Returns:
      A pytree of float32 arrays for `apply` on that backend.

    Raises:
      UserError: a tensor is missing or has another shape.
    """
    form = form or ("cpu" if convolution.platform() == "cpu" else "plain")
    check(tensors)
    params, input_branches = {}, {block: [] for block in _INPUT_BRANCHES}
    for name in CONVS:
        t = {
            k: tensors[f"{name}.{k}"].astype(np.float64)
            for k in ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
        }
        scale = t["bn.weight"] / np.sqrt(t["bn.running_var"] + _EPSILON)
        w = t["conv.weight"].transpose(2, 3, 1, 0) * scale
        b = t["bn.bias"] - t["bn.running_mean"] * scale
        block, _, branch = name.partition(".")
        if branch in _INPUT_BRANCHES.get(block, ()) and not _pools_by_max(block, branch):
            input_branches[block].append((w, b))
        else:
            w = ops.kernel(w, _UNPADDED.get(name, 1), form)
            params[name] = {"w": w, "b": b.astype(np.float32)[None, None, None]}
    for block, parts in input_branches.items():
        w, b = (np.concatenate(x, -1).astype(np.float32) for x in zip(*parts, strict=True))
        params[block] = {"w": w, "b": b[None, None, None]}
    fc = {"w": tensors["fc.weight"].T, "b": tensors["fc.bias"][None]}
    return params | {"fc": {k: np.ascontiguousarray(v, np.float32) for k, v in fc.items()}}


def _pools_by_max(block: str, branch: str) -> bool:
    """Tests whether a branch begins with a max pool.

    That must come before the 1x1 convolution. An average pool may come after it, where there are
    fewer channels.
    """
    return block == "Mixed_7c" and branch == "branch_pool"


# ---- the network ---------------------------------------------------------------------------------


def apply(params: Params, x: jax.Array) -> dict[str, jax.Array]:
    """Computes the features of prepared images.

    On a CPU the images go through the network in chunks of constant size, so an image's features
    are the same bits in any batch.

    Args:
      params: from `prepare`.
      x: float32 `b 299 299 3` from `preprocess`.

    Returns:
      'pool3' `b 2048`, the features of FID; 'logits' and 'logits_nobias' `b 1008`, with and without
      the last layer's bias; 'block64_mean', 'block192_mean', 'block768_mean' `b c`, means over the
      maps after the two max pools and before the last reduction.
    """
    stem, body = functools.partial(_stem, params), functools.partial(_body, params)
    if convolution.platform() != "cpu":
        return body(*stem(x))
    b = x.shape[0]
    x = jnp.pad(x, ((0, -b % _CHUNK), (0, 0), (0, 0), (0, 0)))
    out = _in_chunks(lambda x: body(*_in_chunks(stem, x, _STEM_CHUNK)), x, _CHUNK)
    return jax.tree.map(lambda y: y[:b], out)


def _in_chunks(f: Callable[[jax.Array], Any], x: jax.Array, rows: int) -> Any:
    """Applies f to `rows` rows of x at a time; their number must divide that of all rows."""
    out = lax.map(f, x.reshape(-1, rows, *x.shape[1:]))
    return jax.tree.map(lambda y: y.reshape(-1, *y.shape[2:]), out)


def _mean(x: jax.Array) -> jax.Array:
    return jnp.mean(x, (1, 2))


def _stem(params: Params, x: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns the maps after the second max pool, and the means after either pool."""
    for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"):
        x = _conv(params, name, x)
    x = ops.max_pool(x, stride=2, pad=0)
    out = {"block64_mean": _mean(x)}
    for name in ("Conv2d_3b_1x1", "Conv2d_4a_3x3"):
        x = _conv(params, name, x)
    x = ops.max_pool(x, stride=2, pad=0)
    return x, out | {"block192_mean": _mean(x)}


def _body(params: Params, x: jax.Array, out: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Returns `out` with the outputs of all blocks and of the last layer."""
    for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        x = _block_a(params, block, x)
    x = _block_b(params, "Mixed_6a", x)
    for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        x = _block_c(params, block, x)
    out["block768_mean"] = _mean(x)
    x = _block_d(params, "Mixed_7a", x)
    for block in ("Mixed_7b", "Mixed_7c"):
        x = _block_e(params, block, x)
    out["pool3"] = _mean(x)
    out["logits_nobias"] = lax.dot(out["pool3"], params["fc"]["w"], precision=lax.Precision.HIGHEST)
    out["logits"] = out["logits_nobias"] + params["fc"]["b"]
    return out


def _conv(params: Params, name: str, x: jax.Array) -> jax.Array:
    size, p = CONVS[name][2:], params[name]
    pad = (0, 0) if name in _UNPADDED else (size[0] // 2, size[1] // 2)
    y = ops.conv(x, p["w"], size, _UNPADDED.get(name, 1), pad)
    return jax.nn.relu(y + p["b"])


def _input_branches(params: Params, block: str, x: jax.Array) -> dict[str, jax.Array]:
    """Returns the outputs of the 1x1 convolutions that read x, by branch.

    The branch of an average pool is among them.
    """
    y = ops.conv(x, params[block]["w"], (1, 1), 1, (0, 0))
    out, start = {}, 0
    for branch in _INPUT_BRANCHES[block]:
        if _pools_by_max(block, branch):
            continue
        stop = start + CONVS[f"{block}.{branch}"][0]
        part = y[..., start:stop]
        if branch == "branch_pool":
            part = ops.average_pool(part)
        out[branch] = jax.nn.relu(part + params[block]["b"][..., start:stop])
        start = stop
    return out


def _chain(params: Params, block: str, x: jax.Array, *branches: str) -> jax.Array:
    for branch in branches:
        x = _conv(params, f"{block}.{branch}", x)
    return x


def _concatenate(*parts: jax.Array) -> jax.Array:
    return jnp.concatenate(parts, -1)


def _block_a(params: Params, block: str, x: jax.Array) -> jax.Array:
    x = _input_branches(params, block, x)
    return _concatenate(
        x["branch1x1"],
        _chain(params, block, x["branch5x5_1"], "branch5x5_2"),
        _chain(params, block, x["branch3x3dbl_1"], "branch3x3dbl_2", "branch3x3dbl_3"),
        x["branch_pool"],
    )


def _block_b(params: Params, block: str, x: jax.Array) -> jax.Array:
    return _concatenate(
        _chain(params, block, x, "branch3x3"),
        _chain(
            params,
            block,
            _input_branches(params, block, x)["branch3x3dbl_1"],
            "branch3x3dbl_2",
            "branch3x3dbl_3",
        ),
        ops.max_pool(x, stride=2, pad=0),
    )


def _block_c(params: Params, block: str, x: jax.Array) -> jax.Array:
    x = _input_branches(params, block, x)
    return _concatenate(
        x["branch1x1"],
        _chain(params, block, x["branch7x7_1"], "branch7x7_2", "branch7x7_3"),
        _chain(params, block, x["branch7x7dbl_1"], *(f"branch7x7dbl_{i}" for i in range(2, 6))),
        x["branch_pool"],
    )


def _block_d(params: Params, block: str, x: jax.Array) -> jax.Array:
    entry = _input_branches(params, block, x)
    return _concatenate(
        _chain(params, block, entry["branch3x3_1"], "branch3x3_2"),
        _chain(params, block, entry["branch7x7x3_1"], *(f"branch7x7x3_{i}" for i in range(2, 5))),
        ops.max_pool(x, stride=2, pad=0),
    )


def _block_e(params: Params, block: str, x: jax.Array) -> jax.Array:
    entry = _input_branches(params, block, x)
    middle = _chain(params, block, entry["branch3x3dbl_1"], "branch3x3dbl_2")
    if _pools_by_max(block, "branch_pool"):
        pooled = _chain(params, block, ops.max_pool(x, stride=1, pad=1), "branch_pool")
    else:
        pooled = entry["branch_pool"]
    return _concatenate(
        entry["branch1x1"],
        _chain(params, block, entry["branch3x3_1"], "branch3x3_2a"),
        _chain(params, block, entry["branch3x3_1"], "branch3x3_2b"),
        _chain(params, block, middle, "branch3x3dbl_3a"),
        _chain(params, block, middle, "branch3x3dbl_3b"),
        pooled,
    )


# ---- the three input pipelines -------------------------------------------------------------------


def preprocess(images: jax.Array, pipeline: str) -> jax.Array:
    """Prepares images as one of the reference programs does.

    Figures of two different pipelines cannot be compared.

    'pytorch-fid': bilinear, half-pixel centres, no antialiasing; to [-1, 1].
    'tf1' (torch-fidelity, the first FID): bilinear as in TensorFlow 1, output i at input
    i * in / out; (x - 128) / 128.
    'clean-fid' (2104.11222): Pillow's bicubic filter on floats, clipped to [0, 255];
    (x - 128) / 128.

    Args:
      images: `b h w 3`, uint8 or float in [0, 255], of any h and w.
      pipeline: one of PIPELINES.

    Returns:
      float32 `b 299 299 3`.

    Raises:
      UserError: a pipeline that is not one of PIPELINES.
    """
    x = resize(images, pipeline)
    return x / 127.5 - 1.0 if pipeline == "pytorch-fid" else (x - 128.0) / 128.0


def resize(images: jax.Array, pipeline: str) -> jax.Array:
    """Resizes images as `preprocess` does, to float32 `b 299 299 3` in [0, 255]."""
    if pipeline not in PIPELINES:
        raise UserError(f"pipeline {pipeline!r}: expected one of {', '.join(PIPELINES)}")
    x = jnp.asarray(images, jnp.float32)
    rows, columns = (jnp.asarray(_resampling(n, pipeline)) for n in x.shape[1:3])
    x = jnp.einsum("qw,bhwc->bhqc", columns, x, precision=lax.Precision.HIGHEST)
    x = jnp.einsum("ph,bhqc->bpqc", rows, x, precision=lax.Precision.HIGHEST)
    return jnp.clip(x, 0.0, 255.0) if pipeline == "clean-fid" else x


@functools.cache
def _resampling(n: int, pipeline: str) -> np.ndarray:
    """Returns the weight of each of an axis's n pixels in each of 299: f32 [299 n]."""
    if pipeline == "clean-fid":
        return _pillow_bicubic(n)
    # In float32, as the references do.
    i, scale = np.arange(SIZE, dtype=np.float32), np.float32(n / SIZE)
    at = (
        i * scale
        if pipeline == "tf1"
        else np.maximum((i + np.float32(0.5)) * scale - np.float32(0.5), 0)
    )
    low = at.astype(np.int64)
    fraction = at - low.astype(np.float32)
    matrix = np.zeros((SIZE, n), np.float32)
    np.add.at(matrix, (np.arange(SIZE), low), 1 - fraction)
    np.add.at(matrix, (np.arange(SIZE), np.minimum(low + 1, n - 1)), fraction)
    return matrix


def _pillow_bicubic(n: int) -> np.ndarray:
    """Returns what `_resampling` does for Pillow's bicubic filter.

    It is Keys' cubic with a = -1/2, widened when it shrinks the image, cut off and normalised at
    the borders.
    """
    scale = n / SIZE
    centre = (np.arange(SIZE) + 0.5) * scale
    widen = max(scale, 1.0)
    support = 2.0 * widen
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int64), n)  # exclusive
    j = np.arange(n)
    d = np.abs((j[None] - centre[:, None] + 0.5) / widen)
    near, far = (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2
    weights = np.where(d < 1, near, np.where(d < 2, far, 0.0))
    weights *= (j >= first[:, None]) & (j < last[:, None])
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
