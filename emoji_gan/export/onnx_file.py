"""Writes a generator as ONNX, and runs it against JAX; needs requirements-export*.txt.

A generator takes latents, and a condition where it has one, and returns straight-alpha RGBA in
[0, 1]; a flow or a masked transformer is its network alone, which the caller's loop calls. The
batch is fixed. One metadata entry, 'emoji_gan', describes the inputs as JSON.
"""

import argparse
import contextlib
import dataclasses
import json
import types
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from emoji_gan import conditions, images, methods
from emoji_gan.errors import UserError
from emoji_gan.export import out_file
from emoji_gan.methods import flow, masked
from emoji_gan.methods.base import Generator, Latents
from emoji_gan.ops import convolution
from emoji_gan.trained.source import Trained, open_trained

SUFFIX = ".onnx"
_OPSET = 21  # onnxruntime 1.20 and onnxruntime-web 1.20, and later
_LARGEST_DEVIATION = 1e-3  # of numbers in [0, 1], or of a velocity, whose size is about 1
_KEY = "emoji_gan"


@dataclasses.dataclass(frozen=True)
class _Graph:
    """Holds what is exported.

    Attributes:
      function: of the inputs in their order.
      inputs: shape by name; a scalar has none.
      examples: arrays by name, as they really occur.
      output: its name.
    """

    function: Callable[..., jax.Array]
    inputs: dict[str, tuple[int, ...]]
    examples: dict[str, np.ndarray]
    output: str


def add_arguments(p: argparse._ArgumentGroup) -> None:
    """Adds the target's flags."""
    p.add_argument("--batch", type=int, default=1, help="images a call; the file draws no other")


def run(a: argparse.Namespace) -> int:
    """Writes the file if onnxruntime draws by it what JAX draws."""
    if not 1 <= a.batch <= 1024:
        raise UserError(f"--batch={a.batch}: expected 1 to 1024")
    data, deviation = converted(open_trained(a.model, a.step), a.batch)
    print(f"onnxruntime differs from JAX by {deviation:.1e} at most")
    return out_file.write(a.out, data)


def converted(trained: Trained, batch: int) -> tuple[bytes, float]:
    """Converts a stored generator.

    Returns:
      The file, and the largest absolute deviation of onnxruntime from JAX.

    Raises:
      UserError: jax2onnx, onnx or onnxruntime is missing, the method draws from pictures, or the
        file does not compute what JAX does.
    """
    graph = _graph_of(trained, batch)
    jax2onnx, onnx, onnxruntime = _packages()
    with convolution.forms("plain"), _jax_kept():
        model = jax2onnx.to_onnx(
            graph.function,
            [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in graph.inputs.values()],
            model_name="emoji_gan",
            opset=_OPSET,
            input_names=list(graph.inputs),
            output_names=[graph.output],
        )
        expected = np.asarray(jax.jit(graph.function)(*graph.examples.values()))
    # Shapes between layers: those after a batch norm can be wrong, and onnxruntime-web then refuses
    # the file. Runtimes compute them anew.
    del model.graph.value_info[:]
    onnx.helper.set_model_props(model, {_KEY: json.dumps(_described(trained, graph))})
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString(deterministic=True)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (drawn,) = session.run([graph.output], graph.examples)
    deviation = float(np.abs(drawn - expected).max())
    if not deviation <= _LARGEST_DEVIATION:
        raise UserError(
            f"{trained.path}: onnxruntime {onnxruntime.__version__} differs from JAX by "
            f"{deviation:.1e}; nothing was written: try the versions of requirements-export.txt"
        )
    return data, deviation


@contextlib.contextmanager
def _jax_kept() -> Iterator[None]:
    """Gives `jax.numpy` its functions back: the converter leaves a `cumsum` of its own behind."""
    functions = dict(vars(jnp))
    try:
        yield
    finally:
        for name, function in functions.items():
            setattr(jnp, name, function)


def _packages() -> tuple[types.ModuleType, types.ModuleType, types.ModuleType]:
    try:
        import jax2onnx
        import onnx
        import onnxruntime
    except ImportError as e:
        raise UserError(
            f"--onnx needs {e.name or 'jax2onnx'}: pip install -r requirements-export.txt; "
            "pip install --no-deps -r requirements-export-no-deps.txt"
        ) from e
    return jax2onnx, onnx, onnxruntime


def _graph_of(trained: Trained, batch: int) -> _Graph:
    config = ml_collections.FrozenConfigDict(trained.config)
    generator = methods.load(config.method).generator(config, trained.spec)
    if generator.latents is None:
        raise UserError(
            f"{trained.path}: a model of {config.method!r} draws from pictures; --onnx writes "
            f"those that draw by themselves: {', '.join(methods.METHODS)}"
        )
    # Arrays of JAX are written once, however often a network is called; numpy's, each time.
    params = jax.tree.map(jnp.asarray, trained.fields(generator.fields))
    if config.method == "flow":
        return _flow_network(config, trained.spec, params["v_ema"], batch)
    if config.method == "masked":
        return _masked_network(config, trained.spec, params["v_ema"], batch)
    return _whole_generator(generator, trained.spec, params, batch)


def _flow_network(config: Any, spec: conditions.Spec, params: Any, batch: int) -> _Graph:
    """Returns the network of a flow: an image on the way and a time to the velocity there."""
    velocity = flow.velocity_function(config, spec)
    shape = (batch, config.data.resolution, config.data.resolution, 4)
    rng = np.random.default_rng(0)
    examples = {
        "x": rng.standard_normal(shape, np.float32),
        "t": rng.uniform(0, 0.9, batch).astype(np.float32),
    }
    examples |= _example_condition(spec, batch)

    def function(x: jax.Array, t: jax.Array, condition: jax.Array | None = None) -> jax.Array:
        return velocity(params, x, t, condition)

    return _Graph(function, {k: v.shape for k, v in examples.items()}, examples, "velocity")


def _masked_network(config: Any, spec: conditions.Spec, params: Any, batch: int) -> _Graph:
    """Returns the network of a masked transformer: numbers of colours, as f32, to logits."""
    colours, px = len(config.model.palette), config.data.resolution
    tokens = np.random.default_rng(0).integers(0, colours + 1, (batch, px, px))
    examples = {"tokens": tokens.astype(np.float32)} | _example_condition(spec, batch)
    logits_of = masked.logits_function(config, spec)

    def function(tokens: jax.Array, condition: jax.Array | None = None) -> jax.Array:
        return logits_of(params, tokens.astype(jnp.int32), condition)

    return _Graph(function, {k: v.shape for k, v in examples.items()}, examples, "logits")


def _whole_generator(
    generator: Generator, spec: conditions.Spec, params: Any, batch: int
) -> _Graph:
    """Returns a generator from latents to straight-alpha RGBA in [0, 1]."""
    kind, shape = next(iter(generator.shapes.items()))
    examples = {kind: np.random.default_rng(0).standard_normal((batch, *shape), np.float32)}
    # Only a latent that is mapped carries psi to the mapping; others are scaled by the caller.
    is_mapped = len(generator.shapes) > 1
    if is_mapped:
        examples["truncation"] = np.full(batch, 0.7, np.float32)
    examples |= _example_condition(spec, batch)

    def function(values: jax.Array, *others: jax.Array) -> jax.Array:
        named = dict(zip(list(examples)[1:], others, strict=True))
        latents = Latents(values, named.get("truncation", jnp.float32(1)), kind)
        encoded = {conditions.VECTOR: named["condition"]} if spec.dim else {}
        return images.to_straight(generator.draw(params, latents, encoded)) / 255

    return _Graph(function, {k: v.shape for k, v in examples.items()}, examples, "rgba")


def _example_condition(spec: conditions.Spec, batch: int) -> dict[str, np.ndarray]:
    if not spec.dim:
        return {}
    condition = spec.none(batch) | {name: np.zeros(batch, np.int32) for name, _ in spec.classes}
    return {"condition": np.asarray(conditions.encode(spec, condition))}


def _described(trained: Trained, graph: _Graph) -> dict[str, Any]:
    """Describes the file to whoever calls it."""
    return {
        "method": trained.config["method"],
        "inputs": {name: list(shape) for name, shape in graph.inputs.items()},
        "output": graph.output,
        "condition": trained.spec.to_json(),
        "data": [source.partition("=")[0] for source in trained.config["data"]["sources"]],
        "checkpoint_sha256": trained.digest,
        "config_sha256": trained.config_hash,
    }
