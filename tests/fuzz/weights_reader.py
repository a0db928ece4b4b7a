"""Fuzzes the reader of official weights: .pth, .npz and .safetensors files."""

import io
import json
import pathlib
import struct
import zipfile

import numpy as np
from hypothesis import strategies as st
from safetensors.numpy import save as encode_safetensors

from emoji_gan.errors import UserError
from emoji_gan.trained import official_weights
from tests.fuzz.fuzz_runner import Reader
from tests.fuzz.random_values import BYTES, NUMBERS, damaged, json_values

_WEIGHTS = {"w": np.arange(3, dtype=np.float32)}  # of the good files


def _draw_safetensors(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draws a file of a random header; returns it and a good one."""
    tensor = st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "BF16", "F8_E4M3", "U64", "?"]),
            "shape": st.lists(st.integers(0, 9) | NUMBERS, max_size=3),
            "data_offsets": st.lists(st.integers(0, 40) | NUMBERS, min_size=2, max_size=2),
        }
    )
    keys = st.sampled_from(["w", "dtype", "shape", "data_offsets", "__metadata__"])
    header = draw(json_values(keys, st.just("F32")) | st.fixed_dictionaries({"w": tensor}))
    text = json.dumps(header).encode()
    length = draw(st.sampled_from([len(text)] * 9 + [2**63, 2**40]))
    return struct.pack("<Q", length) + text + draw(BYTES), encode_safetensors(_WEIGHTS)


def _draw_npz(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draws a file of an array with a random header; returns it and a good one."""
    shape = draw(
        st.sampled_from(["(3,)", "(10**12,)", "(1000000000000,)", "(-1,)", "()", "(3", "(2**9,)"])
    )
    dtype = draw(st.sampled_from(["<f4", "|O", ">i8", "<U9", "x", "|V8"]))
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    out, good = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        array = b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head + draw(BYTES)
        archive.writestr("w.npy", array)
    np.savez(good, **_WEIGHTS)
    return out.getvalue(), good.getvalue()


_TENSOR = (  # pickled, but for the head of the pickle and its end
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
    b"X\x01\0\0\x000X\x03\0\0\0cpu"
    b"K\x03tQK\0K\x03\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
)
_GOOD_PICKLE = b"\x80\x02}X\x01\0\0\0w" + _TENSOR + b"s."
_DOUBLINGS = b"".join(b"}q%cX\1\0\0\0ah%csX\1\0\0\0bh%cs0" % (n + 1, n, n) for n in range(1, 60))
_BOMB = b"\x80\x02}q\x010" + _DOUBLINGS + b"h<."  # each dict holds the one before it twice
_ENDLESS = b"\x80\x02}q\x01X\1\0\0\0xh\x01s."  # a dict that holds itself
_OPCODES = st.one_of(
    st.sampled_from(
        [
            bytes([b])
            for b in b"()]}0.12NQRabdehlstu\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94"
        ]
    ),
    st.sampled_from([b"cos\nsystem\n", b"cbuiltins\neval\n", b"cbuiltins\ngetattr\n"]),
    st.sampled_from(
        [b"X\xff\xff\xff\x7f", b"\x8d" + b"\xff" * 8, b"\x8b\xff\xff\xff\x7f", b"r\xff\xff\xff\x7f"]
    ),
    st.sampled_from(
        [
            b"p1000000000\n",
            b"I9999999999\n",
            b"q\x01",
            b"h\x01",
            b"K\xff",
            b"J\xff\xff\xff\xff",
            b"\x95",
        ]
    ),
    st.just(_TENSOR),
    st.binary(max_size=3),
)
_PICKLES = (
    damaged(_GOOD_PICKLE)
    | st.sampled_from([_BOMB, _ENDLESS])
    | st.lists(_OPCODES, max_size=12).map(lambda ops: b"\x80\x02" + b"".join(ops) + b".")
    | st.lists(_OPCODES, max_size=4).map(lambda ops: _GOOD_PICKLE[:-2] + b"".join(ops) + b"s.")
)


def _pth_file(pickled: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
        archive.writestr("a/data/0", bytes(12))
    return out.getvalue()


def _draw_pth(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draws a file of a random pickle; returns it and a good one."""
    return _pth_file(draw(_PICKLES)), _pth_file(_GOOD_PICKLE)


_FORMATS = {".pth": _draw_pth, ".npz": _draw_npz, ".safetensors": _draw_safetensors}


@st.composite
def _weight_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draws a suffix and a file: of random content, or a good one with some damage."""
    suffix = draw(st.sampled_from(list(_FORMATS)))
    data, good = _FORMATS[suffix](draw)
    return suffix, draw(st.just(data) | damaged(good))


def _read_weights(case: tuple[str, bytes], folder: pathlib.Path) -> None:
    suffix, data = case
    path = folder / f"a{suffix}"
    path.write_bytes(data)
    arrays = official_weights.read(str(path))
    assert all(isinstance(k, str) and isinstance(v, np.ndarray) for k, v in arrays.items())


STATE_DICT = Reader(_weight_files(), _read_weights, (UserError,))
