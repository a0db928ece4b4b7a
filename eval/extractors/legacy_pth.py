"""Reads PyTorch files from before its zip format (1.6) without executing them.

The FID weights are such a file. It is five pickles (a magic number, a version, the writer's word
sizes, the tensors, the keys of their storages) and after them, in the order of the keys, each
storage's length and bytes.
"""

import io
import pickletools
from typing import Any

import numpy as np

from emoji_gan.errors import UserError
from emoji_gan.trained import official_weights

# The whole first pickle: 0x1950A86A20F9469CFC6C.
_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_MAX_PICKLE_BYTES = 64 << 20


def is_legacy(data: bytes) -> bool:
    """Tests whether a file that begins with these bytes is of the legacy format."""
    return data.startswith(_MAGIC)


def read(data: bytes) -> Any:
    """Returns the pickled object of a file, with numpy arrays for tensors.

    Raises:
      UserError: anything but tensors in it, or sizes that do not fit.
      Exception: other damage, as pickle reports it.
    """
    start, pickles = len(_MAGIC), []
    for _ in range(4):
        stop = _end_of_pickle(data, start)
        pickles.append(data[start:stop])
        start = stop
    _, _, tensors, keys = pickles
    first_pass = _Unpickler(tensors)  # the types and lengths of the storages
    first_pass.load()
    declared, storages = first_pass.declared, {}
    for key in _Unpickler(keys).load():
        if key not in declared:
            raise UserError(f"storage {key} of the file belongs to no tensor")
        dtype, size = declared[key]
        stop = start + 8 + size * dtype.itemsize
        if int.from_bytes(data[start : start + 8], "little") != size or stop > len(data):
            raise UserError(
                f"storage {key} of the file is cut off or of another length than declared"
            )
        storages[key] = np.frombuffer(data, dtype, size, start + 8)
        start = stop
    if missing := declared.keys() - storages.keys():
        raise UserError(f"storage {min(missing)} of the file is missing")
    return _Unpickler(tensors, storages).load()


def _end_of_pickle(data: bytes, start: int) -> int:
    window = data[start : start + _MAX_PICKLE_BYTES]
    for op, arg, at in pickletools.genops(window):
        # Five bytes can ask for a memo of 2^32 entries, and pickle would fill them with zeros.
        if "PUT" in op.name and int(arg) > len(window):
            raise UserError("a damaged pickle")
        stop = start + at + 1  # its last operation is one byte
    return stop


class _Unpickler(official_weights._TensorUnpickler):
    """Unpickles tensors whose storages are kept apart from the pickle.

    Without storages, tensors become None and only `declared` is filled.
    """

    def __init__(self, data: bytes, storages: dict[str, np.ndarray] | None = None) -> None:
        super().__init__(io.BytesIO(data), None)
        self._storages = storages
        self.declared: dict[str, tuple[np.dtype, int]] = {}  # key -> dtype, length

    def find_class(self, module: str, name: str) -> Any:
        constructor = super().find_class(module, name)
        if self._storages is None and name == "_rebuild_tensor_v2":
            return lambda *_: None
        return constructor

    def persistent_load(self, pid: tuple[Any, ...]) -> np.ndarray | None:
        _, kind, key, _, size, view = pid
        if view is not None or not isinstance(size, int) or size < 0:
            raise UserError(
                "the file has storages of a kind that is not read; save it again with torch.save"
            )
        declared = np.dtype(official_weights._STORAGES[kind]), size
        if self.declared.setdefault(key, declared) != declared:
            raise UserError(f"storage {key} of the file has two lengths")
        return None if self._storages is None else self._storages[key]
