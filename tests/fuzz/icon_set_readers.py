"""Fuzzes the readers of emoji sets: Iconify JSON and zip archives."""

import contextlib
import io
import json
import pathlib
import zipfile

from hypothesis import strategies as st

from input_pipeline import DataError
from input_pipeline.art import iconify, rasterise, set_files, sources
from input_pipeline.art import picture as picture_lib
from input_pipeline.unicode import emoji_names
from tests.fuzz import picture_readers
from tests.fuzz.fuzz_runner import Reader
from tests.fuzz.random_values import BYTES, TEXT, damaged, json_values, words

_ICON_KEYS = words(
    "icons aliases info chars prefix name author grinning-face 1f34e grapes body parent rotate "
    "hFlip vFlip width height left top unicode"
)
_ICON_VALUES = json_values(
    _ICON_KEYS,
    _ICON_KEYS | st.sampled_from(['<path d="M0 0h9v9z"/>', "</g></svg>", "../x"]) | TEXT,
)
_ICON_ENTRIES = st.dictionaries(_ICON_KEYS | TEXT, _ICON_VALUES, max_size=4)
_ICON_FILES = st.one_of(
    st.fixed_dictionaries(
        {"icons": _ICON_ENTRIES},
        optional={
            "aliases": _ICON_ENTRIES,
            "chars": _ICON_VALUES,
            "info": _ICON_VALUES,
            "width": _ICON_VALUES,
        },
    ).map(lambda d: json.dumps(d).encode()),
    _ICON_VALUES.map(lambda d: json.dumps(d).encode()),
    damaged(b'{"icons": {"grapes": {"body": "<path/>"}}, "aliases": {"x": {"parent": "grapes"}}}'),
    st.integers(1, 200_000).map(lambda n: b"[" * n),
)


def _read_icons(data: bytes, folder: pathlib.Path) -> None:
    skipped: list = []
    files = {"icons.json": lambda limit: data[:limit]}
    for picture in iconify.pictures("icons.json", files, skipped):
        assert emoji_names.lookup(picture.codepoints) is not None
        with contextlib.suppress(rasterise.BadImage):
            content = sources._content(picture)
            if isinstance(content, str):
                picture_readers.read_svg(content, folder)


_MEMBER_PARTS = st.lists(
    st.sampled_from(["..", "/", "\\", "a", "1f600.png", "C:", "", ".", "\0", "~"]) | TEXT,
    max_size=6,
)


@st.composite
def _zip_files(draw: st.DrawFn) -> bytes:
    out = io.BytesIO()
    compression = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    with zipfile.ZipFile(out, "w", compression) as archive:
        for parts in draw(st.lists(_MEMBER_PARTS, max_size=4)):
            name = draw(st.sampled_from(["/", "\\", ""])).join(parts)
            with contextlib.suppress(ValueError, UnicodeError):
                member = zipfile.ZipInfo(name.encode("utf-8", "replace").decode())
                archive.writestr(member, draw(BYTES))
    return draw(damaged(out.getvalue())) if draw(st.booleans()) else out.getvalue()


def _read_zip(data: bytes, folder: pathlib.Path) -> None:
    path = folder / "a.zip"
    path.write_bytes(data)
    with contextlib.ExitStack() as stack:
        for name, get in set_files.of_zip(path, [], stack).items():
            assert ".." not in name.split("/"), name
            assert not name.startswith("/") and "\\" not in name, name
            with contextlib.suppress(*picture_lib.READ_ERRORS):
                assert len(get(100)) <= 100


ICON_JSON = Reader(_ICON_FILES, _read_icons, (DataError,))
ZIP = Reader(_zip_files(), _read_zip, (DataError,))
