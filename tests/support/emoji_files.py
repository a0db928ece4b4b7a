"""Writes small emoji sets and reads them back, for the tests of several readers."""

import io
import pathlib
import zipfile

import numpy as np
from PIL import Image

from input_pipeline.art import sources

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
    '<path fill="{}" d="M1 1h2v6h-2z"/></svg>'
)  # of a fill colour


def png(side: int = 8, colour=(200, 10, 30, 255)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((side, side, 4), colour, np.uint8)).save(out, "PNG")
    return out.getvalue()


def write_files(root: pathlib.Path, files: dict) -> pathlib.Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def write_zip(path: pathlib.Path, files: dict) -> pathlib.Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


ICONS = {
    "prefix": "mine",
    "width": 8,
    "height": 8,
    "icons": {
        "backhand-index-pointing-left": {
            "body": '<path fill="#f00" d="M0 3h8v1h-8zM0 2h2v3h-2z"/>'
        },
        "some-logo": {"body": "<path d='M0 0h1v1z'/>"},
        "odd": {"body": '<path fill="#0f0" d="M0 0h8v8h-8z"/>'},
    },
    "aliases": {
        "backhand-index-pointing-right": {"parent": "backhand-index-pointing-left", "hFlip": True},
        "pointer": {"parent": "backhand-index-pointing-left"},
        "backhand-index-pointing-up": {"parent": "backhand-index-pointing-left", "rotate": 1},
        "grinning-face": {"parent": "nothing"},
    },
}


def write_and_read(tmp_path, files, **more):
    """Returns the emoji that were read, the reason for each file that was not, and the records."""
    records = sources.read(write_files(tmp_path / "set", files), "mine", 8, **more)
    return records.columns["codepoints"].tolist(), dict(records.skipped), records
