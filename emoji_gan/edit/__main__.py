"""Makes new emoji from existing ones.

    python -m emoji_gan.edit vary --emoji=1F355 --strength=0.6 --seeds=0-15
    python -m emoji_gan.edit mix --emoji=chat --emoji=pizza
    python -m emoji_gan.edit restore varied --scale=4 --out=large
    python -m emoji_gan.edit vectorise varied --out=vectors --font="Our emoji"
    python -m emoji_gan.edit restyle PICTURES --to=noto --model=runs/restyle

`vary` draws variations of one emoji, `mix` crosses two, `restore` enlarges and mends pictures,
`vectorise` makes SVGs and a font of them, `restyle` draws them as another emoji set does. An emoji
is given by its code points, by its English or French name, as a character, or as a PNG or SVG of
one's own.
"""

import argparse

from emoji_gan import errors
from emoji_gan.edit import mix, restoration, style_transfer, vary, vectorising
from emoji_gan.runtime import host

_VERBS = {
    "vary": vary,
    "mix": mix,
    "restore": restoration,
    "vectorise": vectorising,
    "restyle": style_transfer,
}


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m emoji_gan.edit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = p.add_subparsers(dest="verb", required=True, metavar="|".join(_VERBS))
    for name, module in _VERBS.items():
        summary = module.__doc__.partition("\n")[0]
        module.add_arguments(verbs.add_parser(name, help=summary, description=summary))
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    return _VERBS[a.verb].run(a)


if __name__ == "__main__":
    errors.run(main)
