"""Reads network weights in the layout of the official PyTorch code and executes nothing in them.

The networks of this project carry the official sub-module names; only the order of axes differs.
"""

import collections
import io
import math
import pathlib
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import jax
import numpy as np

from emoji_gan.errors import UserError

_MAX_BYTES = 4 << 30  # of one file, and of all that it unpacks to
# Entries of all dicts in a file. A few bytes can put a dict twice into the next one, and so on.
_MAX_ENTRIES = 1_000_000
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
# Constants of the official code that are built into the networks of this project.
_FIXED = (
    ".resample_filter",
    ".Resampler.Kernel",
)

# Reads a storage: (kind, key, number of elements) -> the elements.
ReadStorage = Callable[[str, str, int], np.ndarray]
# Returns the official name of a leaf by its path.
NameOf = Callable[[tuple[Any, ...]], str]


def read(path: str) -> dict[str, np.ndarray]:
    """Returns the tensors of a .safetensors, .pth/.pt (zip format) or .npz file by name.

    Raises:
      UserError: the file cannot be read or is damaged, or a pickle in it asks for anything but
        tensors.
    """
    file = pathlib.Path(path)
    try:
        if not file.is_file():
            raise UserError(
                f"no weights at {path}: give the path of a .safetensors, .pth, .pt or .npz file"
            )
        if file.stat().st_size > _MAX_BYTES:
            raise UserError(
                f"{path} is larger than {_MAX_BYTES >> 30} GiB: not a state dict of these networks"
            )
        if file.suffix == ".safetensors":
            from safetensors.numpy import load_file  # not needed for the other kinds

            return dict(load_file(path))
        if file.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                _check_size(sum(info.file_size for info in archive.infolist()))
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        if file.suffix in (".pth", ".pt"):
            return _flatten(_read_pth(path))
    except UserError:
        raise
    except Exception as e:  # a damaged file can make a reader raise any exception
        raise UserError(f"cannot read weights from {path}: {type(e).__name__}: {e}") from e
    raise UserError(f"{path}: unknown kind of file; expected .safetensors, .pth, .pt or .npz")


def _check_size(size: int) -> None:
    if size > _MAX_BYTES:
        raise UserError(
            f"the file unpacks to more than {_MAX_BYTES >> 30} GiB: "
            "not a state dict of these networks"
        )


def _flatten(tree: Any) -> dict[str, np.ndarray]:
    """Returns the arrays of nested dicts by their joined keys; other values are left out."""
    out: dict[str, np.ndarray] = {}
    seen = 0

    def walk(tree: Any, prefix: str) -> None:
        nonlocal seen
        seen += 1
        if seen > _MAX_ENTRIES:
            raise UserError(f"the file has more than {_MAX_ENTRIES:,} entries: not a state dict")
        if isinstance(tree, np.ndarray):
            out[prefix[:-1]] = tree
        elif isinstance(tree, dict):
            for key, value in tree.items():
                walk(value, f"{prefix}{key}.")

    walk(tree, "")
    return out


def _read_pth(path: str) -> Any:
    """Returns the nested dicts of a zip-format PyTorch file."""
    with zipfile.ZipFile(path) as archive:
        _check_size(sum(info.file_size for info in archive.infolist()))
        names = {name.split("/", 1)[-1]: name for name in archive.namelist()}
        if "data.pkl" not in names:
            raise UserError(
                f"{path} is not a zip-format PyTorch file; save it again with torch.save"
            )

        def read_storage(kind: str, key: str, size: int) -> np.ndarray:
            dtype = np.dtype(_STORAGES[kind])
            info = archive.getinfo(names[f"data/{key}"])
            if info.file_size != size * dtype.itemsize:
                raise UserError(
                    f"{path}: storage {key} has {info.file_size} bytes where its header says "
                    "otherwise"
                )
            return np.frombuffer(archive.read(info), dtype)

        pickled = archive.getinfo(names["data.pkl"])
        if pickled.file_size > _MAX_PICKLE_BYTES:
            raise UserError(
                f"{path}: its table of tensors has {pickled.file_size} bytes: not a state dict"
            )
        data = archive.read(pickled)
        # Five bytes can ask for a memo of 2^32 entries, and pickle would fill them with zeros.
        if any(
            "PUT" in op.name and int(arg) > len(data) for op, arg, _ in pickletools.genops(data)
        ):
            raise UserError(f"{path}: a damaged pickle")
        return _TensorUnpickler(io.BytesIO(data), read_storage).load()


def _rebuild(
    storage: np.ndarray, offset: int, size: Sequence[int], stride: Sequence[int], *_: Any
) -> np.ndarray:
    """Returns a copy of the tensor that lies in a storage; offset and strides count elements."""
    if len(size) != len(stride) or any(s < 0 for s in (offset, *size, *stride)):
        raise UserError("a tensor of the file has impossible sizes")
    if math.prod(size) > storage.size:  # strides of 0 turn a few bytes into terabytes
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
    """Reads ordered dicts, tensors and storages, and refuses all else before it is imported."""

    def __init__(self, file: BinaryIO, read_storage: ReadStorage | None) -> None:
        super().__init__(file)
        self._read_storage = read_storage
        self._bytes = 0  # of all tensors so far, because many of them may share a storage

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            # A module's state dict has attributes, which a plain dict cannot have.
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._rebuild
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _STORAGES:
            return name
        raise UserError(f"the file asks for {module}.{name}; only tensors are read, never code")

    def _rebuild(self, *arguments: Any) -> np.ndarray:
        tensor = _rebuild(*arguments)
        self._bytes += tensor.nbytes
        _check_size(self._bytes)
        return tensor

    def persistent_load(self, pid: tuple[Any, ...]) -> np.ndarray:
        _, kind, key, _, size = pid
        return self._read_storage(kind, key, size)


def to_official(name: str, value: np.ndarray) -> np.ndarray:
    """Transposes an array of this project to the official axis order.

    This is the inverse of `from_official`.

    Args:
      name: the official name, which tells what the axes are.
      value: the array, in the order HWIO, `in out` or HWC.
    """
    value = np.asarray(value)
    if name.endswith("Basis.weight"):  # a depthwise kernel
        return value.transpose(2, 0, 1)[:, None]
    if value.ndim == 4:
        return value.transpose(3, 2, 0, 1)
    if value.ndim == 3:
        return value.transpose(2, 0, 1)
    if name.endswith("fc.weight"):  # D flattens its 4x4 features as h w c here, c h w there
        return (
            value.reshape(4, 4, -1, value.shape[1])
            .transpose(3, 2, 0, 1)
            .reshape(value.shape[1], -1)
        )
    return value.T if name.endswith("weight") else value


def from_official(name: str, value: np.ndarray) -> np.ndarray:
    """Transposes an official array (OIHW, `out in`, CHW) to our order (HWIO, `in out`, HWC).

    Args:
      name: the official name, which tells what the axes are.
      value: the array.
    """
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


def stylegan2_name(path: tuple[Any, ...]) -> str:
    """Returns the official name of a leaf of StyleGAN2, whose modules carry the official names."""
    name = ".".join(map(str, path))
    return "mapping.w_avg" if name == "w_avg" else name


def _keys(path: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(k.key for k in path)


def to_tensors(tree: Any, prefix: str, name_of: NameOf = stylegan2_name) -> dict[str, np.ndarray]:
    """Returns a network's pure state under official names and in the official axis order.

    Args:
      tree: the pure state, parameters and buffers.
      prefix: put before every name, such as 'G.'.
      name_of: the official name of a leaf's path.
    """
    leaves = [(name_of(_keys(p)), v) for p, v in jax.tree_util.tree_leaves_with_path(tree)]
    return {prefix + name: to_official(name, v) for name, v in leaves}


def load_into(
    tree: Any, tensors: dict[str, np.ndarray], prefix: str, name_of: NameOf = stylegan2_name
) -> Any:
    """Returns `tree` with every leaf taken from those of `tensors` that begin with `prefix`.

    Args:
      tree: the pure state (parameters and buffers) of a network of this project; only its shapes
        are read.
      tensors: official names to arrays, as `read` returns them.
      prefix: of the network's names in the file, 'G.' or 'D.'.
      name_of: the official name of a leaf's path.

    Raises:
      UserError: a leaf is missing or has another shape, or no leaf takes a tensor.
    """
    used: set[str] = set()

    def take(path: tuple[Any, ...], leaf: Any) -> np.ndarray:
        name = prefix + name_of(_keys(path))
        if name not in tensors:
            raise UserError(
                f"the weights have no {name}: they are of another architecture than the config"
            )
        value, expected = tensors[name], to_official(name, np.zeros(leaf.shape)).shape
        if value.shape != expected:
            raise UserError(
                f"{name} has shape {value.shape} in the weights, {expected} in the network"
            )
        used.add(name)
        return np.asarray(from_official(name, value), leaf.dtype)

    out = jax.tree_util.tree_map_with_path(take, tree)
    unused = [
        name
        for name in tensors
        if name.startswith(prefix) and name not in used and not name.endswith(_FIXED)
    ]
    if unused:
        raise UserError(
            f"no layer takes {unused[0]} (and {len(unused) - 1} more): "
            "the config's network is another"
        )
    return out
