"""Writes trained models for use elsewhere.

    python -m emoji_gan.export --html --out=emoji.html         a page that draws by itself, offline
    python -m emoji_gan.export --element --out=emoji-gan.js    <emoji-gan>, for any page
    python -m emoji_gan.export --onnx --out=model.onnx         for ONNX runtimes
    python -m emoji_gan.export --safetensors --out=m.safetensors

docs/export.md says what is in them, and what each asks for.
"""

import argparse

from emoji_gan import errors
from emoji_gan.export import element_script, html_page, onnx_file, out_file, weights_file
from emoji_gan.runtime import host, paths
from emoji_gan.trained.sampler import SHIPPED_MODEL

_TARGETS = {
    "html": html_page,
    "element": element_script,
    "onnx": onnx_file,
    "safetensors": weights_file,
}


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m emoji_gan.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    targets = p.add_mutually_exclusive_group(required=True)
    for name, module in _TARGETS.items():
        summary = module.__doc__.partition("\n")[0]
        targets.add_argument(
            f"--{name}", dest="target", action="store_const", const=name, help=summary
        )
    p.add_argument(
        "--model",
        type=paths.local,
        default=str(SHIPPED_MODEL),
        help="a model file or a run's workdir; default: the shipped one-step model of 32 px",
    )
    p.add_argument("--step", type=int, help="checkpoint of a workdir; default: the newest good one")
    p.add_argument("--out", type=paths.local, required=True, help="the file to write")
    onnx_file.add_arguments(p.add_argument_group("with --onnx"))
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    target = _TARGETS[a.target]
    out_file.check(a.out, target.SUFFIX)
    return target.run(a)


if __name__ == "__main__":
    errors.run(main)
