"""Opens `benchmarks.speed.step_times`: a training iteration against PyTorch."""

from benchmarks.speed import step_times
from emoji_gan import errors

if __name__ == "__main__":
    errors.run(step_times.main)
