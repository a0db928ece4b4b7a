"""Learns emoji and draws new ones: methods, networks, trained models, the loop of a run."""

import input_pipeline  # noqa: F401  # before TensorFlow is imported: it quietens it
