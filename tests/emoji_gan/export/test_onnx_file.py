"""ONNX files: they draw what JAX draws, whatever the method, and say what they are."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emoji_gan import conditions, methods
from emoji_gan.errors import UserError
from emoji_gan.export import onnx_file
from emoji_gan.trained import model_file
from emoji_gan.trained.restorer import SHIPPED_RESTORER
from emoji_gan.trained.source import open_trained
from tests.emoji_gan.methods.test_methods import tiny_config

SPEC = conditions.Spec((("group", ("a", "b")),), 4, "of no encoder")
EXTRA = "requirements-export.txt and requirements-export-no-deps.txt are not installed"


def stored(path, method, spec=SPEC, changes=None, scale=0.1):
    """Writes a model file of a tiny generator, all of whose weights take part."""
    changes = ({"data.conditions": spec.names} if spec.dim else {}) | (changes or {})
    config = methods.resolve(tiny_config(method, **changes), 1)
    module = methods.load(method)
    state = module.init(config, spec, 0)
    rng = np.random.default_rng(0)
    fields = {
        name: jax.tree.map(
            lambda x: x + scale * np.abs(rng.standard_normal(x.shape, np.float32)),
            getattr(state, name),
        )
        for name in module.generator(config, spec).fields
    }
    model_file.write(
        path,
        fields,
        config=json.loads(config.to_json()),
        spec=spec,
        step=1,
        kimg_before=0.0,
        digest="",
        licence="",
    )
    return open_trained(str(path))


@pytest.mark.parametrize("method", ["dcgan", pytest.param("flow", marks=pytest.mark.slow)])
def test_a_generator_is_the_same_in_onnxruntime(method, tmp_path):
    exports_like_jax(method, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted({*methods.METHODS} - {"dcgan", "flow"}))
def test_every_generator_is_the_same_in_onnxruntime(method, tmp_path):
    exports_like_jax(method, tmp_path)


def exports_like_jax(method, tmp_path):
    onnx = pytest.importorskip("onnx", reason=EXTRA)
    pytest.importorskip("jax2onnx", reason=EXTRA)
    pytest.importorskip("onnxruntime", reason=EXTRA)
    trained = stored(tmp_path / "model.safetensors", method)
    functions = dict(vars(jnp))
    data, deviation = onnx_file.converted(trained, 2)
    assert deviation < 1e-4
    assert [
        n for n, f in functions.items() if getattr(jnp, n) is not f
    ] == []  # JAX stays as it was
    model = onnx.load_from_string(data)
    described = json.loads(model.metadata_props[0].value)
    inputs = {
        x.name: [d.dim_value for d in x.type.tensor_type.shape.dim] for x in model.graph.input
    }
    assert described["inputs"] == inputs and inputs["condition"] == [2, 6]
    assert described["method"] == method and described["condition"] == SPEC.to_json()
    assert not model.graph.value_info
    assert str(tmp_path).encode() not in data and __file__.encode() not in data


def test_a_method_that_draws_from_pictures_is_refused():
    with pytest.raises(UserError, match="draws from pictures"):
        onnx_file.converted(open_trained(str(SHIPPED_RESTORER)), 1)


def test_a_deviation_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("jax2onnx", reason=EXTRA)
    monkeypatch.setattr(onnx_file, "_LARGEST_DEVIATION", -1.0)
    trained = stored(tmp_path / "model.safetensors", "dcgan", conditions.NONE)
    with pytest.raises(UserError, match="differs from JAX by"):
        onnx_file.converted(dataclasses.replace(trained, path="this model"), 1)
