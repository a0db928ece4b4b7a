"""Weights of the 2015 network: located, checked, read from every format, or refused in a line."""

import collections
import io
import pathlib
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from emoji_gan.errors import UserError
from eval.extractors import inception, inception_weights, legacy_pth
from tests.emoji_gan.trained.test_official_weights import (  # noqa: F401 (torch is a fixture)
    Harmful,
    Saver,
    Tensor,
    save,
    torch,
)
from tests.support import inception_stand_in

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


class LegacySaver(Saver):
    """The pickler of torch.save before the zip format: a storage's id has a sixth part."""

    def persistent_id(self, obj):
        location = super().persistent_id(obj)
        return location and (*location, None)


def save_legacy(path, tree):
    body = io.BytesIO()
    saver = LegacySaver(body)
    saver.dump(tree)
    keys = [str(i) for i in range(len(saver.storages))]
    heads = [pickle.dumps(v, 2) for v in (MAGIC, VERSION, {"little_endian": True})]
    storages = b"".join(a.size.to_bytes(8, "little") + a.tobytes() for a in saver.storages)
    pathlib.Path(path).write_bytes(
        b"".join(heads) + body.getvalue() + pickle.dumps(keys, 2) + storages
    )
    return str(path)


def save_graph(path, tensors):
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef()
    for ours, theirs in inception_weights.graph_names().items():
        value = tensors[ours]
        value = value.transpose({4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[value.ndim])
        node = graph.node.add(name=theirs, op="Const")
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    graph.node.add(name="pool_3", op="AvgPool")
    path.write_bytes(graph.SerializeToString())
    return str(path)


def state_dict_of(tensors):
    """As a module's: in order, with counters and an attribute."""
    tree = collections.OrderedDict()
    for name, value in tensors.items():
        tree[name] = Tensor(value)
        if name.endswith("running_var"):
            tree[name.replace("running_var", "num_batches_tracked")] = Tensor(np.array(0, np.int64))
    tree._metadata = collections.OrderedDict({"": {"version": 1}})
    return tree


@pytest.fixture
def small(monkeypatch):
    """A network of three convolutions in place of the whole."""
    convs = {
        "Conv2d_1a_3x3": (4, 3, 3, 3),
        "Mixed_5b.branch1x1": (2, 4, 1, 1),
        "Mixed_5b.branch5x5_2": (3, 4, 5, 5),
    }
    monkeypatch.setattr(inception, "CONVS", convs)
    monkeypatch.setattr(inception, "FC", (6, 5))
    monkeypatch.setattr(inception, "prepare", lambda tensors: tensors)
    return inception_stand_in.make_weights(0)


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.delenv(inception_weights.VARIABLE, raising=False)
    return inception_weights.cache_directory()


def official(monkeypatch, path, name=inception_weights.PTH):
    """Makes the file at `path` the known one."""
    like = inception_weights.OFFICIAL[name]
    data = pathlib.Path(path).read_bytes()
    monkeypatch.setitem(inception_weights.OFFICIAL, name, inception_weights._hash(data, like))


def assert_same(tensors, expected):
    assert tensors.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(tensors[name], value)


def refused(call, *parts):
    with pytest.raises(UserError) as e:
        call()
    assert "\n" not in str(e.value)
    for part in parts:
        assert part in str(e.value), e.value


def test_the_stand_in_is_the_known_one():
    digest = inception_weights.content_hash(inception_stand_in.make_weights(0))
    assert digest == "08ccecb33ad3da197b4793e88ccb0d5d286976428d9360bf4d8ea8e5576194f0"


def test_every_kind_of_file(small, torch, tmp_path, monkeypatch):  # noqa: F811
    legacy = save_legacy(tmp_path / "a.pth", state_dict_of(small))
    official(monkeypatch, legacy)
    tensors, weights_hash = inception_weights.load(legacy)
    assert_same(tensors, small)
    assert weights_hash == inception_weights.OFFICIAL[inception_weights.PTH]
    assert inception_weights.is_official(weights_hash)

    inception_weights.save_safetensors(tmp_path / "b.safetensors", tensors, weights_hash)
    again, same_hash = inception_weights.load(str(tmp_path / "b.safetensors"))
    assert_same(again, small)
    assert same_hash == weights_hash

    graph = save_graph(tmp_path / "c.pb", small)
    refused(lambda: inception_weights.load(graph), "c.pb has the hash sha256:", "not md5:e6bb154e")
    official(monkeypatch, graph, inception_weights.PB)
    tensors, weights_hash = inception_weights.load(graph)
    assert_same(tensors, small)
    assert weights_hash.startswith("md5:") and inception_weights.is_official(weights_hash)


def test_another_hash(small, torch, tmp_path):  # noqa: F811
    path = save_legacy(tmp_path / "a.pth", state_dict_of(small))
    digest = "sha256:6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
    refused(lambda: inception_weights.load(path), f"{path} has the hash sha256:", f"not {digest}")
    tensors, weights_hash = inception_weights.load(path, any_weights=True)
    assert_same(tensors, small)
    assert not inception_weights.is_official(weights_hash)
    # A converted file whose bytes have changed since is not its source any more.
    inception_weights.save_safetensors(tmp_path / "b.safetensors", tensors, digest)
    data = bytearray((tmp_path / "b.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "b.safetensors").write_bytes(data)
    refused(
        lambda: inception_weights.load(str(tmp_path / "b.safetensors")),
        "b.safetensors has the hash sha256:",
    )
    save_file(tensors, tmp_path / "c.safetensors")
    refused(
        lambda: inception_weights.load(str(tmp_path / "c.safetensors")),
        "c.safetensors has the hash sha256:",
    )


def test_where_weights_are_found(small, torch, tmp_path, monkeypatch, empty_cache):  # noqa: F811
    refused(
        inception_weights.load,
        "weights of the 2015 Inception network are missing",
        "pt_inception-2015-12-05-6726825d.pth (sha256 6726825d0af5f729",
        str(empty_cache),
        "EMOJI_GAN_INCEPTION",
        "--download_weights",
        "https://github.com/mseitzer/pytorch-fid/releases/",
    )

    def put(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_legacy(path, state_dict_of(small))
        assert inception_weights.find() == path

    put(tmp_path / "cache/torch/hub/checkpoints" / inception_weights.PTH)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    put(tmp_path / "torch/hub/checkpoints" / inception_weights.PTH)
    put(empty_cache / inception_weights.PTH)
    put(empty_cache / inception_weights.SAFETENSORS)
    monkeypatch.setenv(inception_weights.VARIABLE, str(tmp_path / "named.pth"))
    refused(
        inception_weights.load,
        f"no Inception weights at {tmp_path}/named.pth (from EMOJI_GAN_INCEPTION)",
    )
    put(tmp_path / "named.pth")
    assert (
        inception_weights.find(str(tmp_path / "cache/emoji_gan" / inception_weights.PTH)).parent
        == empty_cache
    )
    refused(
        lambda: inception_weights.load(str(tmp_path / "absent.pth")),
        "absent.pth; wanted: pt_inception",
    )


def test_download(small, torch, tmp_path, monkeypatch, empty_cache):  # noqa: F811
    source = pathlib.Path(save_legacy(tmp_path / "source.pth", state_dict_of(small)))
    monkeypatch.setattr(inception_weights, "URL", source.as_uri())
    refused(inception_weights.load, "are missing")
    refused(
        lambda: inception_weights.load(download=True), "has the hash sha256:", "nothing was kept"
    )
    assert list(empty_cache.iterdir()) == []
    official(monkeypatch, source)
    tensors, _ = inception_weights.load(download=True)
    assert_same(tensors, small)
    assert [p.name for p in empty_cache.iterdir()] == [inception_weights.PTH]
    (empty_cache / inception_weights.PTH).unlink()
    source.unlink()
    refused(lambda: inception_weights.load(download=True), "cannot download", "No such file")
    assert list(empty_cache.iterdir()) == []


def test_other_networks(small, torch, tmp_path):  # noqa: F811
    def written(change, write=save_legacy):
        return write(
            tmp_path / "a.pth",
            state_dict_of({k: v for k, v in (small | change).items() if v is not None}),
        )

    def read(path):
        return lambda: inception_weights.load(path, any_weights=True)

    refused(read(written({"fc.bias": None})), "a.pth: the weights have no fc.bias")
    refused(
        read(written({"fc.bias": np.zeros(7, np.float32)})),
        "fc.bias has shape (7,) in the weights, (6,)",
    )
    refused(
        read(written({"AuxLogits.fc.bias": np.zeros(7, np.float32)})),
        "it has AuxLogits.fc.bias (and 0 more)",
    )
    graph = pathlib.Path(save_graph(tmp_path / "a.pb", small))
    whole = graph.read_bytes()
    graph.write_bytes(whole.replace(b"softmax/biases", b"softmax/Biases"))
    refused(read(str(graph)), "the graph has no constant softmax/biases")
    graph.write_bytes(whole[:-40])
    refused(read(str(graph)), "cannot read weights from", "a.pb")


def test_code_is_refused_and_not_run(torch, tmp_path):  # noqa: F811
    mark = tmp_path / "executed"
    refused(
        lambda: inception_weights.read(save_legacy(tmp_path / "a.pth", {"w": Harmful(mark)})),
        ".mkdir; only tensors are read, never code",
    )
    assert not mark.exists()


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (Tensor(np.zeros(4, np.float32), (3,), (2,)), "reaches beyond its storage"),
        (Tensor(np.zeros(4, np.float32), (2,), (-1,), 3), "impossible sizes"),
        (Tensor(np.zeros(4, np.float32), (10**6, 10**7), (0, 0)), "more elements than its storage"),
    ],
)
def test_impossible_tensors_are_refused(tmp_path, torch, tensor, message):  # noqa: F811
    refused(lambda: inception_weights.read(save_legacy(tmp_path / "a.pth", {"w": tensor})), message)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(0, 400), noise=st.binary(max_size=30), whole=st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path, torch, cut, noise, whole):  # noqa: F811
    """Noise in place of some bytes of a good file, or its first bytes alone."""
    path = pathlib.Path(
        save_legacy(tmp_path / "a.pth", {"w": Tensor(np.arange(3, dtype=np.float32))})
    )
    good = path.read_bytes()
    assert legacy_pth.is_legacy(good)
    path.write_bytes(good[:cut] + noise + good[cut + len(noise) :] if whole else good[:cut])
    refused(lambda: inception_weights.read(path))
