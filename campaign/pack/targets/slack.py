"""Packs for Slack: PNG and GIF of 128 px below 128,000 bytes, and lists that upload tools read."""

import csv
import io
import json
from collections.abc import Sequence

from campaign.manifest import NAME
from campaign.pack import delivery
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Limits
from campaign.pack.delivery import About, Built

LARGEST_PX = 128
MAX_BYTES = 127_999
STEPS = (
    "Slack on a computer: smiley in the message field > Add emoji > Upload image. Choose a\n"
    "picture of emoji/, give it the name of its file, save. Guests may not, nor members where\n"
    "the owners have kept it to themselves. Slack documents no upload of many at once but the\n"
    "one by program of its Enterprise plans. slack.yaml and slack.csv list all names, for\n"
    "whoever has a tool of their own.",
    "Slack sur ordinateur : smiley du champ de message > Ajouter un émoji > Importer une image.\n"
    "Choisissez une image du dossier emoji/, donnez-lui le nom de son fichier et enregistrez.\n"
    "Les invités n'y ont pas droit, ni les membres si les propriétaires se le sont réservé. Hors\n"
    "API de l'offre Entreprise, Slack ne documente pas d'import par lot. slack.yaml et slack.csv\n"
    "donnent tous les noms, pour qui a son propre outil.",
)


def build(artworks: Sequence[Artwork], about: About) -> Built:
    """Packs artworks."""
    built = Built()
    items = delivery.encode(built, artworks, _limits)
    rows = [(i.artwork.entry.name, i.file, _aliases(i.artwork)) for i in items]
    # A JSON text is a YAML text, too.
    lines = [f"title: {json.dumps(about.title)}", "emojis:"]
    for name, file, aliases in rows:
        lines += [f"  - name: {json.dumps(name)}", f"    src: {json.dumps(file)}"]
        lines += [f"    aliases: {json.dumps(aliases)}"] if aliases else []
    built.files["slack.yaml"] = ("\n".join(lines) + "\n").encode()
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(["name", "file", "aliases"])
    writer.writerows([name, file, " ".join(aliases)] for name, file, aliases in rows)
    built.files["slack.csv"] = table.getvalue().encode("utf-8")
    return built


def _limits(artwork: Artwork) -> Limits:
    form = "gif" if artwork.moves else "png"
    return Limits(form, LARGEST_PX, MAX_BYTES, max_frames=50, min_px=64)


def _aliases(artwork: Artwork) -> list[str]:
    """Returns the aliases that are short codes."""
    both = [a for code in ("en", "fr") for a in artwork.entry.aliases.get(code, [])]
    return [a for a in dict.fromkeys(both) if NAME.fullmatch(a) and a != artwork.entry.name]
