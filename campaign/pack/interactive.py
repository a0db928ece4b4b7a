"""Adds <emoji-gan> to a pack for the web: emoji that are drawn in the page and follow the pointer.

The element draws emoji of the same kind by the shipped one-step model, not the pack's pictures.
"""

import html
from collections.abc import Sequence

from campaign.manifest import Entry
from campaign.pack.artwork import Artwork
from campaign.pack.delivery import Built
from emoji_gan.export import page_bundle
from emoji_gan.trained.sampler import SHIPPED_MODEL
from input_pipeline.art import licences
from input_pipeline.unicode import emoji_names

SCRIPT = "emoji-gan.js"
_ART = "openmoji"  # of the shipped model
_NOT_ONE = (
    "no still comes from a single emoji of Unicode (`parents` in its provenance), so the element "
    "has nothing to draw",
    "aucune image fixe ne vient d'un seul émoji d'Unicode (`parents` dans sa provenance) : "
    "l'élément n'a rien à dessiner",
)
_LINK = f'<a href="{SCRIPT}">{SCRIPT}</a>'
NOTE = (
    f"<p>&lt;emoji-gan&gt; draws emoji of the same kind, by the model in {_LINK}; they are not the "
    "pictures above them, and stand still where reduced motion is asked for.</p>\n"
    f'<p lang="fr">&lt;emoji-gan&gt; dessine des émojis du même sujet, par le modèle de {_LINK} ; '
    "ce ne sont pas les images au-dessus, et ils restent immobiles si le système demande moins "
    f'd\'animations.</p>\n<script src="{SCRIPT}"></script>'
)


def emoji_of(entry: Entry) -> str:
    """Returns the one emoji that a picture comes from, or ""."""
    codepoints = emoji_names.normalise(entry.provenance.get("parents", ""))
    return "".join(chr(int(p, 16)) for p in codepoints.split("-")) if codepoints else ""


def tag(entry: Entry, language: str, fallback: str = "") -> str:
    """Writes the element of an emoji.

    Args:
      entry: of a picture that comes from one emoji.
      language: "en" or "fr", of its text for screen readers.
      fallback: HTML that stands there where no script runs.
    """
    seed = entry.provenance.get("seed", "")
    names = entry.aliases.get(language) or [entry.alt.get(language) or entry.name]
    attributes = {
        "lang": language,
        "text": emoji_of(entry),
        "art": _ART,
        "seed": seed if seed.isdigit() else "0",
        "alt": names[0],
    }
    listed = " ".join(f'{k}="{html.escape(v)}"' for k, v in attributes.items())
    return f"<emoji-gan {listed}>{fallback}</emoji-gan>"


def add_script(built: Built, artworks: Sequence[Artwork]) -> None:
    """Adds the element's script, which understands the emoji of the stills, and whom to name."""
    emoji = dict.fromkeys(e for a in artworks if not a.moves and (e := emoji_of(a.entry)))
    if not emoji:
        built.refused[SCRIPT] = _NOT_ONE
        return
    built.files[SCRIPT] = page_bundle.script(str(SHIPPED_MODEL), further=tuple(emoji)).encode()
    work = licences.of_style(_ART)
    built.further.append(
        Entry(
            name=SCRIPT,
            file=SCRIPT,
            category="",
            aliases={},
            alt={},
            licence=f"Apache-2.0 AND {work.expression}",
            attribution="; ".join(f"model derived from {credit}" for credit in work.credits),
            author="emoji_gan",
            provenance={},
        )
    )
