"""Opens `benchmarks.scale.tpu_compile`: a training step compiled for TPUs that are not here."""

from benchmarks.scale import tpu_compile
from emoji_gan import errors

if __name__ == "__main__":
    errors.run(tpu_compile.main)
