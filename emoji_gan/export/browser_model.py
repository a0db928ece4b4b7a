"""Describes a one-step generator for the page: its layers, weights and times as plain values.

The page's forward pass (browser/unet.js) reads the description as JSON, and the weights as one
array of float16, which is exact for a model file.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx

from emoji_gan.errors import UserError
from emoji_gan.methods import flow, onestep
from emoji_gan.networks import unet
from emoji_gan.trained.source import Trained

_WIDTH_MULTIPLE = 8  # channels that browser/kernels.ts computes at once


@dataclasses.dataclass(frozen=True)
class BrowserModel:
    """Holds a generator as the page reads it.

    Attributes:
      description: values of JSON; 'layers' says of each layer its sizes and the numbers of its
        first weight and bias in `weights`.
      weights: float16 [n].
    """

    description: dict[str, Any]
    weights: np.ndarray


def of_trained(trained: Trained) -> BrowserModel:
    """Describes a stored one-step generator.

    Raises:
      UserError: the model is of another method, or of sizes that the kernels do not compute.
    """
    if trained.config["method"] != "onestep":
        raise UserError(
            f"{trained.path}: a page draws by one-step generators only, this is a model of "
            f"{trained.config['method']!r}; train one from it: docs/methods.md#the-methods"
        )
    config = ml_collections.FrozenConfigDict(trained.config)
    sizes = flow.network_sizes(config, trained.spec)
    if bad := [width for width in sizes["widths"] if width % _WIDTH_MULTIPLE]:
        raise UserError(
            f"{trained.path}: a page needs widths that are multiples of {_WIDTH_MULTIPLE}; this "
            f"model has {bad[0]}"
        )
    params = trained.fields(("g_ema",))["g_ema"]
    layers, weights = _layers(params)
    times = (0.0, config.model.second_time)[: config.sample.steps]
    description = {
        "resolution": config.data.resolution,
        "patch": sizes["patch"],
        "widths": sizes["widths"],
        "blocks": sizes["blocks"],
        "heads": sizes["heads"],
        "group": unet.GROUP,
        "predictsImage": flow.predicts_image(config),
        "classes": {name: list(values) for name, values in trained.spec.classes},
        "textDim": trained.spec.text_dim,
        "times": [{"t": t, "embedding": _embedded(config, trained, params, t)} for t in times],
        "layers": layers,
    }
    return BrowserModel(description, weights)


def _layers(params: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], np.ndarray]:
    """Returns each layer's sizes and where its arrays begin, and all arrays in one."""
    layers: dict[str, dict[str, Any]] = {}
    parts: list[np.ndarray] = []
    end = 0
    for path, array in _arrays(params):
        name, _, last = path.rpartition("/")
        if name.startswith("time"):  # their results are in the description
            continue
        if last == "bias":
            layers.setdefault(name, {})["bias"] = end
        else:
            kernel = array.shape[0] if array.ndim == 4 else 1
            ci, co = array.shape[-2:]
            layer = layers.setdefault(name if last == "weight" else last, {"bias": None})
            layer |= {"k": kernel, "ci": ci, "co": co, "weight": end}
        parts.append(array.astype(np.float16).ravel())
        end += array.size
    return layers, np.concatenate(parts)


def _arrays(params: Mapping[str, Any]) -> list[tuple[str, np.ndarray]]:
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    named = (("/".join(str(key.key) for key in path), np.asarray(x)) for path, x in leaves)
    return sorted(named)


def _embedded(
    config: ml_collections.FrozenConfigDict, trained: Trained, params: Any, t: float
) -> list[float]:
    """Embeds a time as the network does, before the condition is added."""
    network = nnx.eval_shape(lambda: onestep.make_networks(config, trained.spec, 0)[0])
    merged = nnx.merge(nnx.graphdef(network), params)
    return np.asarray(merged.embed_time(jnp.full(1, t)))[0].tolist()


def read_kernels() -> bytes:
    """Returns the compiled kernels of the page."""
    return (pathlib.Path(__file__).parent / "browser" / "kernels.wasm").read_bytes()
