"""Draws from trained models, stores them as one file, and starts other runs from them."""
