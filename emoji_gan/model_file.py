"""Opens `emoji_gan.trained.model_file`: a trained model as one file."""

from emoji_gan import errors
from emoji_gan.trained import model_file

if __name__ == "__main__":
    errors.run(model_file.main)
