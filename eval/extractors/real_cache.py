"""Keeps the features of real images between evaluations, under a key of all they depend on."""

import hashlib
import io
import os
import pathlib

import numpy as np
from absl import logging

from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir
from eval.extractors.features import Extractor, Features

_VERSION = 1  # to be raised when extraction changes


def features_of(images: np.ndarray, content_hash: str, extractor: Extractor) -> Features:
    """Computes `extractor(images)`, or reads it from the cache where that has a whole copy.

    A key covers the images' content (so also their filter), the extractor's name, weights, pipeline
    and background. A file begins with the SHA-256 of the rest. A damaged file is logged and
    computed again.

    Args:
      images: uint8 `n h w 4`.
      content_hash: of the images.
      extractor: see `eval.extractors.features`.
    """
    key = hashlib.sha256(f"{_VERSION} {content_hash} {extractor.key}".encode()).hexdigest()
    path = _directory() / f"{key[:32]}.npz"
    if (cached := _read(path, key, len(images))) is not None:
        return cached
    computed = extractor(images)
    buffer = io.BytesIO()
    logits = {} if computed.logits is None else {"logits": computed.logits}
    np.savez(buffer, key=np.array(key), features=computed.features, **logits)
    body = buffer.getvalue()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        workdir.write_atomic(path, hashlib.sha256(body).digest() + body)
    except (OSError, UserError) as e:  # the evaluation goes on without a cache
        logging.warning("features are not kept: %s", e)
    return computed


def _read(path: pathlib.Path, key: str, count: int) -> Features | None:
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(memoryview(raw)[32:]).digest() != raw[:32]:  # without a copy
        logging.warning("%s is damaged; its features are computed again", path)
        return None
    file = io.BytesIO(raw)
    file.seek(32)
    with np.load(file, allow_pickle=False) as arrays:
        if str(arrays["key"]) != key or len(arrays["features"]) != count:
            logging.warning("%s belongs to other data; its features are computed again", path)
            return None
        return Features(arrays["features"], arrays.get("logits"))


def _directory() -> pathlib.Path:
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(root, "emoji_gan", "features")
