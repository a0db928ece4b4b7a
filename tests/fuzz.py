"""Feeds random input to the readers of what others made: they read it or refuse it in a line.

    python -m tests.fuzz --cases=10000 [--seed=0] [--only=png,svg]

A finding is an error other than those documented, a case that takes longer than its bound, a file
written or a process or connection started that the reader has no business with, code named by a
pickle. Half of the inputs are good ones with some damage, so that they reach beyond the first
check.
"""

import argparse
import collections
import contextlib
import dataclasses
import faulthandler
import hashlib
import io
import json
import os
import pathlib
import string
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator

import hypothesis
import numpy as np
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save as safetensors

from emoji_gan import methods
from emoji_gan.errors import UserError
from emoji_gan.runtime import config, seal
from emoji_gan.trained import official_weights
from input_pipeline import DataError
from input_pipeline.art import iconify, rasterise, set_files, sources
from input_pipeline.art import picture as picture_lib
from input_pipeline.unicode import emoji_names, icon_names

_BOUND_S = 10.0  # for a case, on a busy machine
_HANG_S = 120.0  # then the program ends with the place where it hangs


@dataclasses.dataclass(frozen=True)
class Reader:
    """A reader, what it is fed with, and what it may do about it."""

    cases: st.SearchStrategy
    read: Callable[[object, pathlib.Path], None]  # a case, an empty folder
    refusals: tuple[type[Exception], ...]
    reads_outside: bool = True  # of the folder


@dataclasses.dataclass
class Result:
    """What a reader did with all cases."""

    cases: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    seconds: float = 0.0
    findings: dict[str, str] = dataclasses.field(default_factory=dict)  # what -> the shortest case


# What a reader does beside returning.

_watched: dict = {}  # folder, reads_outside, seen: while a case runs
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = (
    *(
        "os.remove",
        "os.rename",
        "os.mkdir",
        "os.rmdir",
        "os.symlink",
        "os.link",
        "os.truncate",
        "os.chmod",
    ),
)
_STARTS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket.connect",
    "socket.getaddrinfo",
)
_TENSOR_GLOBALS = {
    "OrderedDict",
    "_rebuild_tensor_v2",
    "_rebuild_parameter",
    *official_weights._STORAGES,
}


def _audit(event: str, arguments: tuple) -> None:
    if not _watched:
        return
    if event == "open" or event in _CHANGES:
        path, *_, flags = (*arguments, 0) if event != "open" else arguments
        if not isinstance(path, str | bytes | os.PathLike):
            return
        inside = pathlib.Path(os.fsdecode(path)).is_relative_to(_watched["folder"])
        writes = event != "open" or bool((flags or 0) & _WRITES)
        if (
            not inside
            and os.fsdecode(path) != os.devnull
            and (writes or not _watched["reads_outside"])
        ):
            _watched["seen"].append(f"{event} outside")
    elif event == "subprocess.Popen":
        if str(rasterise._CHILD) not in arguments[1]:
            _watched["seen"].append("another process")
    elif event in _STARTS:
        _watched["seen"].append(event)
    elif event == "pickle.find_class" and arguments[1] not in _TENSOR_GLOBALS:
        _watched["seen"].append(f"looked up {arguments}")


_hooked = False


@contextlib.contextmanager
def _watch(folder: pathlib.Path, reads_outside: bool) -> Iterator[list[str]]:
    global _hooked
    if not _hooked:
        sys.addaudithook(_audit)  # for good: Python has no way to take it away
        _hooked = True
    _watched.update(folder=folder, reads_outside=reads_outside, seen=[])
    try:
        yield _watched["seen"]
    finally:
        _watched.clear()


def run(reader: Reader, cases: int, seed: int, bound_s: float = _BOUND_S) -> Result:
    """Runs so many cases (fewer where there are no more); a finding does not end it."""
    result = Result()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(reader.cases)
    def one(case):
        with tempfile.TemporaryDirectory(prefix="fuzz") as name:
            folder = pathlib.Path(name).resolve()
            found, began = [], time.perf_counter()
            faulthandler.dump_traceback_later(_HANG_S, exit=True)
            with _watch(folder, reader.reads_outside) as seen:
                try:
                    reader.read(case, folder)
                except reader.refusals as e:
                    result.refused += 1
                    if len(str(e).splitlines()) != 1:
                        found.append(f"refused in {len(str(e).splitlines())} lines")
                except Exception as e:
                    frame = traceback.extract_tb(e.__traceback__)[-1]
                    found.append(
                        f"{type(e).__name__} at {pathlib.Path(frame.filename).name}:{frame.lineno}"
                    )
            faulthandler.cancel_dump_traceback_later()
            seconds = time.perf_counter() - began
        result.cases += 1
        result.slowest_s = max(result.slowest_s, seconds)
        if seconds > bound_s:
            found.append("took too long")
        for what in [*found, *seen]:
            known = result.findings.get(what)
            if known is None or len(repr(case)) < len(known):
                result.findings[what] = repr(case)

    began = time.perf_counter()
    one()
    result.seconds = time.perf_counter() - began
    return result


# What they are fed with.

_BYTES = st.binary(max_size=40)
_TEXT = st.text(max_size=20)


def _words(text: str) -> st.SearchStrategy:
    return st.sampled_from(text.split())


_NUMBERS = st.sampled_from(
    [0, 1, -1, 2, 16, 1.5, 1e9, -1e308, 2**31, 2**63, 2**64, 10**30, float("nan")]
)


@st.composite
def _damaged(draw, whole: bytes) -> bytes:
    """With other bytes in a few places, and perhaps cut short."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


def _json(keys: st.SearchStrategy, leaves: st.SearchStrategy) -> st.SearchStrategy:
    leaves = st.none() | st.booleans() | _NUMBERS | leaves
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=8,
    )


def _read_name(stem: str, folder: pathlib.Path) -> None:
    key = emoji_names.canonical(stem)
    assert key is None or emoji_names.canonical(key) == key
    for found in (emoji_names.normalise(stem), icon_names.lookup(stem)):
        assert found is None or emoji_names.lookup(found) is not None


_STEMS = st.one_of(
    st.text(max_size=60),
    st.text("0123456789abcdefuUFE-_+ ", max_size=60),
    st.lists(
        _words("emoji_u 1f468 200d fe0f 1F3FD - _ U+ man dark skin tone light flag") | _TEXT,
        max_size=12,
    ).map("-".join),
)


def _png_file(draw) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = draw(st.sampled_from([zlib.crc32(kind + data)] * 19 + [0]))
        length = draw(st.sampled_from([len(data)] * 19 + [2**31 - 1]))
        return struct.pack(">I", length) + kind + data + struct.pack(">I", crc)

    side = st.sampled_from([*[1, 3, 8, 17] * 4, 64, 65, 0, 2**31])
    depth, colour = (
        draw(st.sampled_from([8, 8, 8, 1, 2, 4, 16, 3])),
        draw(st.sampled_from([0, 2, 3, 4, 6, 5])),
    )
    header = (draw(side), draw(side), depth, colour, 0, 0, draw(st.integers(0, 2)))
    rows = zlib.compress((bytes(1) + draw(_BYTES)) * draw(st.sampled_from([1, 1000, 100_000])))
    kinds = st.sampled_from(
        [b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"zTXt", b"iTXt", b"acTL", b"fcTL", b"fdAT"]
    )
    others = [chunk(draw(kinds), draw(_BYTES)) for _ in range(draw(st.integers(0, 3)))]
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", *header)),
            *others,
            chunk(b"IDAT", rows),
            chunk(b"IEND", b""),
        ]
    )


def _encoded(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


def _read_png(data: bytes, folder: pathlib.Path) -> None:
    image = rasterise.read_png(data, max_px=64)
    assert image.dtype == np.uint8 and image.shape[2] == 4 and max(image.shape[:2]) <= 64


_SVG_NUMBERS = st.sampled_from(
    ["0", "1", "8", "-1", "1e6", "1e30", "nan", "50%", "1e-30", "", "9 9", "auto"]
)
_SVG_VALUES = (
    _SVG_NUMBERS
    | st.sampled_from(
        [
            "url(#a)",
            "#a",
            "#b",
            "file:///etc/passwd",
            "http://localhost:9/x.png",
            "M0 0h9v9z",
            "M0 0C1 1 1e9 9 0 0",
            "data:image/png;base64,AAAA",
            "data:image/svg+xml,<svg/>",
            "rotate(1e9)",
            "scale(1e6)",
            "red",
            "none",
        ]
    )
    | _TEXT
)
_SVG_NAMES = _words(
    "width height viewBox id href xlink:href fill stroke d x y r rx transform filter mask clip-path "
    "stdDeviation baseFrequency numOctaves patternUnits style stroke-dasharray preserveAspectRatio "
    "font-size offset"
)
_SVG_TAGS = _words(
    "g rect path circle use image pattern mask clipPath filter feGaussianBlur feTurbulence feImage "
    "linearGradient stop text tspan style symbol marker svg defs switch script foreignObject"
)


@st.composite
def _svg(draw) -> str:
    def element(tag: str, depth: int) -> str:
        attributes = draw(st.dictionaries(_SVG_NAMES, _SVG_VALUES, max_size=4))
        written = " ".join(f'{k}="{v}"' for k, v in attributes.items())
        inside = "".join(
            element(draw(_SVG_TAGS), depth + 1) for _ in range(draw(st.integers(0, 3 - depth)))
        )
        return f"<{tag} {written}>{inside}</{tag}>"

    heads = [
        "",
        "",
        "",
        "<?xml version='1.0'?>",
        "<!DOCTYPE svg [<!ENTITY a 'b'>]>",
        "\ufeff",
        "<!--",
    ]
    svg = draw(st.sampled_from(heads)) + element("svg", 0).replace(
        "<svg ",
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ',
        1,
    )
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(svg)))
        svg = svg[:at] + draw(_TEXT) + svg[at + draw(st.integers(0, 9)) :]
    return svg


_rasterisers: list[rasterise.Rasteriser] = []  # one, once needed


def _read_svg(svg: str, folder: pathlib.Path) -> None:
    if not _rasterisers:
        _rasterisers.append(rasterise.Rasteriser(16, timeout_s=3.0))
    image = _rasterisers[0].render(svg)
    assert image.shape == (16, 16, 4)


_ICON_KEYS = _words(
    "icons aliases info chars prefix name author grinning-face 1f34e grapes body parent rotate hFlip vFlip "
    "width height left top unicode"
)
_ICON_JSON = _json(
    _ICON_KEYS,
    _ICON_KEYS | st.sampled_from(['<path d="M0 0h9v9z"/>', "</g></svg>", "../x"]) | _TEXT,
)
_ICON_ENTRIES = st.dictionaries(_ICON_KEYS | _TEXT, _ICON_JSON, max_size=4)
_ICON_FILES = st.one_of(
    st.fixed_dictionaries(
        {"icons": _ICON_ENTRIES},
        optional={
            "aliases": _ICON_ENTRIES,
            "chars": _ICON_JSON,
            "info": _ICON_JSON,
            "width": _ICON_JSON,
        },
    ).map(lambda d: json.dumps(d).encode()),
    _ICON_JSON.map(lambda d: json.dumps(d).encode()),
    _damaged(b'{"icons": {"grapes": {"body": "<path/>"}}, "aliases": {"x": {"parent": "grapes"}}}'),
    st.integers(1, 200_000).map(lambda n: b"[" * n),
)


def _read_icons(data: bytes, folder: pathlib.Path) -> None:
    skipped: list = []
    for picture in iconify.pictures(
        "icons.json", {"icons.json": lambda limit: data[:limit]}, skipped
    ):
        assert emoji_names.lookup(picture.codepoints) is not None
        with contextlib.suppress(rasterise.BadImage):
            content = sources._content(picture)
            if isinstance(content, str):
                _read_svg(content, folder)


_MEMBERS = st.lists(
    st.sampled_from(["..", "/", "\\", "a", "1f600.png", "C:", "", ".", "\0", "~"]) | _TEXT,
    max_size=6,
)


@st.composite
def _zip_file(draw) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(
        out, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    ) as z:
        for parts in draw(st.lists(_MEMBERS, max_size=4)):
            name = draw(st.sampled_from(["/", "\\", ""])).join(parts)
            with contextlib.suppress(ValueError, UnicodeError):
                z.writestr(zipfile.ZipInfo(name.encode("utf-8", "replace").decode()), draw(_BYTES))
    return draw(_damaged(out.getvalue())) if draw(st.booleans()) else out.getvalue()


def _read_zip(data: bytes, folder: pathlib.Path) -> None:
    path = folder / "a.zip"
    path.write_bytes(data)
    with contextlib.ExitStack() as stack:
        for name, get in set_files.of_zip(path, [], stack).items():
            assert ".." not in name.split("/") and not name.startswith("/") and "\\" not in name, (
                name
            )
            with contextlib.suppress(*picture_lib.READ_ERRORS):
                assert len(get(100)) <= 100


_CONFIG_FIELDS = sorted(config.flatten(config.load("configs/stylegan.py")))
_GOOD_OVERRIDES = (
    "seed=3",
    "model.z_dim=64",
    "data.groups=('Smileys & Emotion',)",
    "batch_size=32",
    "dtype=bfloat16",
    "data.resolution=16",
    "model.noise=False",
    "loss.r1_gamma=1",
    "method=dcgan",
    "total_kimg=1e3",
)
_VALUES = st.sampled_from(
    [
        "('a',)",
        "(1, 2)",
        "()",
        "(",
        "[]",
        "None",
        "True",
        "9" * 5000,
        "(" * 3000,
        "__import__('os')",
        "1e999",
    ]
)
_OVERRIDES = st.lists(
    st.sampled_from(_GOOD_OVERRIDES)
    | st.tuples(
        st.sampled_from(_CONFIG_FIELDS) | _words("model data x.y seed.z __class__") | _TEXT,
        st.sampled_from(["=", "=", "=", "", "==", " = "]),
        _NUMBERS.map(str) | _VALUES | _TEXT,
    ).map("".join),
    max_size=3,
)


for _method in ("stylegan2", "dcgan"):
    methods.load(_method)  # else the first case would pay for its imports


def _read_overrides(case: tuple[str, list[str]], folder: pathlib.Path) -> None:
    variant, overrides = case
    found = config.load(f"configs/stylegan.py{variant}", overrides)
    methods.resolve(found, 1)


_SEALED = {"a/b": b"content", "c": b""}  # files of a step
_GOOD_SEAL = {
    "step": "7",
    "files": {n: [len(d), hashlib.sha256(d).hexdigest()] for n, d in _SEALED.items()},
}
_SEAL_KEYS = (
    st.sampled_from(["step", "files", "a/b", "c", "../x", "/etc/passwd", "seal.json", ".", "\0"])
    | _TEXT
)
_SEALS = st.one_of(
    st.just(_GOOD_SEAL),
    _json(_SEAL_KEYS, _SEAL_KEYS),
    st.fixed_dictionaries({"step": st.just("7"), "files": _json(_SEAL_KEYS, _SEAL_KEYS)}),
    st.dictionaries(
        _SEAL_KEYS, st.tuples(st.integers(0, 9) | _NUMBERS, st.just("0" * 64) | _TEXT), max_size=4
    ).map(lambda files: {"step": "7", "files": files}),
).map(lambda seal: json.dumps(seal).encode()) | st.one_of(
    _damaged(json.dumps(_GOOD_SEAL).encode()), st.integers(1, 100_000).map(lambda n: b"[" * n)
)


def _read_seal(case: tuple[bytes, bool], folder: pathlib.Path) -> None:
    body, own_hash = case
    step = folder / "7"
    (step / "a").mkdir(parents=True)
    for name, data in _SEALED.items():
        (step / name).write_bytes(data)
    second = hashlib.sha256(body).hexdigest().encode() if own_hash else b"0"
    (step / seal.NAME).write_bytes(body + b"\n" + second + b"\n")
    problem = seal.problem_of(step)
    same = False
    with contextlib.suppress(ValueError, RecursionError):
        same = json.loads(body.decode()) == _GOOD_SEAL
    assert (problem is None) == (own_hash and same and b"\n" not in body), problem
    assert problem is None or "\n" not in problem


_GLOBALS = [(m, n) for m, n in (("os", "system"), ("builtins", "eval"), ("builtins", "getattr"))]
_TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu"
    b"K\x03tQK\0K\x03\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
)
_OPCODES = st.one_of(
    st.sampled_from(
        [
            bytes([b])
            for b in b"()]}0.12NQRabdehlstu\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94"
        ]
    ),
    st.sampled_from([f"c{m}\n{n}\n".encode() for m, n in _GLOBALS]),
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


@st.composite
def _weights(draw) -> tuple[str, bytes]:
    kind = draw(st.sampled_from([".pth", ".npz", ".safetensors"]))
    out = io.BytesIO()
    if kind == ".safetensors":
        header = draw(
            _json(
                st.sampled_from(["w", "dtype", "shape", "data_offsets", "__metadata__"]),
                st.just("F32"),
            )
            | st.fixed_dictionaries(
                {
                    "w": st.fixed_dictionaries(
                        {
                            "dtype": st.sampled_from(["F32", "BF16", "F8_E4M3", "U64", "?"]),
                            "shape": st.lists(st.integers(0, 9) | _NUMBERS, max_size=3),
                            "data_offsets": st.lists(
                                st.integers(0, 40) | _NUMBERS, min_size=2, max_size=2
                            ),
                        }
                    )
                }
            )
        )
        text = json.dumps(header).encode()
        length = draw(st.sampled_from([len(text)] * 9 + [2**63, 2**40]))
        data = struct.pack("<Q", length) + text + draw(_BYTES)
        whole = safetensors({"w": np.arange(3, dtype=np.float32)})
    elif kind == ".npz":
        shape = draw(
            st.sampled_from(
                ["(3,)", "(10**12,)", "(1000000000000,)", "(-1,)", "()", "(3", "(2**9,)"]
            )
        )
        dtype = draw(st.sampled_from(["<f4", "|O", ">i8", "<U9", "x", "|V8"]))
        head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr(
                "w.npy", b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head + draw(_BYTES)
            )
        data, file = out.getvalue(), io.BytesIO()
        np.savez(file, w=np.arange(3, dtype=np.float32))
        whole = file.getvalue()
    else:
        good = b"\x80\x02}X\x01\0\0\0w" + _TENSOR + b"s."
        twice = b"".join(b"}q%cX\1\0\0\0ah%csX\1\0\0\0bh%cs0" % (n + 1, n, n) for n in range(1, 60))
        bomb = b"\x80\x02}q\x010" + twice + b"h<."  # dicts of the one before, twice
        endless = b"\x80\x02}q\x01X\1\0\0\0xh\x01s."
        pickled = draw(
            _damaged(good)
            | st.sampled_from([bomb, endless])
            | st.lists(_OPCODES, max_size=12).map(lambda ops: b"\x80\x02" + b"".join(ops) + b".")
            | st.lists(_OPCODES, max_size=4).map(lambda ops: good[:-2] + b"".join(ops) + b"s.")
        )
        for content, file in ((pickled, out), (good, whole_file := io.BytesIO())):
            with zipfile.ZipFile(file, "w") as z:
                z.writestr("a/data.pkl", content)
                z.writestr("a/data/0", bytes(12))
        data, whole = out.getvalue(), whole_file.getvalue()
    return kind, draw(st.just(data) | _damaged(whole))


def _read_weights(case: tuple[str, bytes], folder: pathlib.Path) -> None:
    suffix, data = case
    path = folder / f"a{suffix}"
    path.write_bytes(data)
    found = official_weights.read(str(path))
    assert all(isinstance(k, str) and isinstance(v, np.ndarray) for k, v in found.items())


READERS = {
    "name": Reader(_STEMS, _read_name, ()),
    "png": Reader(
        st.composite(_png_file)() | _damaged(_encoded(np.full((6, 6, 4), 200, np.uint8))),
        _read_png,
        (rasterise.BadImage,),
    ),
    "svg": Reader(_svg(), _read_svg, (rasterise.BadImage,)),
    "icon JSON": Reader(_ICON_FILES, _read_icons, (DataError,)),
    "zip": Reader(_zip_file(), _read_zip, (DataError,)),
    "config overrides": Reader(
        st.tuples(st.sampled_from(["", ":cpu", ":x"]) | _TEXT.map(":".__add__), _OVERRIDES),
        _read_overrides,
        (UserError,),
    ),
    "checkpoint manifest": Reader(
        st.tuples(_SEALS, st.booleans()), _read_seal, (), reads_outside=False
    ),
    "state dict": Reader(_weights(), _read_weights, (UserError,)),
}


def _main() -> int:
    parser = argparse.ArgumentParser(description="Random input for the readers.")
    parser.add_argument("--cases", type=int, default=1000, help="of each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(READERS), help=", between readers")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of Pillow and zipfile, about the damage
    head = f"{'cases':>7s} {'refused':>7s} {'slowest':>8s} {'seconds':>8s} findings"
    print(f"{'reader':20s} {head}, seed {args.seed}")
    found = collections.Counter()
    for name in args.only.split(","):
        result = run(READERS[name], args.cases, args.seed)
        found[name] = len(result.findings)
        counts = (
            f"{result.cases:7d} {result.refused:7d} {result.slowest_s:7.2f}s {result.seconds:7.0f}s"
        )
        print(f"{name:20s} {counts} {len(result.findings)}", flush=True)
        for what, case in result.findings.items():
            shown = "".join(c if c in string.printable else "?" for c in case)
            print(f"    {what}: {shown[:300]}{'...' if len(shown) > 300 else ''}", flush=True)
    return 1 if found.total() else 0


if __name__ == "__main__":
    sys.exit(_main())
