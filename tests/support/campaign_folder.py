"""A campaign's folder with proposals that no model drew, for tests of what comes after."""

import json
import pathlib

import numpy as np

from campaign.proposing import proposal
from campaign.proposing.proposal import Proposal
from emoji_gan import images
from emoji_gan.edit import parents

BRIEF = """
name: pizza
language: fr
themes: [pizza, cadeaux]
segments:
- {name: fidèles, palette: ['#E4002B', '#0B3D91'], style: ''}
avoid: [bière]
"""


def record(name: str, **changes) -> Proposal:
    """Returns a variation of 🍕."""
    fields = {
        "name": name,
        "file": f"{name}.png",
        "parents": ("1F355",),
        "theme": "pizza",
        "segment": "",
        "recipe": "vary",
        "seed": 0,
        "style": "openmoji",
        "names": {"en": "pizza", "fr": "pizza"},
        "score": 0.5,
        "licence": "CC-BY-SA-4.0",
        "attribution": "OpenMoji (openmoji.org), CC BY-SA 4.0; drawn anew by emoji_gan",
    }
    return Proposal(**fields | changes)


def write(folder: pathlib.Path, proposals: list[Proposal]) -> None:
    """Writes brief, search, and proposals whose pictures are those of their parents."""
    (folder / "brief.yaml").write_text(BRIEF, encoding="utf-8")
    themes = {"pizza": ["1F355", "1F37A"], "cadeaux": ["1F381"]}
    search = {
        "themes": [
            {"theme": t, "results": [{"codepoints": c} for c in listed]}
            for t, listed in themes.items()
        ],
        "not_suggested": [],
    }
    (folder / "search.json").write_text(json.dumps(search), encoding="utf-8")
    proposal.write_all(folder, proposals)
    for p in proposals:
        image = parents.of_openmoji(p.parents[0], 128, line="line" in p.style).image
        images.save_png(folder / "proposals" / p.file, np.asarray(image))
