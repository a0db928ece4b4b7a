"""Writes the weights by plain names as safetensors, with the config inside as JSON.

It is the project's model file (trained/model_file.py): float16 arrays named as in the network, e.g.
'g_ema/down/0/conv0/weight' [3 3 64 64] (height, width, in, out), and one metadata key, 'emoji_gan',
with the resolved config, the conditions, the licence and the hashes. What takes --model reads it.
"""

import argparse
import pathlib

from emoji_gan.errors import UserError
from emoji_gan.export import out_file
from emoji_gan.trained import model_file
from emoji_gan.trained.source import is_model_file

SUFFIX = ".safetensors"


def run(a: argparse.Namespace) -> int:
    """Writes the file; a model file is copied once its hash is checked."""
    if not is_model_file(a.model):
        model_file.save(a.out, a.model, a.step)
        print(f"{a.out}: {pathlib.Path(a.out).stat().st_size / 1e6:.2f} MB")
        return 0
    if a.step is not None:
        raise UserError(f"--step={a.step}: {a.model} holds one step only; leave it out")
    model_file.load(a.model)
    return out_file.write(a.out, pathlib.Path(a.model).read_bytes())
