"""Explores latent space on a local page: `python -m explore`."""
