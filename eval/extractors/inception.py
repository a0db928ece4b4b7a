"""The Inception network of 2015 by which the Frechet Inception Distance is defined (1512.00567, 1706.08500).

Pure functions of a pytree of arrays; float32 throughout. It differs from other Inception v3
networks: 1008 logits, batch-norm epsilon 1e-3, average pools that leave the padding out, a max pool
in the last block. Names are those of the state dict that pytorch-fid and torch-fidelity share.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from emoji_gan.errors import UserError
from emoji_gan.ops import convolution
from eval.extractors import inception_ops as ops

SIZE = 299  # px
PIPELINES = ("pytorch-fid", "tf1", "clean-fid")
_EPSILON = 1e-3  # of batch normalisation
# Images that go through the stem and through the network together on a CPU: more leave its caches.
# Always as many, so that an image's features do not depend on its batch.
_STEM_CHUNK, _CHUNK = 1, 8


# ---- the table of convolutions -------------------------------------------------------------------


def _block_a_shapes(ci, pool):
    return {
        "branch1x1": (64, ci, 1, 1),
        "branch5x5_1": (48, ci, 1, 1),
        "branch5x5_2": (64, 48, 5, 5),
        "branch3x3dbl_1": (64, ci, 1, 1),
        "branch3x3dbl_2": (96, 64, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
        "branch_pool": (pool, ci, 1, 1),
    }


def _block_b_shapes(ci):
    return {
        "branch3x3": (384, ci, 3, 3),
        "branch3x3dbl_1": (64, ci, 1, 1),
        "branch3x3dbl_2": (96, 64, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
    }


def _block_c_shapes(ci, c):
    return {
        "branch1x1": (192, ci, 1, 1),
        "branch7x7_1": (c, ci, 1, 1),
        "branch7x7_2": (c, c, 1, 7),
        "branch7x7_3": (192, c, 7, 1),
        "branch7x7dbl_1": (c, ci, 1, 1),
        "branch7x7dbl_2": (c, c, 7, 1),
        "branch7x7dbl_3": (c, c, 1, 7),
        "branch7x7dbl_4": (c, c, 7, 1),
        "branch7x7dbl_5": (192, c, 1, 7),
        "branch_pool": (192, ci, 1, 1),
    }


def _block_d_shapes(ci):
    return {
        "branch3x3_1": (192, ci, 1, 1),
        "branch3x3_2": (320, 192, 3, 3),
        "branch7x7x3_1": (192, ci, 1, 1),
        "branch7x7x3_2": (192, 192, 1, 7),
        "branch7x7x3_3": (192, 192, 7, 1),
        "branch7x7x3_4": (192, 192, 3, 3),
    }


def _block_e_shapes(ci):
    return {
        "branch1x1": (320, ci, 1, 1),
        "branch3x3_1": (384, ci, 1, 1),
        "branch3x3_2a": (384, 384, 1, 3),
        "branch3x3_2b": (384, 384, 3, 1),
        "branch3x3dbl_1": (448, ci, 1, 1),
        "branch3x3dbl_2": (384, 448, 3, 3),
        "branch3x3dbl_3a": (384, 384, 1, 3),
        "branch3x3dbl_3b": (384, 384, 3, 1),
        "branch_pool": (192, ci, 1, 1),
    }


def _shapes():
    stem = {
        "Conv2d_1a_3x3": (32, 3, 3, 3),
        "Conv2d_2a_3x3": (32, 32, 3, 3),
        "Conv2d_2b_3x3": (64, 32, 3, 3),
        "Conv2d_3b_1x1": (80, 64, 1, 1),
        "Conv2d_4a_3x3": (192, 80, 3, 3),
    }
    blocks = {
        "Mixed_5b": _block_a_shapes(192, 32),
        "Mixed_5c": _block_a_shapes(256, 64),
        "Mixed_5d": _block_a_shapes(288, 64),
        "Mixed_6a": _block_b_shapes(288),
        "Mixed_6b": _block_c_shapes(768, 128),
        "Mixed_6c": _block_c_shapes(768, 160),
        "Mixed_6d": _block_c_shapes(768, 160),
        "Mixed_6e": _block_c_shapes(768, 192),
        "Mixed_7a": _block_d_shapes(768),
        "Mixed_7b": _block_e_shapes(1280),
        "Mixed_7c": _block_e_shapes(2048),
    }
    return stem | {f"{block}.{k}": v for block, shapes in blocks.items() for k, v in shapes.items()}


# Every convolution in the order of the state dict: co ci kh kw.
CONVS: dict[str, tuple[int, int, int, int]] = _shapes()
FC = (1008, 2048)  # logits, features
# No zeros around the input, and (but for two of the stem) every second place only.
_UNPADDED = {
    "Conv2d_1a_3x3": 2,
    "Conv2d_2a_3x3": 1,
    "Conv2d_4a_3x3": 1,
    "Mixed_6a.branch3x3": 2,
    "Mixed_6a.branch3x3dbl_3": 2,
    "Mixed_7a.branch3x3_2": 2,
    "Mixed_7a.branch7x7x3_4": 2,
}
# The 1x1 convolutions that read a block's input are one matrix product.
_ENTRY = {
    block: tuple(
        n.split(".")[1] for n, s in CONVS.items() if n.startswith(block + ".") and s[2:] == (1, 1)
    )
    for block in dict.fromkeys(n.split(".")[0] for n in CONVS if "." in n)
}


def state_dict_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the state dict's float tensors, in its order."""
    out = {}
    for name, shape in CONVS.items():
        out[f"{name}.conv.weight"] = shape
        out |= {
            f"{name}.bn.{k}": shape[:1] for k in ("weight", "bias", "running_mean", "running_var")
        }
    return out | {"fc.weight": FC, "fc.bias": FC[:1]}


def check(tensors: dict[str, np.ndarray]) -> None:
    """Raises a UserError unless all of `state_dict_shapes` is there."""
    for name, shape in state_dict_shapes().items():
        if name not in tensors:
            raise UserError(
                f"the weights have no {name}: they are not of the 2015 Inception network"
            )
        if (found := np.shape(tensors[name])) != shape:
            raise UserError(
                f"{name} has shape {found} in the weights, {shape} in the 2015 Inception network"
            )


def prepare(tensors: dict[str, np.ndarray], form: str | None = None) -> dict:
    """The network's parameters from its state dict.

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
    params, entries = {}, {block: [] for block in _ENTRY}
    for name in CONVS:
        t = {
            k: tensors[f"{name}.{k}"].astype(np.float64)
            for k in ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
        }
        scale = t["bn.weight"] / np.sqrt(t["bn.running_var"] + _EPSILON)
        w = t["conv.weight"].transpose(2, 3, 1, 0) * scale
        b = t["bn.bias"] - t["bn.running_mean"] * scale
        block, _, branch = name.partition(".")
        if branch in _ENTRY.get(block, ()) and not _pools_by_max(block, branch):
            entries[block].append((w, b))
        else:
            w = ops.kernel(w, _UNPADDED.get(name, 1), form)
            params[name] = {"w": w, "b": b.astype(np.float32)[None, None, None]}
    for block, parts in entries.items():
        w, b = (np.concatenate(x, -1).astype(np.float32) for x in zip(*parts, strict=True))
        params[block] = {"w": w, "b": b[None, None, None]}
    fc = {"w": tensors["fc.weight"].T, "b": tensors["fc.bias"][None]}
    return params | {"fc": {k: np.ascontiguousarray(v, np.float32) for k, v in fc.items()}}


def _pools_by_max(block, branch):
    """Max pooling must come before the 1x1 convolution; an average may come after it, on fewer channels."""
    return block == "Mixed_7c" and branch == "branch_pool"


# ---- the network ---------------------------------------------------------------------------------


def apply(params: dict, x: jax.Array) -> dict[str, jax.Array]:
    """Features of prepared images.

    On a CPU a few images at a time, always as many: an image's features are the same bits in any
    batch.

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


def _in_chunks(f, x, rows):
    out = lax.map(f, x.reshape(-1, rows, *x.shape[1:]))
    return jax.tree.map(lambda y: y.reshape(-1, *y.shape[2:]), out)


def _mean(x):
    return jnp.mean(x, (1, 2))


def _stem(params, x):
    """The maps after the second max pool, and the first means."""
    for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"):
        x = _conv(params, name, x)
    x = ops.max_pool(x, stride=2, pad=0)
    out = {"block64_mean": _mean(x)}
    for name in ("Conv2d_3b_1x1", "Conv2d_4a_3x3"):
        x = _conv(params, name, x)
    x = ops.max_pool(x, stride=2, pad=0)
    return x, out | {"block192_mean": _mean(x)}


def _body(params, x, out):
    """The rest."""
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


def _conv(params, name, x):
    size, p = CONVS[name][2:], params[name]
    pad = (0, 0) if name in _UNPADDED else (size[0] // 2, size[1] // 2)
    y = ops.conv(x, p["w"], size, _UNPADDED.get(name, 1), pad)
    return jax.nn.relu(y + p["b"])


def _entry(params, block, x):
    """The outputs of the 1x1 convolutions that read x, by branch; of an average pool's too."""
    y = ops.conv(x, params[block]["w"], (1, 1), 1, (0, 0))
    out, start = {}, 0
    for branch in _ENTRY[block]:
        if _pools_by_max(block, branch):
            continue
        stop = start + CONVS[f"{block}.{branch}"][0]
        part = y[..., start:stop]
        if branch == "branch_pool":
            part = ops.average_pool(part)
        out[branch] = jax.nn.relu(part + params[block]["b"][..., start:stop])
        start = stop
    return out


def _chain(params, block, x, *branches):
    for branch in branches:
        x = _conv(params, f"{block}.{branch}", x)
    return x


def _concatenate(*parts):
    return jnp.concatenate(parts, -1)


def _block_a(params, block, x):
    x = _entry(params, block, x)
    return _concatenate(
        x["branch1x1"],
        _chain(params, block, x["branch5x5_1"], "branch5x5_2"),
        _chain(params, block, x["branch3x3dbl_1"], "branch3x3dbl_2", "branch3x3dbl_3"),
        x["branch_pool"],
    )


def _block_b(params, block, x):
    return _concatenate(
        _chain(params, block, x, "branch3x3"),
        _chain(
            params,
            block,
            _entry(params, block, x)["branch3x3dbl_1"],
            "branch3x3dbl_2",
            "branch3x3dbl_3",
        ),
        ops.max_pool(x, stride=2, pad=0),
    )


def _block_c(params, block, x):
    x = _entry(params, block, x)
    return _concatenate(
        x["branch1x1"],
        _chain(params, block, x["branch7x7_1"], "branch7x7_2", "branch7x7_3"),
        _chain(params, block, x["branch7x7dbl_1"], *(f"branch7x7dbl_{i}" for i in range(2, 6))),
        x["branch_pool"],
    )


def _block_d(params, block, x):
    entry = _entry(params, block, x)
    return _concatenate(
        _chain(params, block, entry["branch3x3_1"], "branch3x3_2"),
        _chain(params, block, entry["branch7x7x3_1"], *(f"branch7x7x3_{i}" for i in range(2, 5))),
        ops.max_pool(x, stride=2, pad=0),
    )


def _block_e(params, block, x):
    entry = _entry(params, block, x)
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


# ---- the three ways into it ----------------------------------------------------------------------


def preprocess(images: jax.Array, pipeline: str) -> jax.Array:
    """Images as one of the reference programs feeds them to the network; figures of two do not compare.

    'pytorch-fid': bilinear, half-pixel centres, no antialiasing; to [-1, 1]. 'tf1' (torch-fidelity,
    the first FID): bilinear as TensorFlow 1 did it, output i at input i * in / out; (x - 128) /
    128. 'clean-fid' (2104.11222): Pillow's bicubic filter on floats, clipped to [0, 255]; (x - 128)
    / 128.

    Args:
      images: `b h w 3`, uint8 or float in [0, 255], of any h and w.
      pipeline: one of PIPELINES.

    Returns:
      float32 `b 299 299 3`.

    Raises:
      UserError: another pipeline.
    """
    x = resize(images, pipeline)
    return x / 127.5 - 1.0 if pipeline == "pytorch-fid" else (x - 128.0) / 128.0


def resize(images: jax.Array, pipeline: str) -> jax.Array:
    """The resized images of `preprocess`, float32 `b 299 299 3` in [0, 255]."""
    if pipeline not in PIPELINES:
        raise UserError(f"pipeline {pipeline!r}: expected one of {', '.join(PIPELINES)}")
    x = jnp.asarray(images, jnp.float32)
    rows, columns = (jnp.asarray(_resampling(n, pipeline)) for n in x.shape[1:3])
    x = jnp.einsum("qw,bhwc->bhqc", columns, x, precision=lax.Precision.HIGHEST)
    x = jnp.einsum("ph,bhqc->bpqc", rows, x, precision=lax.Precision.HIGHEST)
    return jnp.clip(x, 0.0, 255.0) if pipeline == "clean-fid" else x


@functools.cache
def _resampling(n, pipeline):
    """float32 [299 n]: the weights of an axis of n pixels in each of 299."""
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
    share = at - low.astype(np.float32)
    matrix = np.zeros((SIZE, n), np.float32)
    np.add.at(matrix, (np.arange(SIZE), low), 1 - share)
    np.add.at(matrix, (np.arange(SIZE), np.minimum(low + 1, n - 1)), share)
    return matrix


def _pillow_bicubic(n):
    """Keys' cubic with a = -1/2, widened when it shrinks the image, cut off and normalised at the borders."""
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
