"""Opens `emoji_gan.encoder.training`: trains the emoji encoder."""

from emoji_gan import errors
from emoji_gan.encoder import training

if __name__ == "__main__":
    errors.run(training.main)
