"""Turns emoji art into batches of arrays; imports no other package of this project."""

import os

# TensorFlow only feeds data here: no banner, and no kernels that announce themselves.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


class DataError(Exception):
    """Says in one line what is wrong with the data, where, and what to do."""
