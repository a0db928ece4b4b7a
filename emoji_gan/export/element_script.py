"""Writes one script that defines <emoji-gan>, an emoji to put into any page."""

import argparse

from emoji_gan.export import out_file, page_bundle

SUFFIX = ".js"


def run(a: argparse.Namespace) -> int:
    """Writes the script."""
    return out_file.write(a.out, page_bundle.script(a.model, a.step).encode())
