"""Opens `eval.report.learning_curves`: what runs have logged, over kimg."""

from emoji_gan import errors
from eval.report import learning_curves

if __name__ == "__main__":
    errors.run(learning_curves.main)
