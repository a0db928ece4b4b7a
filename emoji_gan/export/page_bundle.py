"""Bundles the page: one script that defines <emoji-gan> with its model, and one page around it."""

import base64
import hashlib
import json
import pathlib
import re
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from emoji_gan.export import browser_model, page_phrases
from emoji_gan.trained.sampler import Sampler
from emoji_gan.trained.source import Trained, open_trained

_BROWSER = pathlib.Path(__file__).parent / "browser"
_ENGINE = ("noise.js", "unet.js", "requests.js")  # what runs in a worker
_ELEMENT = ("words.js", "png.js", "element.js")
_PAGE = ("texts.js", "page.js")
_POLICY = (
    "default-src 'none'; script-src {scripts} 'wasm-unsafe-eval'; style-src {styles}; "
    "worker-src blob:; img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def script(source: str, step: int | None = None, *, further: Sequence[str] = ()) -> str:
    """Returns the script that defines the element, with a stored model inside.

    Args:
      source: a workdir or a model file of a one-step generator.
      step: of the checkpoint; None: the newest good one.
      further: emoji of Unicode's list that it understands besides the frequent ones.

    Raises:
      UserError: there is no such model, or a page cannot draw by it.
    """
    trained = open_trained(source, step)
    data = json.dumps(
        _data(trained, source, step, further), ensure_ascii=False, separators=(",", ":")
    )
    # Data can hold the end of a script that stands in a page.
    data = data.replace("</", "<\\/")
    engine, element = _read(_ENGINE), _read(_ELEMENT)
    return (
        f"{_credit(trained)}(() => {{\n"
        f'"use strict";\nconst DATA = {data};\n'
        f"function engine() {{\n{engine}return {{ serve }};\n}}\n{element}}})();\n"
    )


def page(source: str, step: int | None = None) -> str:
    """Returns the page, whose policy allows these scripts and this style, and no request.

    Raises:
      UserError: as `script` does.
    """
    parts = {
        "ELEMENT": f"\n{script(source, step)}",
        "PAGE": f'\n(() => {{\n"use strict";\n{_read(_PAGE)}}})();\n',
        "STYLE": f"\n{(_BROWSER / 'page.css').read_text(encoding='utf-8')}",
    }
    policy = _POLICY.format(
        scripts=f"{_hash(parts['ELEMENT'])} {_hash(parts['PAGE'])}", styles=_hash(parts["STYLE"])
    )
    template = string.Template((_BROWSER / "page.html").read_text(encoding="utf-8"))
    return template.substitute(parts, POLICY=policy)


def _data(
    trained: Trained, source: str, step: int | None, further: Sequence[str]
) -> dict[str, Any]:
    model = browser_model.of_trained(trained)
    phrases = page_phrases.of_spec(trained.spec, further)
    provenance = Sampler(source, step).provenance(0, 1.0)
    for of_one in ("seed", "truncation"):
        del provenance[of_one]
    return {
        "model": model.description,
        "phrases": phrases.rows,
        "provenance": provenance,
        "kernels": base64.b64encode(browser_model.read_kernels()).decode(),
        "vectors": _base64(phrases.vectors.astype("<f4")),
        "weights": _base64(model.weights.astype("<f2")),
    }


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _credit(trained: Trained) -> str:
    sources = ", ".join(source.partition("=")[0] for source in trained.config["data"]["sources"])
    return (
        "/* <emoji-gan>: code Apache-2.0. The model inside, and what it draws, are derived from "
        f"{sources.replace('*/', '')}; its art's licence holds for them too. */\n"
    )


def _read(names: tuple[str, ...]) -> str:
    """Returns modules as parts of one script."""
    texts = [(_BROWSER / name).read_text(encoding="utf-8") for name in names]
    return "".join(re.sub(r"^export (?=\w)", "", text, flags=re.MULTILINE) for text in texts)


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
