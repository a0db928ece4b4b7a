"""Writes one HTML page that draws emoji by itself, and asks nothing of any server.

The page holds a one-step generator, the words that it understands and its runtime; docs/export.md
says what it can do.
"""

import argparse

from emoji_gan.export import out_file, page_bundle

SUFFIX = ".html"


def run(a: argparse.Namespace) -> int:
    """Writes the page."""
    return out_file.write(a.out, page_bundle.page(a.model, a.step).encode())
