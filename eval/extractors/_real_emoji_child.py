"""Reads the training emoji of a config in a process of its own, for `real_emoji`.

    python -m eval.extractors._real_emoji_child FILE <CONFIG.json

TensorFlow's half a GiB leaves with this process; the one that asked keeps the pictures alone. FILE
becomes an npz of them, or of one line, `error`, that says why not.
"""

import json
import sys

import ml_collections
import numpy as np

from input_pipeline import DataError, dataset

_COLUMNS = ("codepoints", "name", "name_fr", "style", "cluster")


def main() -> None:
    """Reads the config from standard input and writes the file."""
    config = ml_collections.ConfigDict(json.load(sys.stdin))
    try:
        data = dataset.load(config, "train")
    except DataError as e:
        arrays = {"error": np.array(str(e))}
    else:
        arrays = {name: data.columns[name] for name in _COLUMNS}
        arrays |= {"images": data.images, "content_hash": np.array([data.content_hash])}
    with open(sys.argv[1], "wb") as file:
        np.savez(file, **arrays)


if __name__ == "__main__":
    main()
