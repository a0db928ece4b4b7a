"""Says in words what pictures of emoji show, in English or French.

    python -m emoji_gan.describe pizza.png --lang=fr --kind=keywords
    python -m emoji_gan.describe --emoji=cat --kind=context --n=3 --model=runs/caption

Of each picture distinct texts, those first that go best with the emoji which it is like. These are
named behind them, with what people wrote of them where a text in context is asked for. The texts
are drawn by a network, and may be wrong: read them before they are used.
"""

import argparse
import dataclasses
import json
import pathlib
import sys

import numpy as np

from emoji_gan import errors
from emoji_gan.edit import parents, restoration
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths
from emoji_gan.trained.captioner import MOST_TEXTS, Captioner
from emoji_gan.trained.likeness import Like
from input_pipeline import DataError
from input_pipeline.unicode import captions, emoji_names
from input_pipeline.unicode.captions import KINDS, LANGUAGES

_READ_PX = 128  # at which a picture is read before it is cropped


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m emoji_gan.describe",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "paths", nargs="*", type=paths.local, metavar="PATH", help="PNGs, SVGs, or folders of them"
    )
    p.add_argument("--emoji", action="append", default=[], help="of OpenMoji; may be repeated")
    p.add_argument("--lang", default="en", help=f"{', '.join(LANGUAGES)}; default: en")
    p.add_argument("--kind", default="name", help=f"{', '.join(KINDS)}; default: name")
    p.add_argument("--n", type=int, default=5, help=f"texts, 1 to {MOST_TEXTS}; default: 5")
    p.add_argument(
        "--temperature", type=float, default=0.5, help="above 0; lower is safer; default: 0.5"
    )
    p.add_argument("--seed", type=int, default=0, help="another one writes otherwise; default: 0")
    p.add_argument("--json", action="store_true", help="print one JSON document")
    p.add_argument(
        "--model", type=paths.local, help="of configs/caption.py; default: the shipped one"
    )
    return p


@dataclasses.dataclass(frozen=True)
class _Picture:
    """Holds a picture, uint8 [h h 4], and what it is called."""

    name: str
    image: np.ndarray


def main() -> int:
    """Runs the command line: every picture that can be is described, the others are named."""
    a = _parser().parse_args()
    if not 0 <= a.seed < 2**32:
        raise UserError(f"--seed={a.seed}: expected 0 to 4294967295")
    if not a.paths and not a.emoji:
        raise UserError("nothing to describe: give PNGs, SVGs or folders, or --emoji")
    host.setup_host_memory()
    host.setup_compilation_cache()
    captioner = Captioner(a.model)
    given, bad = [], 0
    for text, is_emoji in [(path, False) for path in a.paths] + [(e, True) for e in a.emoji]:
        for picture in _opened(text, is_emoji=is_emoji):
            if isinstance(picture, _Picture):
                given.append(picture)
            else:
                print(f"{picture}; left out", file=sys.stderr)
                bad += 1
    images = [picture.image for picture in given]
    texts = captioner(
        images,
        language=a.lang,
        kind=a.kind,
        count=a.n,
        temperature=a.temperature,
        seed=a.seed,
    )
    names = [picture.name for picture in given]
    named = list(zip(names, texts, captioner.like(images), strict=True))
    if a.json:
        described = [
            {
                "picture": name,
                "texts": [dataclasses.asdict(caption) for caption in of_one],
                "like": [
                    dataclasses.asdict(like)
                    | {"name": _name(like, a.lang), "written": _written(like, a.lang, a.kind)}
                    for like in near
                ],
            }
            for name, of_one, near in named
        ]
        request = {name: getattr(a, name) for name in ("lang", "kind", "temperature", "seed")}
        whole = request | {"model_sha256": captioner.checkpoint_hash, "pictures": described}
        print(json.dumps(whole, ensure_ascii=False, indent=1))
    else:
        for name, of_one, near in named:
            like = ", ".join(_shown(like, a.lang, a.kind) for like in near)
            print(f"{name}: {'; '.join(caption.text for caption in of_one)} (like: {like})")
    return errors.EXIT_USER_ERROR if bad else errors.EXIT_OK


def _name(like: Like, language: str) -> str:
    emoji = emoji_names.lookup(like.codepoints)
    return (emoji.name_fr if language == "fr" else emoji.name_en) or emoji.name


def _written(like: Like, language: str, kind: str) -> str | None:
    """Returns a text of a kind that people wrote of an emoji, or None: not every one has uses."""
    texts = captions.of_emoji(like.codepoints)
    return next((t.text for t in texts if (t.language, t.kind) == (language, kind)), None)


def _shown(like: Like, language: str, kind: str) -> str:
    name, written = _name(like, language), _written(like, language, kind)
    return f"{name}, “{written}”" if kind == "context" and written else name


def _opened(text: str, *, is_emoji: bool) -> list[_Picture | str]:
    """Opens an emoji, a picture, or those of a folder; a reason in place of what cannot be."""
    if is_emoji:
        files: list[pathlib.Path] = []
    else:
        try:
            files = restoration.files_of([text], (".png", ".svg"))
        except (UserError, DataError) as e:
            return [str(e)]
    opened: list[_Picture | str] = []
    for file in files or [None]:
        try:
            if file is None:
                parent = parents.of_openmoji(parents.codepoints_of(text), _READ_PX)
                opened.append(_Picture(text, parent.image))
            else:
                opened.append(_Picture(str(file), parents.read_picture(file, _READ_PX)[0]))
        except (UserError, DataError) as e:
            opened.append(str(e))
    return opened


if __name__ == "__main__":
    errors.run(main)
