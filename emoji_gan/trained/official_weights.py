"""Reads network weights in the layout of the official PyTorch code, without executing anything they contain.

The networks of this project carry the official sub-module names; what differs is the order of axes.
"""

import collections
import io
import math
import pathlib
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from emoji_gan.errors import UserError

_MAX_BYTES = 4 << 30  # of one file, and of all that it unpacks to
_MAX_ENTRIES = (
    1_000_000  # of all dicts in a file; a few bytes can put a dict twice into the next, and so on
)
_MAX_PICKLE_BYTES = 64 << 20
_STORAGES = {
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "DoubleStorage": np.float64,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "BoolStorage": np.bool_,
    "ByteStorage": np.uint8,
}
_FIXED = (
    ".resample_filter",
    ".Resampler.Kernel",
)  # constants of the official code that the networks here have built in


def read(path: str) -> dict[str, np.ndarray]:
    """Returns the tensors of a .safetensors, .pth/.pt (zip format) or .npz file by name.

    Raises:
      UserError: an unreadable or damaged file, or a pickle that asks for anything but tensors.
    """
    p = pathlib.Path(path)
    try:
        if not p.is_file():
            raise UserError(
                f"no weights at {path}: give the path of a .safetensors, .pth, .pt or .npz file"
            )
        if p.stat().st_size > _MAX_BYTES:
            raise UserError(
                f"{path} is larger than {_MAX_BYTES >> 30} GiB: not a state dict of these networks"
            )
        if p.suffix == ".safetensors":
            from safetensors.numpy import load_file  # not needed for the other kinds

            return dict(load_file(path))
        if p.suffix == ".npz":
            with zipfile.ZipFile(path) as z:
                _check_size(sum(i.file_size for i in z.infolist()))
            with np.load(path, allow_pickle=False) as f:
                return {k: f[k] for k in f.files}
        if p.suffix in (".pth", ".pt"):
            return _flatten(_read_pth(path))
    except UserError:
        raise
    except Exception as e:  # any reader may fail in its own way on a damaged file
        raise UserError(f"cannot read weights from {path}: {type(e).__name__}: {e}") from e
    raise UserError(f"{path}: unknown kind of file; expected .safetensors, .pth, .pt or .npz")


def _check_size(size: int) -> None:
    if size > _MAX_BYTES:
        raise UserError(
            f"the file unpacks to more than {_MAX_BYTES >> 30} GiB: not a state dict of these networks"
        )


def _flatten(tree: Any) -> dict[str, np.ndarray]:
    out, seen = {}, 0

    def walk(tree: Any, prefix: str) -> None:
        nonlocal seen
        seen += 1
        if seen > _MAX_ENTRIES:
            raise UserError(f"the file has more than {_MAX_ENTRIES:,} entries: not a state dict")
        if isinstance(tree, np.ndarray):
            out[prefix[:-1]] = tree
        elif isinstance(tree, dict):  # beside step counters and the like
            for k, v in tree.items():
                walk(v, f"{prefix}{k}.")

    walk(tree, "")
    return out


def _read_pth(path: str) -> Any:
    with zipfile.ZipFile(path) as z:
        _check_size(sum(i.file_size for i in z.infolist()))
        names = {n.split("/", 1)[-1]: n for n in z.namelist()}
        if "data.pkl" not in names:
            raise UserError(
                f"{path} is not a zip-format PyTorch file; save it again with torch.save"
            )

        def storage(kind, key, size):
            dtype = np.dtype(_STORAGES[kind])
            info = z.getinfo(names[f"data/{key}"])
            if info.file_size != size * dtype.itemsize:
                raise UserError(
                    f"{path}: storage {key} has {info.file_size} bytes where its header says otherwise"
                )
            return np.frombuffer(z.read(info), dtype)

        pickled = z.getinfo(names["data.pkl"])
        if pickled.file_size > _MAX_PICKLE_BYTES:
            raise UserError(
                f"{path}: its table of tensors has {pickled.file_size} bytes: not a state dict"
            )
        data = z.read(pickled)
        # Five bytes can ask for a memo of 2^32 places, and pickle would fill them with zeros.
        if any(
            "PUT" in op.name and int(arg) > len(data) for op, arg, _ in pickletools.genops(data)
        ):
            raise UserError(f"{path}: a damaged pickle")
        return _TensorUnpickler(io.BytesIO(data), storage).load()


def _rebuild(storage, offset, size, stride, *_):
    if len(size) != len(stride) or any(s < 0 for s in (offset, *size, *stride)):
        raise UserError("a tensor of the file has impossible sizes")
    if math.prod(size) > storage.size:  # strides of 0 would make terabytes of a few bytes
        raise UserError("a tensor of the file has more elements than its storage")
    last = (
        offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if 0 not in size else 0
    )
    if last >= max(storage.size, 1):
        raise UserError("a tensor of the file reaches beyond its storage")
    view = np.lib.stride_tricks.as_strided(
        storage[offset:], size, [s * storage.itemsize for s in stride], writeable=False
    )
    return np.array(view)


class _TensorUnpickler(pickle.Unpickler):
    """Knows ordered dicts, tensors and storages; everything else is refused before it is imported."""

    def __init__(self, file, storage):
        super().__init__(file)
        self._storage = storage
        self._bytes = 0  # of all tensors so far, as many may share a storage

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return (
                collections.OrderedDict
            )  # a module's state dict has attributes, which dict has not
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._rebuild
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _STORAGES:
            return name
        raise UserError(f"the file asks for {module}.{name}; only tensors are read, never code")

    def _rebuild(self, *arguments):
        tensor = _rebuild(*arguments)
        self._bytes += tensor.nbytes
        _check_size(self._bytes)
        return tensor

    def persistent_load(self, pid):
        _, kind, key, _, size = pid
        return self._storage(kind, key, size)


def to_official(name: str, value: np.ndarray) -> np.ndarray:
    """One array of ours in the official axis order; the inverse of `from_official`."""
    value = np.asarray(value)
    if name.endswith("Basis.weight"):  # a depthwise kernel
        return value.transpose(2, 0, 1)[:, None]
    if value.ndim == 4:
        return value.transpose(3, 2, 0, 1)
    if value.ndim == 3:
        return value.transpose(2, 0, 1)
    if name.endswith("fc.weight"):  # D's features leave 4x4 as h w c here, as c h w there
        return (
            value.reshape(4, 4, -1, value.shape[1])
            .transpose(3, 2, 0, 1)
            .reshape(value.shape[1], -1)
        )
    return value.T if name.endswith("weight") else value


def from_official(name: str, value: np.ndarray) -> np.ndarray:
    """One official array (OIHW, `out in`, CHW) in our order (HWIO, `in out`, HWC)."""
    if name.endswith("Basis.weight"):
        return value[:, 0].transpose(1, 2, 0)
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    if value.ndim == 3:
        return value.transpose(1, 2, 0)
    if name.endswith("fc.weight"):
        return (
            value.reshape(value.shape[0], -1, 4, 4)
            .transpose(2, 3, 1, 0)
            .reshape(-1, value.shape[0])
        )
    return value.T if name.endswith("weight") else value


NameOf = Callable[[tuple], str]


def stylegan2_name(path: tuple) -> str:
    """The official name of a leaf: StyleGAN2's modules carry the official ones."""
    name = ".".join(map(str, path))
    return "mapping.w_avg" if name == "w_avg" else name


def _keys(path) -> tuple:
    return tuple(k.key for k in path)


def to_tensors(tree: Any, prefix: str, name_of: NameOf = stylegan2_name) -> dict[str, np.ndarray]:
    """A network's pure state under official names and in official order."""
    leaves = [(name_of(_keys(p)), v) for p, v in jax.tree_util.tree_leaves_with_path(tree)]
    return {prefix + name: to_official(name, v) for name, v in leaves}


def load_into(
    tree: Any, tensors: dict[str, np.ndarray], prefix: str, name_of: NameOf = stylegan2_name
) -> Any:
    """Returns `tree` with every leaf taken from `tensors`, whose names begin with `prefix` ('G.' or 'D.').

    Args:
      tree: the pure state (parameters and buffers) of a network of this project; only its shapes
        are read.
      tensors: official names to arrays, as `read` returns them.
      prefix: which network of the file.
      name_of: the official name of a leaf's path.

    Raises:
      UserError: a leaf that is missing or has another shape, or a tensor that no leaf takes.
    """
    used = set()

    def take(path, leaf):
        name = prefix + name_of(_keys(path))
        if name not in tensors:
            raise UserError(
                f"the weights have no {name}: they are of another architecture than the config"
            )
        value, wanted = tensors[name], to_official(name, np.zeros(leaf.shape)).shape
        if value.shape != wanted:
            raise UserError(
                f"{name} has shape {value.shape} in the weights, {wanted} in the network"
            )
        used.add(name)
        return np.asarray(from_official(name, value), leaf.dtype)

    out = jax.tree_util.tree_map_with_path(take, tree)
    left = [n for n in tensors if n.startswith(prefix) and n not in used and not n.endswith(_FIXED)]
    if left:
        raise UserError(
            f"no layer takes {left[0]} (and {len(left) - 1} more): the config's network is another"
        )
    return out
