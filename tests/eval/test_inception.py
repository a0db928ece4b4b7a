"""The 2015 Inception network: its numbers, its independence of the batch, its ways in."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from emoji_gan.errors import UserError
from emoji_gan.runtime import mesh as mesh_lib
from eval.extractors import inception, inception_ops
from tests.parity import inception_parity
from tests.support import inception_stand_in

FIXTURE = str(pathlib.Path(__file__).parents[1] / "fixtures" / "inception_2015.npz")


@pytest.fixture(scope="module")
def weights():
    return inception_stand_in.make_weights(0)


@pytest.fixture(scope="module")
def images():
    return np.load(FIXTURE)["images"]


# ---- the parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1), (3, 3), (5, 5), (1, 7), (7, 1)])
@pytest.mark.parametrize("ci", [3, 18])
def test_cpu_forms_equal_plain_ones(size, ci):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 17, 8, ci)).astype(np.float32)
    w = rng.normal(size=(*size, ci, 5))
    conv = jax.jit(inception_ops.conv, static_argnums=(2, 3, 4))
    for stride, pad in ((1, (size[0] // 2, size[1] // 2)), (2, (0, 0))):
        if size == (1, 1) and stride == 2:
            continue
        results = [
            conv(x, inception_ops.kernel(w, stride, form), size, stride, pad)
            for form in ("cpu", "plain")
        ]
        assert results[0].shape == results[1].shape
        np.testing.assert_allclose(*results, atol=2e-5 * np.abs(results[1]).max())


def test_plain_form():
    """By hand: a correlation, zero padded."""
    x = np.random.default_rng(0).normal(size=(1, 5, 5, 2)).astype(np.float32)
    w = np.random.default_rng(1).normal(size=(3, 1, 2, 1))
    padded = np.pad(x[0], ((1, 1), (0, 0), (0, 0)))
    expected = [[(padded[i : i + 3, j] * w[:, 0, :, 0]).sum() for j in range(5)] for i in range(5)]
    output = inception_ops.conv(x, inception_ops.kernel(w, 1, "plain"), (3, 1), 1, (1, 0))
    np.testing.assert_allclose(output[0, :, :, 0], expected, atol=1e-5)


def windows(x, stride, pad):
    """The 3x3 windows of one image, NaN outside."""
    x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)), constant_values=np.nan)
    n = [(k - 3) // stride + 1 for k in x.shape[:2]]
    return [[x[i * stride :, j * stride :][:3, :3] for j in range(n[1])] for i in range(n[0])]


@pytest.mark.parametrize("extent", [(9, 7), (17, 17)])
def test_pools(extent):
    x = np.random.default_rng(0).normal(size=(2, *extent, 4)).astype(np.float32) - 3
    for stride, pad in ((2, 0), (1, 1)):
        expected = [
            [[np.nanmax(w, (0, 1)) for w in row] for row in windows(y, stride, pad)] for y in x
        ]
        np.testing.assert_array_equal(inception_ops.max_pool(x, stride, pad), expected)
    expected = [[[np.nanmean(w, (0, 1)) for w in row] for row in windows(y, 1, 1)] for y in x]
    np.testing.assert_allclose(inception_ops.average_pool(x), expected, rtol=1e-5)


# ---- the ways in ---------------------------------------------------------------------------------


def bilinear(image, at):
    """One output axis at a time, at the given input positions."""
    for axis in (0, 1):
        n = image.shape[axis]
        position = np.clip([at(i, n) for i in range(inception.SIZE)], 0, n - 1)
        low = np.floor(position).astype(int)
        high, weight = np.minimum(low + 1, n - 1), position - low
        weight = weight[:, None, None] if axis == 0 else weight[None, :, None]
        image = np.take(image, low, axis) * (1 - weight) + np.take(image, high, axis) * weight
    return image


@settings(max_examples=8, deadline=None)
@given(h=st.integers(1, 400), w=st.integers(1, 400), seed=st.integers(0, 9))
def test_resizing(h, w, seed):
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)
    expected = {
        "pytorch-fid": bilinear(
            image.astype(float), lambda i, n: (i + 0.5) * n / inception.SIZE - 0.5
        ),
        "tf1": bilinear(image.astype(float), lambda i, n: i * n / inception.SIZE),
        "clean-fid": np.stack(
            [
                Image.fromarray(image[..., c].astype(np.float32)).resize(
                    (299, 299), Image.Resampling.BICUBIC
                )
                for c in range(3)
            ],
            -1,
        ).clip(0, 255),
    }
    for pipeline, resized in expected.items():
        result = inception.resize(image[None], pipeline)
        assert result.shape == (1, 299, 299, 3) and result.dtype == jnp.float32
        np.testing.assert_allclose(result[0], resized, atol=0.02, err_msg=pipeline)


def test_ranges():
    edges = np.stack([np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)])
    for pipeline, limits in {
        "pytorch-fid": (-1, 1),
        "tf1": (-1, 127 / 128),
        "clean-fid": (-1, 127 / 128),
    }.items():
        x = inception.preprocess(edges, pipeline)
        np.testing.assert_allclose(
            x, np.broadcast_to(np.reshape(limits, (2, 1, 1, 1)), x.shape), atol=1e-6
        )
    with pytest.raises(
        UserError, match="pipeline 'pil': expected one of pytorch-fid, tf1, clean-fid"
    ):
        inception.preprocess(edges, "pil")


# ---- the network ---------------------------------------------------------------------------------


def test_weights_of_another_network_are_refused(weights):
    with pytest.raises(UserError, match=r"no fc\.bias: they are not of the 2015 Inception network"):
        inception.prepare({k: v for k, v in weights.items() if k != "fc.bias"})
    with pytest.raises(UserError, match=r"fc\.weight has shape \(1000, 2048\) in the weights"):
        inception.prepare(weights | {"fc.weight": np.zeros((1000, 2048), np.float32)})


@pytest.mark.slow
def test_parity(capsys, tmp_path):
    assert inception_parity.main([FIXTURE, "--seed=0"]) == 0
    printed = capsys.readouterr().out
    for name in (
        "pool3",
        "logits_nobias",
        "tf1_pool3",
        "clean_pool3",
        "block768_mean",
        "resize_probe_tf1_bilinear",
    ):
        assert f"{name} " in printed
    with np.load(FIXTURE) as f:
        shifted = {
            "images": f["images"],
            "block64_mean": f["block64_mean"] + 1e-3,
            "pool3": f["pool3"],
        }
    np.savez(tmp_path / "shifted.npz", **shifted)
    assert inception_parity.main([str(tmp_path / "shifted.npz"), "--seed=0"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "BEYOND" in line] == ["block64_mean"]


def test_parity_needs_a_fixture(capsys, tmp_path):
    np.savez(tmp_path / "a.npz", pool3=np.zeros((1, 2048)))
    assert inception_parity.main([str(tmp_path / "a.npz"), "--seed=0"]) == 2
    assert inception_parity.main([str(tmp_path / "b.npz"), "--seed=0"]) == 2
    assert capsys.readouterr().err.count("error: ") == 2


@pytest.mark.slow
def test_features_do_not_depend_on_the_batch_or_the_devices(weights, images):
    """The same bits alone, among others, at another place, and on any number of devices."""
    x = np.asarray(inception.preprocess(images, "tf1"))
    params = inception.prepare(weights)

    def features(x, devices):
        mesh = mesh_lib.make_mesh(jax.devices()[:devices])
        spec = jax.P(mesh_lib.AXIS)
        local = jax.shard_map(
            inception.apply, mesh=mesh, in_specs=(jax.P(), spec), out_specs=spec, check_vma=False
        )
        return np.asarray(jax.jit(local)(params, x)["pool3"])

    alone = features(x[5:6], 1)
    assert np.isfinite(alone).all() and alone.shape == (1, 2048)
    order = np.random.default_rng(0).permutation(np.arange(22) % 8)
    among = features(x[order], 2)
    for i in range(8):
        np.testing.assert_array_equal(
            among[order == i], among[order == i][:1].repeat((order == i).sum(), 0)
        )
    np.testing.assert_array_equal(among[order == 5][:1], alone)
