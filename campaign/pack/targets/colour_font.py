"""Packs a colour font: COLR in TrueType and WOFF2, a style sheet and a specimen page."""

import io
from collections.abc import Sequence

import numpy as np

from campaign.pack.artwork import Artwork
from campaign.pack.budget import Fitted
from campaign.pack.delivery import About, Built, Item
from emoji_gan.trained import vectoriser
from emoji_gan.vector import drawing, font, specimen
from emoji_gan.vector.drawing import Shape
from input_pipeline.art import common_box, rasterise

LARGEST_PX = vectoriser.TRACED_PX
_COMPARED_PX = 128
STEPS = (
    "Put the .css, .woff2 and .ttf files on your site side by side and link the .css. Each emoji\n"
    "is a character: specimen.html shows them all and says which. Programs on a computer take\n"
    "the .ttf; those without colour fonts show a silhouette. Loops are in a font as their first\n"
    "frame.",
    "Mettez les fichiers .css, .woff2 et .ttf côte à côte sur votre site et liez le .css. Chaque\n"
    "émoji est un caractère : specimen.html les montre tous et dit lequel. Les logiciels de\n"
    "bureau prennent le .ttf ; ceux qui ignorent les polices en couleurs montrent une\n"
    "silhouette. Une boucle y figure par sa première image.",
)
_NOTHING = (
    "no shape of it is left when it is traced: a font has drawings of few flat colours",
    "rien n'en reste une fois vectorisé : une police contient des dessins de peu de couleurs",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs the stills of artworks, traced in the style that shows each best."""
    built = Built()
    stills = [a for a in artworks if not a.moves] or list(artworks)
    traced: dict[str, list[Shape]] = {}
    with rasterise.Rasteriser(_COMPARED_PX) as rasteriser:
        for artwork in stills:
            if shapes := _traced(artwork.frames(LARGEST_PX)[0], rasteriser):
                traced[artwork.entry.name] = shapes
            else:
                built.refused[artwork.entry.name] = _NOTHING
    if not traced:
        return built
    by_name = {a.entry.name: a.entry for a in stills}
    characters = font.characters([f"emoji {name}" for name in traced])  # private, all of them
    licences = list(dict.fromkeys(by_name[n].licence for n in traced if by_name[n].licence))
    made = font.build(
        dict(zip(characters, traced.values(), strict=True)),
        about.title,
        licence="; ".join(licences),
    )
    for flavour, suffix in ((None, ".ttf"), ("woff2", ".woff2")):
        made.flavor = flavour
        out = io.BytesIO()
        made.save(out, reorderTables=False)
        built.files[f"{about.code}{suffix}"] = out.getvalue()
    built.files[f"{about.code}.css"] = specimen.css(about.title, about.code).encode()
    labels = {c: by_name[n].alt.get("en", n) for c, n in zip(characters, traced, strict=True)}
    credits = list(dict.fromkeys(by_name[n].attribution for n in traced))
    page = specimen.page(about.title, about.code, labels, [*licences, *credits])
    built.files["specimen.html"] = page.encode()
    by_artwork = {a.entry.name: a for a in stills}
    for name, shapes in traced.items():
        svg = drawing.to_svg(shapes, metadata={"licence": by_name[name].licence}).encode()
        fitted = Fitted(svg, LARGEST_PX, 1, 0, None, ())
        built.items.append(Item(by_artwork[name], f"svg/{name}.svg", fitted))
        built.files[f"svg/{name}.svg"] = svg
    return built


def _traced(picture: np.ndarray, rasteriser: rasterise.Rasteriser) -> list[Shape]:
    """Returns the shapes of a picture [512 512 4], of whichever style comes nearer to it."""
    small = _premultiplied(common_box.resize(picture, _COMPARED_PX))
    best, least = [], np.inf
    for style in vectoriser.STYLES:
        shapes = vectoriser.trace_one(picture, style)
        if not shapes:
            continue
        seen = _premultiplied(rasteriser.render(drawing.to_svg(shapes)))
        error = float(np.square(seen - small).mean())
        if error < least:
            best, least = shapes, error
    return best


def _premultiplied(picture: np.ndarray) -> np.ndarray:
    alpha = picture[..., 3:].astype(np.float64)
    return np.concatenate([picture[..., :3] * alpha / 255, alpha], -1)
