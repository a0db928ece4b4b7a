"""Writes trained models for use elsewhere.

    python -m emoji_gan.export --html --out=emoji.html         a page that draws by itself, offline
    python -m emoji_gan.export --element --out=emoji-gan.js    <emoji-gan>, for any page
    python -m emoji_gan.export --onnx --out=model.onnx         for ONNX runtimes
    python -m emoji_gan.export --safetensors --out=m.safetensors
    python -m emoji_gan.export --hub=OWNER/NAME --dry-run     the files of a model's page, listed
    python -m emoji_gan.export --hub=OWNER/NAME               sends them to the Hugging Face Hub
    python -m emoji_gan.export --release=0.1.0 --out=release  a zip of the shipped models, and notes
    python -m emoji_gan.export --dataset=mine --out=mine      drawn emoji with labels, gated

docs/export.md and docs/publication.md say what is in them, and what each asks for.
"""

import argparse

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.export import (
    element_script,
    html_page,
    hub_upload,
    onnx_file,
    out_file,
    release,
    synthetic_set,
    weights_file,
)
from emoji_gan.runtime import host, paths
from emoji_gan.trained.sampler import SHIPPED_MODEL

_FILES = {  # each writes one file of its SUFFIX
    "html": html_page,
    "element": element_script,
    "onnx": onnx_file,
    "safetensors": weights_file,
}
_PUBLICATIONS = {"hub": hub_upload, "release": release, "dataset": synthetic_set}


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m emoji_gan.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    targets = p.add_mutually_exclusive_group(required=True)
    for name, module in _FILES.items():
        summary = module.__doc__.partition("\n")[0]
        targets.add_argument(
            f"--{name}", dest="file", action="store_const", const=name, help=summary
        )
    for name, module in _PUBLICATIONS.items():
        summary = module.__doc__.partition("\n")[0]
        targets.add_argument(f"--{name}", metavar=module.METAVAR, help=summary)
    p.add_argument(
        "--model",
        type=paths.local,
        default=str(SHIPPED_MODEL),
        help="a model file or a run's workdir; default: the shipped one-step model of 32 px",
    )
    p.add_argument("--step", type=int, help="checkpoint of a workdir; default: the newest good one")
    p.add_argument("--out", type=paths.local, help="the file to write, or a new folder")
    for name, module in {"onnx": onnx_file, **_PUBLICATIONS}.items():
        module.add_arguments(p.add_argument_group(f"with --{name}"))
    a = p.parse_args()
    if a.file and not a.out:
        raise UserError(f"--{a.file}: --out is missing, the file to write")
    host.setup_host_memory()
    host.setup_compilation_cache()
    if a.file:
        out_file.check(a.out, _FILES[a.file].SUFFIX)
        return _FILES[a.file].run(a)
    if a.step is not None:
        raise UserError(f"--step={a.step}: publish a model file, which holds one step only")
    published = next(name for name in _PUBLICATIONS if getattr(a, name) is not None)
    return _PUBLICATIONS[published].run(a)


if __name__ == "__main__":
    errors.run(main)
