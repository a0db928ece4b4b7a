"""Weights of the official layout: read whatever wrote them, run nothing they contain."""

import collections
import io
import math
import os
import pathlib
import pickle
import sys
import types
import zipfile

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from emoji_gan.errors import UserError
from emoji_gan.trained import official_weights

KINDS = {"f4": "FloatStorage", "f2": "HalfStorage", "i8": "LongStorage", "u1": "ByteStorage"}
NAMES = ["fc.weight", "b4.fc.weight", "fc.bias", "conv.weight", "const", "torgb.affine.weight"]


class Storage:
    """What torch pickles as a persistent id; `array` is flat."""

    def __init__(self, array):
        self.array = array


class Tensor:
    """Pickles as torch's tensors do."""

    def __init__(self, array, size=None, stride=None, offset=0):
        self.storage, self.offset = Storage(array.ravel()), offset
        self.size = array.shape if size is None else size
        self.stride = (
            tuple(s // array.itemsize for s in array.strides) if stride is None else stride
        )

    def __reduce_ex__(self, protocol):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (
            self.storage,
            self.offset,
            self.size,
            self.stride,
            False,
            collections.OrderedDict(),
        )


class Saver(pickle.Pickler):
    """torch.save's pickler."""

    def __init__(self, file):
        super().__init__(file, protocol=2)
        self.storages = []

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        self.storages.append(obj.array)
        kind = getattr(sys.modules["torch"], KINDS[obj.array.dtype.str[1:]])
        return "storage", kind, str(len(self.storages) - 1), "cpu", obj.array.size


@pytest.fixture(scope="module")
def torch():
    """So much of torch as pickling names."""
    package, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2():
        raise AssertionError("the reader must not call torch")

    for name in KINDS.values():
        setattr(package, name, type(name, (), {"__module__": "torch"}))
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = (
        "torch._utils",
        "_rebuild_tensor_v2",
    )
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch", package)
        patch.setitem(sys.modules, "torch._utils", utils)
        yield


def save(path, tree, *, change=lambda files: None):
    """Writes `tree` as torch.save does; `change` may alter name -> bytes before they are zipped."""
    file = io.BytesIO()
    saver = Saver(file)
    saver.dump(tree)
    files = {"data.pkl": file.getvalue(), "version": b"3\n"}
    files |= {f"data/{i}": array.tobytes() for i, array in enumerate(saver.storages)}
    change(files)
    with zipfile.ZipFile(path, "w") as z:
        for name, data in files.items():
            z.writestr(f"archive/{name}", data)
    return str(path)


def refused(path, message=""):
    with pytest.raises(UserError) as e:
        official_weights.read(str(path))
    assert message in str(e.value), e.value
    return str(e.value)


TENSORS = {
    "G.synthesis.b4.const": np.arange(2 * 4 * 4, dtype=np.float32).reshape(2, 4, 4),
    "G.mapping.fc0.weight": np.linspace(-1, 1, 6, dtype=np.float16).reshape(3, 2),
    "G.mapping.w_avg": np.zeros((0,), np.float32),
    "G.scalar": np.array(7, np.float32),
}


def assert_same(tensors, expected=TENSORS):
    assert tensors.keys() == expected.keys()
    for name, value in expected.items():
        assert tensors[name].dtype == value.dtype
        np.testing.assert_array_equal(tensors[name], value)


def test_pth(tmp_path, torch):
    tree = collections.OrderedDict((k, Tensor(v)) for k, v in TENSORS.items())
    tree._metadata = collections.OrderedDict({"": {"version": 1}})  # as a module's state dict has
    assert_same(official_weights.read(save(tmp_path / "a.pth", tree)))
    # A training script's file: networks one level down, a step counter beside them, views of one
    # storage.
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    nested = {
        "step": 5,
        "G": {"t": Tensor(matrix, (4, 3), (1, 4)), "row": Tensor(matrix, (4,), (1,), 8)},
    }
    tensors = official_weights.read(save(tmp_path / "b.pt", nested))
    assert_same(tensors, {"G.t": matrix.T, "G.row": matrix[2]})


def test_safetensors_and_npz(tmp_path):
    save_file(TENSORS, tmp_path / "a.safetensors")
    assert_same(official_weights.read(str(tmp_path / "a.safetensors")))
    np.savez(tmp_path / "a.npz", **TENSORS)
    assert_same(official_weights.read(str(tmp_path / "a.npz")))


class Harmful:
    """Unpickling it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_is_refused_and_not_run(tmp_path, torch):
    mark = tmp_path / "executed"
    line = refused(
        save(tmp_path / "a.pth", {"w": Harmful(mark)}), ".mkdir; only tensors are read, never code"
    )
    assert "\n" not in line and not mark.exists()
    np.savez(tmp_path / "a.npz", w=np.array([Harmful(mark)], object))
    refused(tmp_path / "a.npz", "allow_pickle")
    assert not mark.exists()
    eval_ = b"c__builtin__\neval\n(S'1'\ntR."
    refused(save(tmp_path / "b.pth", {}, change=lambda f: f.update({"data.pkl": eval_})), "eval")


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (Tensor(np.zeros(4, np.float32), (3,), (2,)), "reaches beyond its storage"),
        (Tensor(np.zeros(4, np.float32), (2,), (1,), 3), "reaches beyond its storage"),
        (Tensor(np.zeros(4, np.float32), (2,), (-1,), 3), "impossible sizes"),
        (Tensor(np.zeros(4, np.float32), (2,), (1,), -1), "impossible sizes"),
        (Tensor(np.zeros(4, np.float32), (10**6, 10**7), (0, 0)), "more elements than its storage"),
        (Tensor(np.zeros(4, np.float32), (2, 2), (1,)), "impossible sizes"),
    ],
)
def test_impossible_tensors_are_refused(tmp_path, torch, tensor, message):
    refused(save(tmp_path / "a.pth", {"w": tensor}), message)


def test_damaged_files_are_refused(tmp_path, torch):
    tree = {"w": Tensor(np.ones((4, 3), np.float32))}

    def written(change):
        return save(tmp_path / "a.pth", tree, change=change)

    refused(written(lambda f: f.pop("data.pkl")), "not a zip-format PyTorch file")
    refused(written(lambda f: f.pop("data/0")), "cannot read weights from ")
    refused(written(lambda f: f.update({"data/0": b"short"})), "storage 0 has 5 bytes")
    refused(
        written(lambda f: f.update({"data.pkl": f["data.pkl"][:-5]})), "cannot read weights from "
    )
    refused(
        written(lambda f: f.update({"data.pkl": b"\x80\x02}r\xff\xff\xff\xff."})),
        "a damaged pickle",
    )
    whole = pathlib.Path(written(lambda f: None)).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "cut.pth", "cannot read weights from ")
    refused(tmp_path / "absent.pth", "no weights at ")
    refused(tmp_path, "no weights at ")
    (tmp_path / "weights.bin").write_bytes(whole)
    refused(tmp_path / "weights.bin", "unknown kind of file; expected .safetensors")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    suffix=st.sampled_from([".safetensors", ".pth", ".npz"]),
    cut=st.integers(0, 400),
    noise=st.binary(max_size=30),
    whole=st.booleans(),
)
def test_any_bytes_are_read_or_refused(tmp_path, torch, suffix, cut, noise, whole):
    """Noise in place of some bytes of a good file, or noise alone."""
    path = tmp_path / f"a{suffix}"
    small = {"w": np.arange(3, dtype=np.float32)}
    {".safetensors": save_file, ".npz": lambda t, p: np.savez(p, **t)}.get(
        suffix, lambda t, p: save(p, {k: Tensor(v) for k, v in t.items()})
    )(small, path)
    good = path.read_bytes()
    path.write_bytes(good[:cut] + noise + good[cut + len(noise) :] if whole else noise)
    try:
        tensors = official_weights.read(str(path))
    except UserError as e:
        assert str(e)
    else:
        assert all(isinstance(v, np.ndarray) for v in tensors.values())


@given(data=st.data(), name=st.sampled_from(NAMES), ndim=st.integers(0, 4))
def test_axis_order_goes_there_and_back(data, name, ndim):
    shape = data.draw(st.lists(st.integers(1, 5), min_size=ndim, max_size=ndim))
    if name.endswith("fc.weight"):
        shape = [3, 16 * 2]  # c * 4 * 4 features
    official = np.arange(math.prod(shape)).reshape(shape)
    ours = official_weights.from_official(name, official)
    assert sorted(ours.shape) == sorted(official.shape)
    back = official_weights.to_official(name, ours)
    np.testing.assert_array_equal(back, official)


def test_axis_order():
    conv = np.zeros((5, 4, 3, 2))  # o i h w
    assert official_weights.from_official("b8.conv0.weight", conv).shape == (3, 2, 4, 5)  # h w i o
    official = np.arange(2 * 3 * 16).reshape(2, 3 * 16)  # o (c h w)
    ours = official_weights.from_official("b4.fc.weight", official)  # (h w c) o
    features = np.random.default_rng(0).normal(size=(3, 4, 4))  # c h w
    np.testing.assert_allclose(
        features.transpose(1, 2, 0).ravel() @ ours, official @ features.ravel()
    )


def network():
    rng = np.random.default_rng(0)
    return {
        "mapping": {"fc0": {"weight": rng.normal(size=(2, 3)), "bias": rng.normal(size=(3,))}},
        "synthesis": {"b4": {"const": rng.normal(size=(4, 4, 2))}},
        "fc": {"weight": rng.normal(size=(32, 2))},
        "w_avg": rng.normal(size=(3,)),
    }


def test_load_into_takes_all_or_nothing():
    tree = network()
    tensors = official_weights.to_tensors(tree, "G.")
    assert {k: v.shape for k, v in tensors.items()} == {
        "G.mapping.fc0.weight": (3, 2),
        "G.mapping.fc0.bias": (3,),
        "G.synthesis.b4.const": (2, 4, 4),
        "G.mapping.w_avg": (3,),
        "G.fc.weight": (2, 32),
    }
    zeros = jax.tree.map(np.zeros_like, tree)
    constants = {
        "G.synthesis.b8.resample_filter": np.ones((4, 4)),
        "D.b4.out.weight": np.ones((1, 2)),
    }
    loaded = official_weights.load_into(zeros, tensors | constants, "G.")
    jax.tree.map(np.testing.assert_array_equal, loaded, tree)

    def fails(change, message):
        with pytest.raises(UserError, match=message):
            official_weights.load_into(
                zeros, {k: v for k, v in (tensors | change).items() if v is not None}, "G."
            )

    fails({"G.mapping.fc0.bias": None}, "the weights have no G.mapping.fc0.bias")
    fails(
        {"G.mapping.fc0.bias": np.ones(4)},
        r"fc0.bias has shape \(4,\) in the weights, \(3,\) in the network",
    )
    fails({"G.mapping.fc0.weight": np.ones((2, 3))}, "fc0.weight has shape")
    fails(
        {"G.fc.weight": np.ones(5)},
        r"G.fc.weight has shape \(5,\) in the weights, \(2, 32\) in the network",
    )
    fails(
        {"G.mapping.fc1.weight": np.ones((3, 3))},
        r"no layer takes G.mapping.fc1.weight \(and 0 more\)",
    )
