"""Opens `benchmarks.methods.comparison`: every method for the same time."""

from benchmarks.methods import comparison
from emoji_gan import errors

if __name__ == "__main__":
    errors.run(comparison.main)
