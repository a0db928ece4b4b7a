"""The library: training, sampling, networks, losses, augmentation, checkpoints."""

import input_pipeline  # noqa: F401  # before TensorFlow is imported: it quietens it
