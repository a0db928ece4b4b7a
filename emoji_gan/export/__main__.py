"""Writes trained models for use elsewhere.

    python -m emoji_gan.export --hub=OWNER/NAME --dry-run     the files of a model's page, listed
    python -m emoji_gan.export --hub=OWNER/NAME               sends them to the Hugging Face Hub
    python -m emoji_gan.export --release=0.1.0 --out=release  a zip of the shipped models, and notes

docs/publication.md says what is in them, and what each asks for.
"""

import argparse

from emoji_gan import errors
from emoji_gan.export import hub_upload, release
from emoji_gan.runtime import host, paths
from emoji_gan.trained.sampler import SHIPPED_MODEL

_TARGETS = {"hub": hub_upload, "release": release}


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
        targets.add_argument(f"--{name}", metavar=module.METAVAR, help=summary)
    p.add_argument(
        "--model",
        type=paths.local,
        default=str(SHIPPED_MODEL),
        help="a model file or a run; default: the shipped model of 32 px",
    )
    p.add_argument("--out", type=paths.local, help="a new folder for what is written")
    for name, module in _TARGETS.items():
        module.add_arguments(p.add_argument_group(f"with --{name}"))
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    target = next(name for name in _TARGETS if getattr(a, name) is not None)
    return _TARGETS[target].run(a)


if __name__ == "__main__":
    errors.run(main)
