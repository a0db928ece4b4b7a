"""Packs for a web page: `picture` elements with every format, and a still for who wants no motion.

A browser takes the first source that it can show; the image itself is GIF, or PNG of a still.
"""

import html
from collections.abc import Sequence

from campaign.pack import archives, delivery, enclosed, interactive
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built
from emoji_gan.media import animation

LARGEST_PX = 256
SHOWN_PX = 128
_MAX_BYTES = 500_000
_LOOP_FORMS = ("avif", "webp", "apng", "gif")
_STILL_FORMS = ("avif", "webp", "png")
_TYPES = animation.MEDIA_TYPES | {"png": "image/png"}
STEPS = (
    "Copy pictures/ to your site and the <picture> of an emoji from index.html into your page;\n"
    "width and height are yours to choose. For emoji that change under the pointer, pack with\n"
    "--interactive: emoji-gan.js and the lines for it are then in the pack, too, and\n"
    "interactive.zip has all of it in one file. Load the script once a page. Where your site has\n"
    "a Content-Security-Policy, its script-src must allow 'wasm-unsafe-eval'.",
    "Copiez pictures/ sur votre site et le <picture> d'un émoji de index.html dans votre page ;\n"
    "largeur et hauteur sont à votre choix. Pour des émojis qui changent sous le pointeur,\n"
    "donnez --interactive à pack : emoji-gan.js et ses lignes sont alors dans le pack, et\n"
    "interactive.zip contient tout en un fichier. Chargez le script une fois par page. Si votre\n"
    "site a une Content-Security-Policy, son script-src doit autoriser 'wasm-unsafe-eval'.",
)
_ZIP = "interactive.zip"
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem;
  background: light-dark(#fff, #1e1e1e); color: light-dark(#1e1e1e, #eee) }}
ul {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1rem;
  padding: 0; list-style: none }}
li {{ border: 1px solid #8888; border-radius: 8px; padding: 1rem }}
emoji-gan {{ width: 128px }}
code {{ font-size: .75rem; overflow-wrap: anywhere; white-space: pre-wrap }}
</style>
<h1>{title}</h1>
<ul>
{items}
</ul>
<p>{credits}</p>
{note}</html>
"""


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks; without an AVIF encoder in three formats."""
    built = Built()
    stills, loops = delivery.stills_and_loops(artworks)
    missing, path = animation.missing(), "pictures/{name}{suffix}"
    for group, forms in ((stills, _STILL_FORMS), (loops, _LOOP_FORMS)):
        for form in (f for f in forms if f not in missing):
            delivery.encode(built, group, lambda a, f=form: _limits(a, f), path=path)
    for loop in loops:
        still = Artwork(loop.entry, loop.path, 1, 0, loop.px, loop.frames(LARGEST_PX)[0])
        limits = Limits("png", LARGEST_PX, _MAX_BYTES)
        first = "pictures/{name}_still{suffix}"
        delivery.encode(built, [still], lambda _, limits=limits: limits, path=first)
    for artwork in artworks:
        drawing = artwork.path.with_suffix(".svg")
        if not artwork.moves and drawing.is_file():
            built.files[f"pictures/{artwork.entry.name}.svg"] = drawing.read_bytes()
    if about.interactive:
        interactive.add_script(built, artworks)
    items = "\n".join(_item(a, built) for a in artworks if _fallback(a, built))
    credits = dict.fromkeys(a.entry.attribution for a in artworks if a.entry.attribution)
    page = _PAGE.format(
        title=html.escape(about.title),
        items=items,
        credits="<br>".join(html.escape(c) for c in credits),
        note=f"{interactive.NOTE}\n" if interactive.SCRIPT in built.files else "",
    )
    built.files["index.html"] = page.encode()
    if interactive.SCRIPT in built.files:
        whole = built.files | {enclosed.ATTRIBUTION: enclosed.attribution(built).encode()}
        built.files[_ZIP] = archives.to_zip(dict(sorted(whole.items())))
    return built


def _limits(artwork: Artwork, form: str) -> Limits:
    return Limits(form, LARGEST_PX, _MAX_BYTES, min_px=SHOWN_PX)


def _fallback(artwork: Artwork, built: Built) -> str:
    file = f"pictures/{artwork.entry.name}{'.gif' if artwork.moves else '.png'}"
    return file if file in built.files else ""


def picture(artwork: Artwork, built: Built, alt: str) -> str:
    """Writes the `picture` of an emoji.

    Args:
      artwork: of the pack.
      built: the pack, whose files are named.
      alt: what a screen reader says.
    """
    name, lines = artwork.entry.name, ["<picture>"]
    still = f"pictures/{name}_still.png"
    if still in built.files:
        lines.append(f'  <source media="(prefers-reduced-motion: reduce)" srcset="{still}">')
    forms = _LOOP_FORMS[:-1] if artwork.moves else _STILL_FORMS[:-1]
    kinds = [(delivery.SUFFIXES[f], _TYPES[f]) for f in forms]
    for suffix, kind in ([] if artwork.moves else [(".svg", "image/svg+xml")]) + kinds:
        if (file := f"pictures/{name}{suffix}") in built.files:
            lines.append(f'  <source type="{kind}" srcset="{file}">')
    lines.append(
        f'  <img src="{_fallback(artwork, built)}" width="{SHOWN_PX}" height="{SHOWN_PX}" '
        f'alt="{html.escape(alt)}">'
    )
    return "\n".join([*lines, "</picture>"])


def _item(artwork: Artwork, built: Built) -> str:
    entry = artwork.entry
    english = picture(artwork, built, entry.alt.get("en", entry.name))
    french = entry.alt.get("fr", "")
    note = f'<p lang="fr">alt : {html.escape(french)}</p>' if french else ""
    return (
        f"<li>{english}\n<p><b>{html.escape(entry.name)}</b></p>{note}\n"
        f"<details><summary>HTML</summary><code>{html.escape(english)}</code></details>"
        f"{_drawn_there(artwork, built)}</li>"
    )


def _drawn_there(artwork: Artwork, built: Built) -> str:
    """Writes the element of a still that comes from one emoji, and its lines in both languages."""
    entry = artwork.entry
    if interactive.SCRIPT not in built.files or artwork.moves or not interactive.emoji_of(entry):
        return ""
    lines = [f'<script src="{interactive.SCRIPT}"></script>']
    for code in ("en", "fr"):
        fallback = picture(artwork, built, entry.alt.get(code) or entry.name)
        lines.append(interactive.tag(entry, code, fallback))
    return (
        f"\n{lines[1]}\n<details><summary>HTML, &lt;emoji-gan&gt;</summary>"
        f"<code>{html.escape(chr(10).join(lines))}</code></details>"
    )
